"""Reports of a run as Markdown, CSV and JSON; the HTML one is in `report_html`."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, get_args

from medeval.errors import UsageError
from medeval.evaluation.records import Cell, RunRecord, to_plain
from medeval.evaluation.tables import Against, RunTables, compare_runs, run_tables
from medeval.evaluation.wording import Lang, facts, interval, mark, number, verdict, word
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.metrics.score import Score

Format = Literal["md", "csv", "json", "html"]
FORMATS: tuple[str, ...] = get_args(Format)

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def report(
    run: RunRecord,
    cells: Sequence[Cell],
    fmt: str = "md",
    lang: Lang = "zh",
    *,
    profile: str = DEFAULT_PROFILE,
    against: tuple[RunRecord, Sequence[Cell]] | None = None,
) -> str:
    """The report of a run as text.

    Args:
        run: as stored.
        cells: all cells saved so far; an unfinished run gives a report that says so.
        fmt: md, csv, json or html.
        lang: of the labels; case texts and answers stay as they are.
        profile: which profile makes the one number.
        against: an earlier run to compare with, and its cells.

    Raises:
        UsageError: unknown format or profile, or nothing in common with `against`.
    """
    if fmt not in FORMATS:
        raise UsageError(f"没有格式 {fmt}；可用：{', '.join(FORMATS)} / unknown format, see the list")
    tables = run_tables(run, cells, profile)
    other = None if against is None else compare_runs(run, cells, *against, profile)
    if fmt == "csv":
        return _csv(tables)
    if fmt == "json":
        return json.dumps(_plain(tables, other), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if fmt == "html":
        from medeval.evaluation.report_html import html_report

        return html_report(tables, other, lang)
    return _markdown(tables, other, lang)


def _markdown(tables: RunTables, other: Against | None, lang: Lang) -> str:
    lines = [f"# {word('title', lang)} {tables.run.id}", ""]
    lines += [f"- {label}: {_safe(text)}" for label, text in facts(tables.run, lang)]
    lines += ["", f"## {word('verdicts', lang)}", ""]
    lines += [f"- {_safe(verdict(item, lang))}" for item in tables.comparisons] or [word("one_variant", lang)]
    if other is not None:
        lines += _against(other, lang)
    lines += ["", f"## {word('scores', lang)} ({word('profile', lang)} {_safe(tables.profile)})", ""]
    lines += _score_rows(tables, lang)
    lines += ["", word("intervals", lang), "", f"## {word('metrics', lang)}", ""]
    lines += _metric_rows(tables, lang)
    if tables.errors:
        lines += ["", f"## {word('errors', lang)}", ""]
        lines += [f"- {_safe(c.case_id)} × {_safe(c.variant)} #{c.repeat}: {_safe(c.error)}" for c in tables.errors]
    return "\n".join([*lines, "", f"*{word('notice', lang)}*", ""])


def _against(other: Against, lang: Lang) -> list[str]:
    lines = ["", f"## {word('against', lang)} {other.other.id}", ""]
    lines += [f"- {_safe(verdict(item, lang))}" for item in other.comparisons]
    if other.changed_cases:
        lines.append(f"- {word('changed', lang)}: {_safe(', '.join(other.changed_cases))}")
    if not other.same_profiles:
        lines.append(f"- {word('other_profiles', lang)}")
    return lines


def _score_rows(tables: RunTables, lang: Lang) -> Iterator[str]:
    yield _row([word("case", lang), *tables.variants])
    yield _row(["---", *("---:" for _ in tables.variants)])
    for item in tables.cases:
        name = item.case.title.text(lang)
        label = f"{name} ({item.case.id})" if name else item.case.id
        yield _row([label, *(mark(tables.marks[item.case.id, variant], lang) for variant in tables.variants)])
    yield _row([f"**{word('mean', lang)}**", *(interval(tables.means[variant]) for variant in tables.variants)])


def _metric_rows(tables: RunTables, lang: Lang) -> Iterator[str]:
    yield _row([word("metric", lang), *tables.variants])
    yield _row(["---", *("---:" for _ in tables.variants)])
    for name, means in tables.metrics.items():
        yield _row([metric_label(name, lang), *(interval(means[variant]) for variant in tables.variants)])
    yield _row([word("speed", lang), *(number(tables.speeds[variant]) for variant in tables.variants)])


def metric_label(name: str, lang: Lang) -> str:
    """The metric's label in `lang` with its name; the bare name where an older run knew a metric that is gone."""
    from medeval.metrics.score import all_metrics

    found = all_metrics().get(name)
    return name if found is None else f"{found.zh if lang == 'zh' else found.en} ({name})"


def _row(parts: Sequence[str]) -> str:
    return "| " + " | ".join(_safe(part) for part in parts) + " |"


def _safe(text: str | None) -> str:
    """Text that neither breaks a table nor becomes markup where Markdown allows HTML."""
    flat = " ".join((text or "").split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _csv(tables: RunTables) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["run", "case", "variant", "repeat", "kind", "name", "value", "text"])
    for cell in tables.cells:
        head = [tables.run.id, unformula(cell.case_id), unformula(cell.variant), cell.repeat]
        for kind, name, value, text in _long(cell):
            writer.writerow([*head, kind, unformula(name), "" if value is None else value, unformula(text)])
    return out.getvalue()


def _long(cell: Cell) -> Iterator[tuple[str, str, float | None, str]]:
    if cell.answer is not None:
        yield "answer", "text", None, cell.answer.text
        yield "answer", "tokens", cell.answer.tokens, ""
        yield "answer", "seconds", round(cell.answer.seconds, 4), ""
        yield "answer", "finish_reason", None, cell.answer.finish_reason
    if cell.error is not None:
        yield "error", "error", None, cell.error
    for name, profile in cell.profiles.items():
        yield "profile", name, profile.value, profile.note
    for name, score in cell.scores.items():
        yield "metric", name, score.value, score.reason


def unformula(text: str) -> str:
    """Text that a spreadsheet will not run: a leading formula sign gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def plain_scores(scores: Mapping[str, Score]) -> dict[str, Any]:
    """Scores in the form scripts depend on (design §5): value, reason, evidence."""
    return {
        name: {"value": score.value, "reason": score.reason, "evidence": [asdict(item) for item in score.evidence]}
        for name, score in scores.items()
    }


def _plain(tables: RunTables, other: Against | None) -> dict[str, Any]:
    comparisons = [*tables.comparisons, *(other.comparisons if other else ())]
    return {
        "run": _plain_run(tables),
        "cells": [_plain_cell(cell) for cell in tables.cells],
        "comparisons": [{"profile": tables.profile, **asdict(item)} for item in comparisons],
    }


def _plain_run(tables: RunTables) -> dict[str, Any]:
    run = tables.run
    spec = to_plain(run.spec)
    for item in spec["cases"]:  # folders say who and where; the hash says which image
        item["case"]["images"] = [image.replace("\\", "/").rsplit("/", 1)[-1] for image in item["case"]["images"]]
    means = {name: None if found is None else asdict(found) for name, found in tables.means.items()}
    state = {name: getattr(run, name) for name in ("id", "created", "finished", "status", "answered", "failed")}
    return {**state, "missing": run.missing, "profile": tables.profile, "means": means, **spec}


def _plain_cell(cell: Cell) -> dict[str, Any]:
    return {
        "case": cell.case_id,
        "variant": cell.variant,
        "repeat": cell.repeat,
        "answer": None if cell.answer is None else cell.answer.text,
        "scores": plain_scores(cell.scores),
        "profiles": {name: profile.value for name, profile in cell.profiles.items()},
        "error": cell.error,
    }
