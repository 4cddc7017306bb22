"""`medeval score`: scores answers made elsewhere, one JSON line each; no model is loaded."""

import contextlib
import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import Profile, make_settings, no_cycles, note
from medeval.errors import CaseError, UsageError

if TYPE_CHECKING:
    from medeval.cases.load import CaseBook
    from medeval.metrics.composite import ScoreSheet


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(score)


def score(
    source: Annotated[str, typer.Option("--in", metavar="FILE.jsonl", help="输入，- 为标准输入 / input, - is stdin")],
    target: Annotated[str, typer.Option("--out", metavar="FILE.jsonl", help="输出，- 为标准输出 / - is stdout")],
    profile: Profile = None,
) -> None:
    """给别处得到的回答评分 / score answers made elsewhere, without a model."""
    from medeval.evaluation.tables import check_profile

    if profile is not None:
        check_profile(profile)
    if target != "-" and Path(source).resolve() == Path(target).resolve():
        raise UsageError("--in 与 --out 不能是同一个文件 / must not be the same file")
    bad = total = 0
    with _reading(source) as lines, _writing(target) as out, no_cycles():
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            result = score_line(line, number, profile)
            out.write(json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n")
            out.flush()
            total += 1
            bad += "error" in result
    if not total:
        note("没有一行可以评分 / there was no line to score")
    if bad:
        note(f"{total} 行中有 {bad} 行未能评分，见输出的 error / {bad} of {total} lines could not be scored, see error")
        raise typer.Exit(1)


def score_line(line: bytes, number: int, profile: str | None) -> dict[str, Any]:
    """The output line for one input line; what is wrong with it becomes `{"id", "error"}`.

    Args:
        line: UTF-8 JSON `{"id", "case", "answer"}`; `case` is the id of a known case, or a case itself.
        number: its number, from 1, for messages.
        profile: only this one in the output; None is all.
    """
    from medeval.evaluation.report import plain_scores

    line_id: str | None = None
    try:
        fields = _fields(line)
        line_id = None if fields.get("id") is None else str(fields["id"])
        sheet = _scored(fields)
    except CaseError as error:
        return {"id": line_id, "error": f"第 {number} 行 / line {number}: {'; '.join(error.problems)}"}
    except (UsageError, ValueError) as error:
        return {"id": line_id, "error": f"第 {number} 行 / line {number}: {error}"}
    values = {name: found.value for name, found in sheet.profiles.items() if profile in (None, name)}
    return {"id": line_id, "scores": plain_scores(sheet.scores), "profiles": values}


def _scored(fields: dict[str, Any]) -> "ScoreSheet":
    from medeval.cases.parse import parse_case
    from medeval.metrics.composite import score_answer

    _check_fields(fields)
    given = fields["case"]
    case = _known_cases(make_settings().cases).case(given) if isinstance(given, str) else parse_case(given, "case")
    try:
        return score_answer(case, fields["answer"])
    except Exception as error:  # a defect met on one line must not cost the others
        raise ValueError(f"评分失败 / scoring failed: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1)
def _known_cases(folder: Path) -> "CaseBook":
    """The cases of this installation, read when the first line names one."""
    from medeval.cases.load import load_cases

    return load_cases(folder)


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"不是 UTF-8 文本 / not UTF-8 text: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"不是 JSON / not JSON: {error.msg}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("嵌套太深 / nested too deeply") from error
    if not isinstance(fields, dict):
        raise ValueError('应为对象 / should be an object {"id", "case", "answer"}')
    return fields


def _check_fields(fields: dict[str, Any]) -> None:
    texts = [name for name in ("id", "answer") if not isinstance(fields.get(name), str)]
    faults = [f"{name}: 应为文本 / should be text" for name in texts]
    if not isinstance(fields.get("case"), dict | str):
        faults.append("case: 应为病例 id 或病例对象 / should be the id of a case, or an object with its fields")
    if faults:
        raise ValueError("; ".join(faults))


@contextlib.contextmanager
def _reading(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        handle = open(source, "rb")
    except OSError as error:
        raise UsageError(f"无法读取 {source}：{error.strerror} / cannot be read") from error
    with handle:
        yield handle


@contextlib.contextmanager
def _writing(target: str) -> Iterator[IO[str]]:
    if target == "-":
        yield sys.stdout
        return
    try:
        handle = open(target, "w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"无法写入 {target}：{error.strerror} / cannot be written") from error
    with handle:
        yield handle
