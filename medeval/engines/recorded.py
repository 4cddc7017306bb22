"""The recorded engine: answers made elsewhere, from a JSONL file, behind the same contract.

One object per line: {"case": id, "variant": name, "answer": text, optional "tokens", "seconds", "error"}.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Cancel
from typing import Any

from medeval.adapters.variant import Variant
from medeval.engines.contract import Answer, BaseRef, Done, Event, Failed, Loaded, Receipt, Request, Token
from medeval.errors import EngineError

_KEYS = {"case", "variant", "answer", "tokens", "seconds", "error"}


@dataclass(frozen=True)
class Recording:
    """One recorded answer, or the error that was recorded instead."""

    answer: str
    tokens: int
    seconds: float
    error: str | None


class RecordedEngine:
    """Plays recorded answers back; a case without a recording is a Failed event, never an empty answer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._recordings: dict[tuple[str, str], Recording] = {}

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        """Reads the file; the base is not loaded. `variants` may be empty: then all recorded ones are meant.

        Raises:
            EngineError: the file cannot be read, or lines are bad (all of them named with their numbers).
        """
        self._recordings = read_recordings(self.path)
        names = [v.name for v in variants] or self.variants
        known = set(self.variants)
        return Receipt(
            engine="recorded",
            base=str(self.path),
            base_fingerprint="",
            dtype="",
            device="",
            variants=tuple(Loaded(n, "base" if n == "base" else "batched", 0, 0) for n in names if n in known),
            refused={n: [f"{n}: 文件里没有它的回答 / the file holds no answer of it"] for n in names if n not in known},
            notes=(f"{len(self._recordings)} 条录好的回答 / {len(self._recordings)} recorded answers",),
        )

    @property
    def variants(self) -> list[str]:
        """Names of the recorded variants, in the order of the file."""
        return list(dict.fromkeys(variant for _, variant in self._recordings))

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        """Yields each recorded answer as one Token and a Done."""
        for request in requests:
            yield from self._play(request, cancel)

    def _play(self, request: Request, cancel: Cancel) -> Iterator[Event]:
        found = self._recordings.get((request.case_id, request.variant))
        if cancel.is_set():
            yield Done(request.id, Answer(request.variant, "", 0, 0.0, "cancelled"))
        elif found is None:
            where = f"{request.case_id} / {request.variant}"
            why = f"{self.path.name} 里没有 {where} 的回答 / {self.path.name} holds no answer for {where}"
            yield Failed(request.id, why)
        elif found.error is not None:
            yield Failed(request.id, found.error)
        else:
            if found.answer:
                yield Token(request.id, found.answer)
            yield Done(
                request.id, Answer(request.variant, found.answer, found.tokens, found.seconds, "recorded")
            )

    def close(self) -> None:
        """Forgets the recordings."""
        self._recordings = {}


def read_recordings(path: Path) -> dict[tuple[str, str], Recording]:
    """Reads a JSONL file of answers by (case, variant).

    Raises:
        EngineError: unreadable file, or bad lines, all named at once.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # splitlines() also breaks at U+2028 inside an answer
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"无法读取 {path} / cannot read {path} · {error}") from None
    found: dict[tuple[str, str], Recording] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key, recording = _parse(line)
            if key in found:
                raise ValueError(f"{key[0]}, {key[1]}: 重复 / appears twice")
            found[key] = recording
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}")
    if problems:
        raise EngineError("\n".join(problems))
    return found


def _parse(line: str) -> tuple[tuple[str, str], Recording]:
    try:
        value = json.loads(line)
    except ValueError:
        raise ValueError("不是 JSON / not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("不是 JSON 对象 / not a JSON object")
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise ValueError(f"未知字段 {', '.join(unknown)} / unknown fields {', '.join(unknown)}")
    error = value.get("error")
    for key in ("case", "variant", *(() if error else ("answer",))):
        if not isinstance(value.get(key), str) or (key != "answer" and not value[key]):
            raise ValueError(f"缺少 {key}（文本） / {key} (text) is missing")
    return (value["case"], value["variant"]), _recording(value, error)


def _recording(value: dict[str, Any], error: Any) -> Recording:
    tokens, seconds = value.get("tokens", 0), value.get("seconds", 0.0)
    for key, number in (("tokens", tokens), ("seconds", seconds)):
        if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            raise ValueError(f"{key} 应是非负数 / {key} must be a number, not negative")
    return Recording(str(value.get("answer") or ""), int(tokens), float(seconds), str(error) if error else None)
