"""Reports of a run as Markdown, CSV and JSON; HTML is in `report_html`, the workbook in `report_xlsx`."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, get_args

from medeval.errors import UsageError
from medeval.evaluation.against import Against, compare_runs
from medeval.evaluation.records import Cell, RunRecord, to_plain
from medeval.evaluation.statistics import Comparison
from medeval.evaluation.tables import RunTables, run_tables
from medeval.evaluation.verdicts import firmness, loss, verdict, verdict_line, winners_first
from medeval.evaluation.wording import Lang, base_name, facts, history, interval, mark, number, word
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.metrics.score import Score

Format = Literal["md", "csv", "json", "html", "xlsx"]
FORMATS: tuple[str, ...] = get_args(Format)

LIMITS = ("limit_rules", "limit_cases")

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
        UsageError: unknown format or profile, a format that is no text, or nothing in common with `against`.
    """
    if fmt not in FORMATS:
        raise UsageError(
            f"没有格式 {fmt}；可用：{', '.join(FORMATS)}"
            f" / unknown format {fmt}; known: {', '.join(FORMATS)}"
        )
    if fmt == "xlsx":
        raise UsageError("xlsx 不是文本，请写入文件 / xlsx is no text: write it to a file")
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


def report_file(
    run: RunRecord,
    cells: Sequence[Cell],
    fmt: str = "md",
    lang: Lang = "zh",
    *,
    profile: str = DEFAULT_PROFILE,
    against: tuple[RunRecord, Sequence[Cell]] | None = None,
) -> bytes:
    """The report of a run in any of FORMATS as the content of a file; arguments and errors as for `report`."""
    if fmt != "xlsx":
        return report(run, cells, fmt, lang, profile=profile, against=against).encode("utf-8", "backslashreplace")
    from medeval.evaluation.report_xlsx import workbook

    tables = run_tables(run, cells, profile)
    return workbook(tables, None if against is None else compare_runs(run, cells, *against, profile), lang)


def _markdown(tables: RunTables, other: Against | None, lang: Lang) -> str:
    lines = [f"# {word('title', lang)} {tables.run.id}", ""]
    lines += [f"- {label}: {_safe(text)}" for label, text in (*facts(tables.run, lang), *history(tables, lang))]
    lines += ["", f"## {word('verdicts', lang)}", ""]
    found = winners_first(tables.comparisons)
    lines += [f"- {_safe(verdict(item, lang))}" for item in found] or [word("one_variant", lang)]
    if other is not None:
        lines += _against(other, lang)
    if tables.metric_comparisons:
        lines += ["", f"## {word('by_metric', lang)}", ""]
        lines += [f"- {_safe(text)}" for text in metric_verdicts(tables.metric_comparisons, lang)]
    if tables.sensitivity is not None:
        lines += ["", f"## {word('firmness', lang)}", ""]
        lines += [f"- {_safe(text)}" for text in firmness(tables.sensitivity, lang)]
    lines += ["", f"## {word('scores', lang)} ({word('profile', lang)} {_safe(tables.profile)})", ""]
    lines += _score_rows(tables, lang)
    lines += ["", word("intervals", lang), "", f"## {word('metrics', lang)}", ""]
    lines += _metric_rows(tables, lang)
    if tables.errors:
        lines += ["", f"## {word('errors', lang)}", ""]
        lines += [f"- {_error(cell, lang)}" for cell in tables.errors]
    lines += ["", f"## {word('limits', lang)}", ""]
    lines += [f"- {word(key, lang)}" for key in LIMITS]
    return "\n".join([*lines, "", f"*{word('notice', lang)}*", ""])


def _error(cell: Cell, lang: Lang) -> str:
    tries = f" ({word('attempts', lang, n=cell.attempts)})" if cell.attempts > 1 else ""
    return f"{_safe(cell.case_id)} × {_safe(cell.variant)} #{cell.repeat + 1}{tries}: {_safe(cell.error)}"


def _against(other: Against, lang: Lang) -> list[str]:
    lines = ["", f"## {word('against', lang)} {other.other.id}", ""]
    lines += [f"- {_safe(verdict(item, lang))}" for item in other.comparisons]
    lines += [f"- {_safe(text)}" for text in metric_verdicts(other.metric_comparisons, lang)]
    if other.changed_cases:
        lines.append(f"- {word('changed', lang)}: {_safe(', '.join(other.changed_cases))}")
    if not other.same_profiles:
        lines.append(f"- {word('other_profiles', lang)}")
    lines += ["", f"### {word('regressions', lang)}", ""]
    lines += [f"- ⚠ {_safe(text)}" for text in losses(other, lang)] or [word("no_regression", lang)]
    return lines


def losses(other: Against, lang: Lang) -> list[str]:
    """The regression flags as sentences."""
    return [loss(item, lang, metric_label(item.what, lang) if item.what else "") for item in other.regressions]


def metric_verdicts(comparisons: Sequence[Comparison], lang: Lang) -> list[str]:
    """The metrics on which a pair is told apart, a line per pair, and how many comparisons are tied."""
    told = [item for item in comparisons if item.verdict != "tied"]
    tied = len(comparisons) - len(told)
    if not told:
        return [word("no_metric", lang, n=tied)]
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for item in told:
        groups.setdefault((item.a, item.b, item.verdict), []).append(item)
    lines = [verdict_line(items, [metric_label(item.metric, lang, short=True) for item in items], lang)
             for items in groups.values()]  # fmt: skip
    return [*lines, word("by_metric_note", lang, n=tied)]


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


def metric_label(name: str, lang: Lang, *, short: bool = False) -> str:
    """The metric's label in `lang`, with its name unless `short`; the bare name of a metric that is gone."""
    from medeval.metrics.score import all_metrics

    found = all_metrics().get(name)
    if found is None:
        return name
    label = found.zh if lang == "zh" else found.en
    return label if short else f"{label} ({name})"


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
        yield "answer", "attempts", cell.attempts, ""
        if cell.origin:
            yield "answer", "origin", None, cell.origin
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
    by_metric = [*tables.metric_comparisons, *(other.metric_comparisons if other else ())]
    return {
        "run": _plain_run(tables),
        "cells": [_plain_cell(cell) for cell in tables.cells],
        "comparisons": [{"profile": tables.profile, **asdict(item)} for item in comparisons],
        "metric_comparisons": [asdict(item) for item in by_metric],
        "sensitivity": None if tables.sensitivity is None else asdict(tables.sensitivity),
        "regressions": [asdict(item) for item in other.regressions] if other else [],
    }


def _plain_run(tables: RunTables) -> dict[str, Any]:
    run = tables.run
    spec = to_plain(run.spec)
    for item in spec["cases"]:  # folders say who and where; the hash says which image
        item["case"]["images"] = [image.replace("\\", "/").rsplit("/", 1)[-1] for image in item["case"]["images"]]
    spec["base"] = base_name(spec["base"])
    spec["receipt"]["base"] = base_name(spec["receipt"]["base"])
    means = {name: None if found is None else asdict(found) for name, found in tables.means.items()}
    state = {name: getattr(run, name) for name in ("id", "created", "finished", "status", "answered", "failed")}
    metrics = {
        metric: {name: None if item is None else asdict(item) for name, item in found.items()}
        for metric, found in tables.metrics.items()
    }
    counts = {"missing": run.missing, "reused": tables.reused, "retried": len(tables.retried)}
    return {**state, **counts, "profile": tables.profile, "means": means, "metric_means": metrics, **spec}


def _plain_cell(cell: Cell) -> dict[str, Any]:
    return {
        "case": cell.case_id,
        "variant": cell.variant,
        "repeat": cell.repeat,
        "answer": None if cell.answer is None else cell.answer.text,
        "scores": plain_scores(cell.scores),
        "profiles": {name: profile.value for name, profile in cell.profiles.items()},
        "error": cell.error,
        "attempts": cell.attempts,
        "origin": cell.origin,
    }
