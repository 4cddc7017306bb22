"""Writes samples as one JSONL line each: the instruction format where it fits, else chat or preference pairs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from medeval.engines.contract import Message
from medeval.training.data import Sample

Place = Callable[[Path], str]
"""From an image's path to how the written line names it."""


def write_samples(samples: Iterable[Sample], file: Path, place: Place) -> int:
    """Writes `file` whole or not at all; returns how many lines it has."""
    part = file.with_suffix(file.suffix + ".part")
    count = 0
    with part.open("w", encoding="utf-8", newline="\n") as handle:
        for sample in samples:
            handle.write(json.dumps(sample_record(sample, place), ensure_ascii=False) + "\n")
            count += 1
    os.replace(part, file)
    return count


def sample_record(sample: Sample, place: Place) -> dict[str, Any]:
    """The JSON object of a sample, which reads back as the same sample."""
    meta = dict(sample.meta)
    if sample.dimensions:
        meta["dimension"] = list(sample.dimensions)
    ending: dict[str, Any] = {"meta": meta} if meta else {}
    if sample.is_pair:
        return _pair(sample, place) | ending
    system, question, answer = _single_turn(sample)
    if question is None:
        return {"messages": [_turn(m, place) for m in sample.messages]} | ending
    images = {"images": [place(path) for path in question.images]} if question.images else {}
    return {"instruction": system, "input": question.text, "output": answer} | images | ending


def _single_turn(sample: Sample) -> tuple[str, Message | None, str]:
    """System, question and answer, where the sample is one exchange; else a question of None."""
    turns = list(sample.messages)
    system = turns.pop(0).text if turns[0].role == "system" else ""
    if [m.role for m in turns] != ["user", "assistant"] or not turns[0].text:
        return "", None, ""
    return system, turns[0], turns[1].text


def _turn(message: Message, place: Place) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, str]] = [{"type": "image", "image": place(path)} for path in message.images]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _pair(sample: Sample, place: Place) -> dict[str, Any]:
    answers = {"chosen": sample.chosen, "rejected": sample.rejected}
    if len(sample.messages) == 1:
        images = {"images": [place(path) for path in sample.images]} if sample.images else {}
        return {"prompt": sample.messages[0].text} | images | answers
    return {"prompt": [_turn(m, place) for m in sample.messages]} | answers
