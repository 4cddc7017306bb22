"""The report as a workbook: verdicts, scores, metrics, answers and limits on sheets of their own.

No cell is ever a formula: every text is written as text, and one that begins like a formula gets an apostrophe too,
because a sheet saved as CSV and opened again would otherwise run it.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from medeval.evaluation.against import Against
from medeval.evaluation.report import LIMITS, losses, metric_label, unformula
from medeval.evaluation.statistics import Comparison, Interval
from medeval.evaluation.tables import RunTables
from medeval.evaluation.verdicts import firmness, verdict
from medeval.evaluation.wording import Lang, facts, history, mark, word

_LONGEST = 32_000
"""Excel holds 32,767 characters in a cell; a longer answer is cut and says so."""
_SHADES = {"good": "D8F0DF", "fair": "FDF1CF", "bad": "FBDCD9"}

Value = str | int | float | None


def workbook(tables: RunTables, other: Against | None, lang: Lang) -> bytes:
    """The workbook as the content of an .xlsx file.

    Args:
        tables: of the run.
        other: an earlier run to compare with.
        lang: of labels and sheet names.
    """
    book = Workbook()
    book.properties.creator = "medeval"
    book.properties.created = book.properties.modified = datetime.fromisoformat(tables.run.created).astimezone(UTC)
    first = book.active
    assert isinstance(first, Worksheet)
    _sheet(first, word("verdicts", lang), _overview(tables, other, lang), (24, 110))
    _scores(book.create_sheet(), tables, lang)
    _sheet(book.create_sheet(), word("metrics", lang), _means(tables, lang), (34,))
    compared = [*tables.comparisons, *tables.metric_comparisons]
    compared += [*other.comparisons, *other.metric_comparisons] if other else []
    _sheet(book.create_sheet(), word("tests", lang), _tests(compared, lang), (26, 26, 26))
    widths = (24, 12, 9, 90, 10, 10, 12, 10, 22, 40)
    _sheet(book.create_sheet(), word("all_answers", lang), _answers(tables, lang), widths)
    for sheet in book.worksheets[1:]:
        sheet.freeze_panes = "B2"
        sheet.auto_filter.ref = sheet.dimensions
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(sheet: Worksheet, title: str, rows: Iterator[Sequence[Value]], widths: Sequence[int]) -> None:
    sheet.title = title[:31]
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            _write(sheet, number, column, value, bold=number == 1)
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width


def _write(sheet: Worksheet, row: int, column: int, value: Value, *, bold: bool = False, shade: str = "") -> None:
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = plain(value)
        cell.data_type = "s"  # openpyxl would make a formula of a text that begins with "="
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    elif value is not None:
        cell.value = value
        cell.number_format = "General" if isinstance(value, int) else "0.000"
    if bold:
        cell.font = Font(bold=True)
    if shade in _SHADES:
        cell.fill = PatternFill("solid", fgColor=_SHADES[shade])


def plain(text: str) -> str:
    """Text that a workbook can hold and that no spreadsheet runs."""
    clean = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)
    if len(clean) > _LONGEST:
        clean = f"{clean[:_LONGEST]}… ({len(text)})"
    return unformula(clean)


def _overview(tables: RunTables, other: Against | None, lang: Lang) -> Iterator[Sequence[Value]]:
    yield word("title", lang), tables.run.id
    yield from (*facts(tables.run, lang), *history(tables, lang))
    for item in tables.comparisons:
        yield word("verdicts", lang), verdict(item, lang)
    if other is not None:
        for item in other.comparisons:
            yield f"{word('against', lang)} {other.other.id}", verdict(item, lang)
        for text in losses(other, lang) or [word("no_regression", lang)]:
            yield word("regressions", lang), text
    for text in firmness(tables.sensitivity, lang) if tables.sensitivity else ():
        yield word("firmness", lang), text
    for key in (*LIMITS, "intervals", "notice"):
        yield word("limits", lang), word(key, lang)


def _scores(sheet: Worksheet, tables: RunTables, lang: Lang) -> None:
    def rows() -> Iterator[Sequence[Value]]:
        yield word("case", lang), word("title_of_case", lang), *tables.variants
        for item in tables.cases:
            found = [tables.marks[item.case.id, name] for name in tables.variants]
            said = [m.value if m.value is not None and not (m.vetoed or m.failed) else mark(m, lang) for m in found]
            yield item.case.id, item.case.title.text(lang), *said
        means = (tables.means[name] for name in tables.variants)
        yield word("mean", lang), "", *(None if found is None else found.mean for found in means)

    _sheet(sheet, f"{word('scores', lang)} {tables.profile}", rows(), (28, 30))
    for row in sheet.iter_rows(min_row=2, min_col=3):
        for cell in row:
            value = cell.value if isinstance(cell.value, float) else None
            if value is not None:
                shade = "good" if value >= 0.75 else "fair" if value >= 0.4 else "bad"
                cell.fill = PatternFill("solid", fgColor=_SHADES[shade])


def _means(tables: RunTables, lang: Lang) -> Iterator[Sequence[Value]]:
    heads = ("{}", "{} low", "{} high", "{} n")
    yield word("metric", lang), *(head.format(name) for name in tables.variants for head in heads)
    yield f"{word('profile', lang)} {tables.profile}", *_figures(tables.means[name] for name in tables.variants)
    for metric, means in tables.metrics.items():
        yield metric_label(metric, lang), *_figures(means[name] for name in tables.variants)


def _figures(means: Iterator[Interval | None]) -> Iterator[Value]:
    for found in means:
        yield from (None, None, None, 0) if found is None else (found.mean, found.low, found.high, found.n)


def _tests(comparisons: Sequence[Comparison], lang: Lang) -> Iterator[Sequence[Value]]:
    yield (
        word("metric", lang), "a", "b", "n", "mean a", "mean b", "b - a", "low", "high", "p permutation", "p Holm",
        "p sign test", "detectable", "verdict of b",
    )  # fmt: skip
    for item in comparisons:
        what = metric_label(item.metric, lang) if item.metric else word("total", lang)
        yield (
            what, item.a, item.b, item.n, item.mean_a, item.mean_b, item.difference, item.low, item.high,
            item.p_permutation, item.p_holm, item.p_sign, item.detectable, item.verdict,
        )  # fmt: skip


def _answers(tables: RunTables, lang: Lang) -> Iterator[Sequence[Value]]:
    yield (
        word("case", lang), word("variants", lang), word("repeats", lang), word("all_answers", lang),
        word("profile", lang), word("veto", lang), "tokens", word("retried", lang), word("reused", lang),
        word("error", lang), *(metric_label(name, lang, short=True) for name in tables.metrics),
    )  # fmt: skip
    for cell in tables.cells:
        answer = cell.answer
        vetoed = tables.profile in cell.profiles and cell.profiles[tables.profile].vetoed
        yield (
            cell.case_id, cell.variant, cell.repeat, answer.text if answer else None, cell.profile(tables.profile),
            word("veto", lang) if vetoed else None, answer.tokens if answer else None, cell.attempts,
            cell.origin or None, cell.error,
            *(cell.scores[name].value if name in cell.scores else None for name in tables.metrics),
        )  # fmt: skip
