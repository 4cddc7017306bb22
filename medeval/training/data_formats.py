"""Reads JSONL, JSON lists and CSV in the forms people have: instruction, chat, prompt/completion, preference pairs.

Instruction (`instruction`, `input`, `output`, `meta`), chat (`messages` of Hugging Face, mlx-lm and mlx-vlm, or
`conversations` of ShareGPT, with `images`), `prompt`/`completion`, `question`/`answer`, and `prompt`/`chosen`/
`rejected`. Image paths are relative to the file. docs/training.md shows one line of each.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medeval.engines.contract import Message
from medeval.training.data import Problem, Sample
from medeval.training.phases import DIMENSIONS

DIMENSION_WORDS = {
    "精度": "precision", "精准度": "precision", "准确性": "precision", "人情味": "empathy", "同理心": "empathy",
    "图像": "image", "图像识别": "image", "文本": "text", "安全": "safety", "思考链": "reasoning",
    "术语": "term_accuracy", "数值": "numerical_precision", "vision": "image",
}  # fmt: skip
META_COLUMNS = (
    "source", "risk_level", "specialty", "complexity", "lang_style", "is_deidentified", "dimension", "pool",
    "patient_id", "patient", "group", "id",
)  # fmt: skip
_ROLES = {
    "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant",
    "system": "system",
}  # fmt: skip
_MARKS = ("<image>", "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>")


class _Fault(Exception):
    """What is wrong with one record: a stable word and a sentence."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


def read_file(file: Path) -> tuple[list[Sample], list[Problem]]:
    """Samples of a file in order, and one Problem for each line that is none."""
    samples: list[Sample] = []
    problems: list[Problem] = []
    try:
        for line, record in _records(file):
            try:
                if isinstance(record, _Fault):
                    raise record
                samples.append(parse_record(record, f"{file.name}:{line}", file.parent))
            except _Fault as fault:
                problems.append(Problem(file.name, line, fault.kind, str(fault)))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        why = f"文件无法读取（应为 UTF-8） / cannot be read (UTF-8 is wanted) · {error}"
        problems.append(Problem(file.name, 0, "unreadable", why))
    return samples, problems


def _records(file: Path) -> Iterator[tuple[int, Any]]:
    if file.suffix == ".csv":
        yield from _csv_records(file)
        return
    text = file.read_text("utf-8-sig")
    if file.suffix == ".json":
        values = json.loads(text)
        if not isinstance(values, list):
            raise ValueError("应是列表 / a JSON file must hold a list")
        yield from enumerate(values, 1)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                yield number, _Fault("not_json", f"这一行不是 JSON / this line is not JSON · {error}")


def _csv_records(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        for row in reader:
            record: dict[str, Any] = {k.strip(): v for k, v in row.items() if k and v not in (None, "")}
            meta = {key: record.pop(key) for key in META_COLUMNS if key in record}
            for key in ("images", "image"):
                if key in record:
                    record["images"] = [part.strip() for part in record.pop(key).split(";") if part.strip()]
            yield reader.line_num, record | ({"meta": meta} if meta else {})


def parse_record(record: Any, name: str, folder: Path) -> Sample:
    """The sample of one record; raises _Fault."""
    if not isinstance(record, dict):
        raise _Fault("not_object", "应是 JSON 对象 / must be a JSON object")
    meta = record.get("meta") or {}
    if not isinstance(meta, dict):
        raise _Fault("meta", "meta 应是对象 / meta must be an object")
    meta = {key: record[key] for key in META_COLUMNS if key in record and key != "id"} | meta
    images = _image_paths(record, folder)
    dimensions = _dimensions(meta.pop("dimension", None))
    if "chosen" in record or "rejected" in record:
        return _pair(record, name, images, dimensions, meta, folder)
    messages = _messages(record, images, folder)
    if messages[-1].role != "assistant" or not messages[-1].text.strip():
        raise _Fault("empty_label", "答案为空，没有可学的内容 / the answer is empty: there is nothing to learn")
    if not any(m.role == "user" and (m.text.strip() or m.images) for m in messages):
        raise _Fault("empty_question", "问题为空 / the question is empty")
    return Sample(name, messages, dimensions, meta)


def _messages(record: Mapping[str, Any], images: list[Path], folder: Path) -> tuple[Message, ...]:
    for key in ("messages", "conversations"):
        if key in record:
            return _chat(record[key], images, folder)
    system, question, answer = _fields(record)
    turns: list[Message] = [Message("system", system)] if system else []
    for earlier in _history(record):
        turns += [Message("user", earlier[0]), Message("assistant", earlier[1])]
    return (*turns, Message("user", _unmarked(question), tuple(images)), Message("assistant", answer))


def _fields(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """System, question and answer of the flat forms."""
    system = _text(record, "system")
    if "output" in record:
        instruction, given = _text(record, "instruction"), _text(record, "input")
        if given and instruction:
            return "\n".join(part for part in (system, instruction) if part), given, _text(record, "output")
        return system, given or instruction, _text(record, "output")
    for question, answer in (("prompt", "completion"), ("question", "answer"), ("query", "response")):
        if answer in record:
            return system, _text(record, question), _text(record, answer)
    keys = ", ".join(sorted(map(str, record)))[:120]
    raise _Fault(
        "unknown_format",
        f"认不出格式（键：{keys}），需要 instruction/input/output、messages、prompt/completion 或 chosen/rejected"
        f" / unknown format (keys: {keys}), give instruction/input/output, messages,"
        " prompt/completion or chosen/rejected",
    )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Fault("not_text", f"{key} 应是文字 / {key} must be text")
    return value


def _history(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    value = record.get("history") or []
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        value = _paired(value)
    pairs = isinstance(value, list) and all(isinstance(t, list) and len(t) == 2 for t in value)
    if not pairs:
        raise _Fault("history", "history 应是 [[问, 答], …] / history must be a list of [question, answer]")
    return [(str(question), str(answer)) for question, answer in value]


def _paired(turns: list[dict[str, Any]]) -> list[list[str]]:
    """Turns as `medeval review export` writes them, {role, text}, as [question, answer]."""
    texts = [str(turn.get("text", turn.get("content", ""))) for turn in turns]
    roles = [_ROLES.get(str(turn.get("role"))) for turn in turns]
    if roles != ["user", "assistant"] * (len(turns) // 2):
        raise _Fault("history", "history 应是一问一答 / the turns of history must alternate, user first")
    return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]


def _chat(turns: Any, images: list[Path], folder: Path) -> tuple[Message, ...]:
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise _Fault("messages", "messages 应是非空的消息列表 / messages must be a list of turns that is not empty")
    waiting = list(images)
    found: list[Message] = []
    for turn in turns:
        role = _ROLES.get(str(turn.get("role", turn.get("from", ""))))
        if role is None:
            given = str(turn.get("role", turn.get("from")))[:40]
            raise _Fault("role", f"未知的角色：{given} / unknown role: {given}")
        text, own, marks = _content(turn.get("content", turn.get("value")), folder)
        # Placeholders take images from the record's list in order.
        own += [waiting.pop(0) for _ in range(min(marks, len(waiting)))]
        found.append(Message(role, text, tuple(own)))  # type: ignore[arg-type]
    if waiting:
        first = next((i for i, m in enumerate(found) if m.role == "user"), None)
        if first is None:
            raise _Fault("empty_question", "问题为空 / the question is empty")
        found[first] = Message("user", found[first].text, (*found[first].images, *waiting))
    return tuple(found)


def _content(value: Any, folder: Path) -> tuple[str, list[Path], int]:
    """Text, images named in place, and how many placeholders ask for one of the record's images."""
    if isinstance(value, str):
        return _unmarked(value), [], sum(value.count(mark) for mark in _MARKS[:2])
    if not isinstance(value, list):
        raise _Fault("content", "content 应是文字或列表 / content must be text or a list of parts")
    texts: list[str] = []
    images: list[Path] = []
    marks = 0
    for part in value:
        if not isinstance(part, dict):
            raise _Fault("content", "content 的每一项应是对象 / each part of content must be an object")
        kind = part.get("type")
        if kind == "text":
            texts.append(_unmarked(str(part.get("text") or part.get("content") or "")))
        elif kind in ("image", "image_url"):
            named = part.get("image") or part.get("path") or part.get("url") or part.get("image_url")
            named = named.get("url") if isinstance(named, dict) else named
            marks += 0 if named else 1
            images += [_path(named, folder)] if named else []
        else:
            given = str(kind)[:40]
            raise _Fault("content", f"不支持的内容类型：{given} / content of this type is not supported: {given}")
    return "".join(texts), images, marks


def _unmarked(text: str) -> str:
    for mark in _MARKS:
        text = text.replace(mark + "\n", "").replace(mark, "")
    return text


def _image_paths(record: Mapping[str, Any], folder: Path) -> list[Path]:
    value = record.get("images", record.get("image", []))
    values = value if isinstance(value, list) else [value] if value else []
    return [_path(v.get("path") if isinstance(v, dict) else v, folder) for v in values]


def _path(value: Any, folder: Path) -> Path:
    if not isinstance(value, str) or not value:
        raise _Fault("image", "图片应是文件路径 / an image must be the path of a file")
    if value.startswith(("http:", "https:", "data:")):
        raise _Fault("image", f"图片应是本地文件，不下载：{value[:60]} / images must be local files: {value[:60]}")
    return folder / value.removeprefix("file://")


def _dimensions(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [v.strip() for v in str(value).split(",")] if value else []
    named = tuple(dict.fromkeys(DIMENSION_WORDS.get(str(v), str(v)) for v in given))
    unknown = [v for v in named if v not in DIMENSIONS]
    if unknown:
        known = ", ".join(sorted(DIMENSIONS))
        odd = ", ".join(unknown)
        raise _Fault("dimension", f"没有维度 {odd}；可用：{known} / no such dimension {odd}; choose from: {known}")
    return named


def _pair(
    record: Mapping[str, Any], name: str, images: list[Path], dimensions: tuple[str, ...], meta: dict[str, Any],
    folder: Path,
) -> Sample:  # fmt: skip
    prompt = record.get("prompt", record.get("messages", record.get("input", "")))
    if isinstance(prompt, list):
        messages = _chat(prompt, images, folder)
    else:
        system = _text(record, "system")
        question = Message("user", _unmarked(str(prompt or "")), tuple(images))
        earlier = [
            message
            for asked, told in _history(record)
            for message in (Message("user", asked), Message("assistant", told))
        ]
        messages = (*([Message("system", system)] if system else []), *earlier, question)
    chosen, rejected = (_last_text(record.get(key)) for key in ("chosen", "rejected"))
    if not chosen.strip() or not rejected.strip():
        raise _Fault("empty_label", "chosen 或 rejected 为空 / chosen or rejected is empty")
    if chosen == rejected:
        raise _Fault("same_pair", "chosen 与 rejected 相同，学不到偏好 / chosen equals rejected: nothing to prefer")
    if not any(m.role == "user" and (m.text.strip() or m.images) for m in messages):
        raise _Fault("empty_question", "问题为空 / the question is empty")
    return Sample(name, messages, dimensions, meta, chosen, rejected)


def _last_text(value: Any) -> str:
    """An answer given as text or as a list of messages (TRL)."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
        if isinstance(value, list):
            return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""
