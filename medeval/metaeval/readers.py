"""Readers of public data sets, recognised by their fields; a bad line is reported and the rest goes on.

K-QA (question, answer, must_have, nice_to_have), its claims (question, answer, claim, majority, labels), LLMEval-Med
(problem, answer or sanswer, rubric or checklist), CMB-Clin (description, QA_pairs), MEDEC (text, error_sentence,
corrected_sentence). One JSON object a line, or one JSON list.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from medeval.cases.schema import Case, Expect, Urgency
from medeval.errors import UsageError
from medeval.metaeval.items import Claim, Item, Label, Note, Pool, Source, language_of
from medeval.metaeval.running_text import facts_in
from medeval.metaeval.sentences import checklist_lines, urgency_named

Fields = Mapping[str, Any]
Row = Item | Claim | Note
_SUFFIXES = (".jsonl", ".json", ".ndjson")


def read_folder(folder: Path) -> Pool:
    """Every data set of a folder (or one file), in order of file names.

    Raises:
        UsageError: no such place, or it holds no file of a known format.
    """
    if not folder.exists():
        raise UsageError(
            f"没有文件夹 {folder}：请用 --data 给出 .jsonl 文件夹"
            f" / no such folder {folder}: give --data a folder of .jsonl files"
        )
    files = [folder] if folder.is_file() else sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    rows: list[Row] = []
    sources: list[Source] = []
    for file in files:
        found, source = read_file(file)
        rows += found
        sources.append(source)
    if not rows:
        told = "; ".join(f"{s.name}: {p}" for s in sources for p in s.problems[:3]) or "*.jsonl"
        raise UsageError(
            f"{folder} 中没有可识别的数据（{told}）；见 docs/metaeval.md"
            f" / no file of a known format in {folder} ({told}); see docs/metaeval.md"
        )
    return pool_of(rows, sources)


def pool_of(rows: list[Row], sources: list[Source]) -> Pool:
    """Rows sorted by what they are."""
    return Pool(
        tuple(row for row in rows if isinstance(row, Item)),
        tuple(row for row in rows if isinstance(row, Claim)),
        tuple(row for row in rows if isinstance(row, Note)),
        tuple(sources),
    )


def read_file(file: Path) -> tuple[list[Row], Source]:
    """The usable rows of one file, and what was wrong with its other lines (with line numbers from 1)."""
    rows: list[Row] = []
    problems: list[str] = []
    dataset, used = "", 0
    for number, fields in _lines(file):
        if isinstance(fields, str):
            problems.append(f"第 {number} 行：{fields} / line {number}: {fields}")
            continue
        reader = next((name for name, (needed, _) in READERS.items() if needed <= fields.keys()), "")
        if not reader:
            keys = ", ".join(sorted(map(str, fields))[:8])
            problems.append(f"第 {number} 行：不认识的字段：{keys} / line {number}: unknown fields: {keys}")
            continue
        dataset = dataset or reader
        try:
            rows += READERS[reader][1](fields, f"{reader}-{number}")
            used += 1
        except (ValueError, TypeError, AttributeError) as fault:
            problems.append(f"第 {number} 行：{_first_line(fault)} / line {number}: {_first_line(fault)}")
    return rows, Source(file.name, dataset, used, tuple(problems))


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0][:200]


def _lines(file: Path) -> Iterator[tuple[int, Fields | str]]:
    """(line number, its object) or (line number, what is wrong)."""
    try:
        raw = file.read_bytes()
    except OSError as fault:
        yield 0, f"无法读取：{fault.strerror} / cannot be read: {fault.strerror}"
        return
    if raw.lstrip()[:1] == b"[" and (whole := _whole_list(raw)) is not None:
        yield from ((i, v if isinstance(v, dict) else "应为对象 / should be an object") for i, v in enumerate(whole, 1))
        return
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8-sig"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as fault:
            yield number, f"不是 UTF-8 的 JSON：{_first_line(fault)} / not JSON in UTF-8: {_first_line(fault)}"
            continue
        yield number, value if isinstance(value, dict) else "应为对象 / should be an object"


def _whole_list(raw: bytes) -> list[Any] | None:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _text(fields: Fields, *names: str) -> str:
    """The first of `names` that is there; it must be text and not blank."""
    name = next((name for name in names if name in fields), names[0])
    value = fields.get(name)
    if not isinstance(value, str) or not any(sign.isalnum() for sign in value):
        raise ValueError(f"{name}: 应为非空文本 / should be text that is not empty")
    return value.strip()


def _texts(fields: Fields, name: str) -> list[str]:
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError(f"{name}: 应为文本列表 / should be a list of texts")
    return [entry.strip() for entry in value if entry.strip()]


def _case(
    case_id: str, prompt: str, must_have: list[str], facts: dict[str, str] | None = None,
    urgency: Urgency | None = None,
) -> Case:  # fmt: skip
    expect = Expect(must_have=list(must_have), urgency=urgency)
    return Case(id=case_id, prompt=prompt, language=language_of(prompt), facts=facts or {}, expect=expect)


def _kqa(fields: Fields, row: str) -> list[Row]:
    question, answer = _text(fields, "question"), _text(fields, "answer")
    must, nice = _texts(fields, "must_have"), _texts(fields, "nice_to_have")
    case = _case(row, question, must, urgency=urgency_named(question, [*must, *nice]))
    return [Item(case, answer, question, "kqa")]


def _kqa_nli(fields: Fields, row: str) -> list[Row]:
    question, answer, claim = _text(fields, "question"), _text(fields, "answer"), _text(fields, "claim")
    majority, labels = _text(fields, "majority"), _texts(fields, "labels")
    known = get_args(Label)
    if majority not in known or any(label not in known for label in labels):
        raise ValueError(f"majority, labels: 应为 {', '.join(known)} / should be of {', '.join(known)}")
    return [
        Claim(_case(row, question, [claim]), answer, claim, _label(majority), tuple(map(_label, labels)), question,
              "kqa_nli")
    ]  # fmt: skip


def _label(text: str) -> Label:
    return "Entailment" if text == "Entailment" else "Contradiction" if text == "Contradiction" else "Neutral"


def _llmeval_med(fields: Fields, row: str) -> list[Row]:
    question, answer = _text(fields, "problem"), _text(fields, "answer", "sanswer")
    checklist = checklist_lines(_text(fields, "rubric", "checklist"))
    case = _case(row, question, checklist, urgency=urgency_named(question, checklist))
    return [Item(case.model_copy(update={"language": language_of(answer)}), answer, question, "llmeval_med")]


def _cmb_clin(fields: Fields, row: str) -> list[Row]:
    description, pairs = _text(fields, "description"), fields.get("QA_pairs")
    if not isinstance(pairs, list) or not pairs:
        raise ValueError("QA_pairs: 应为非空列表 / should be a list that is not empty")
    found: list[Row] = []
    for number, pair in enumerate(pairs, 1):
        question, answer = _text(pair, "question"), _text(pair, "answer", "solution")
        case = _case(f"{row}-{number}", f"{description}\n\n{question}", [], facts_in(description))
        found.append(Item(case, answer, description, "cmb_clin"))
    return found


def _medec(fields: Fields, row: str) -> list[Row]:
    text = _text(fields, "text")
    if str(fields.get("has_error", "1")).strip() in ("0", "False", "false"):
        return []
    wrong, right = _text(fields, "error_sentence"), _text(fields, "corrected_sentence")
    rest = re.sub(r"\s+", " ", text.replace(wrong, " ", 1)).strip()
    if wrong not in text or not rest:
        raise ValueError("error_sentence: 不在 text 中 / does not stand in text")
    kind = str(fields.get("error_type") or "")
    return [Note(_case(row, rest, [], facts_in(rest)), right, wrong, kind, rest[:80], "medec")]


READERS: dict[str, tuple[frozenset[str], Callable[[Fields, str], list[Row]]]] = {
    "kqa_nli": (frozenset({"question", "answer", "claim", "majority"}), _kqa_nli),
    "kqa": (frozenset({"question", "answer", "must_have"}), _kqa),
    "llmeval_med": (frozenset({"problem", "rubric"}), _llmeval_med),
    "llmeval_med_checklist": (frozenset({"problem", "checklist"}), _llmeval_med),
    "cmb_clin": (frozenset({"description", "QA_pairs"}), _cmb_clin),
    "medec": (frozenset({"text", "error_sentence", "corrected_sentence"}), _medec),
}
"""Data set → the fields it is recognised by (the first that fits), and its reader."""
