"""Drafts of rows -> rows of the report: where the table is, full names, limits, units, what a person must look at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medeval.ocr.columns import Columns, place_units
from medeval.ocr.drafts import Draft, drafts_of, is_numbered
from medeval.ocr.items import Found, find_item, is_name
from medeval.ocr.lines import lines_of
from medeval.ocr.tokens import DASH, FLAGS, NUMBER, even, tokens_of
from medeval.ocr.units import unit_of
from medeval.ocr.words import Word

Box = tuple[float, float, float, float]
LOW = 0.8
"""Below this confidence a row must be looked at by a person."""
HEADINGS = (
    ("检验项目", "项目名称", "中文名称", "检测项目", "分析项目", "检查项目", "化验项目", "项目"),
    ("结果", "测定值", "检测值", "实测值", "结果值"),
    ("参考范围", "参考值", "参考区间", "正常值", "正常范围", "参考"),
    ("单位",),
    ("缩写", "简称", "英文", "代号", "代码", "编码"),
    ("提示", "标志", "状态", "异常", "高低"),
)  # fmt: skip
"""Column headings by kind: test, result, range, unit, abbreviation, flag."""
HEADING_WORDS = frozenset(word for kind in HEADINGS for word in kind)
FEWEST_SURE = 2
_RANGE = re.compile(rf"({NUMBER})\s*{DASH}\s*({NUMBER})")
_BOUND = re.compile(rf"([<>≤≥])\s*=?\s*({NUMBER})")
_WITH_ABBR = re.compile(r"([^()]*[\u4e00-\u9fffIVX])\(([A-Za-zα-ω][A-Za-z0-9%#+/-]*)\)?")


@dataclass(frozen=True)
class ReportRow:
    """One line of a report, figures as printed; `name` in full. `box` is (left, top, right, bottom) in pixels.

    `confidence` in [0, 1] is that of the value; `doubts` says in words what lowers it.
    """

    name: str
    abbr: str
    value: str
    unit: str
    low: str
    high: str
    flag: str
    confidence: float
    box: Box
    value_box: Box
    known: bool
    name_box: Box | None = None
    gaps: tuple[Box, ...] = ()
    """Empty places where a flag may stand that detection passed over, the likeliest first."""
    range_gap: Box | None = None
    """The cell where the range should stand and none was read."""
    doubts: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether nobody need look at the value again."""
        return self.confidence >= LOW

    def doubted(self, why: str, confidence: float) -> ReportRow:
        """The same row with one more doubt and at most this confidence."""
        return replace(self, confidence=min(self.confidence, confidence), doubts=(*self.doubts, why))


def rows_of(words: Sequence[Word]) -> list[ReportRow]:
    """All rows, in reading order of the lines (left panel before right within a line)."""
    lines = [[token for word in line for token in tokens_of(word)] for line in lines_of(list(words))]
    numbered = is_numbered(lines)
    sheet = [drafts_of(line, numbered) for line in lines]
    place_units([draft for line in sheet for draft in line])
    inside = _table(sheet, words)
    columns = Columns([draft for line in sheet for draft in line if _is_sure(draft)])
    if range_first(words) or columns.range_first:
        for draft in (draft for line in sheet for draft in line):
            draft.turn_words()
    found = [
        row for at, line in enumerate(sheet) for draft in line
        if (row := _row(draft, at in inside, columns)) is not None
    ]  # fmt: skip
    return _by_panel(found)


def range_first(words: Sequence[Word]) -> bool:
    """Whether the header names the range before the result."""
    for line in lines_of(list(words)):
        text = "".join(word.text for word in line)
        if headings(text) >= 3:
            result, limit = (min((text.find(w) for w in kind if w in text), default=-1) for kind in HEADINGS[1:3])
            return 0 <= limit < result
    return False


def _table(sheet: Sequence[Sequence[Draft]], words: Sequence[Word]) -> range:
    """The lines of the table: from its header, or its first sure row, to its last sure row and what follows on at once.

    Inside, a name with a result is a row even where its test is not listed and range and unit are missing.
    """
    sure = [at for at, line in enumerate(sheet) if any(_is_sure(draft) for draft in line)]
    if len(sure) < FEWEST_SURE:
        return range(0)
    texts = ["".join(word.text for word in line) for line in lines_of(list(words))]
    # A line with a colon (标本状态:合格 检验项目:生化) is of the sheet's head: names stand below it.
    heads = [at for at, text in enumerate(texts) if headings(text) >= 2 and ":" not in even(text)]
    first = max([at for at in heads if at <= sure[0]], default=sure[0] - 1) + 1
    last = sure[-1]
    while last + 1 < len(sheet) and any(_is_plain(draft) for draft in sheet[last + 1]):
        last += 1
    return range(min(first, sure[0]), last + 1)


def _is_sure(draft: Draft) -> bool:
    return draft.value is not None and (draft.complete or find_item(draft.name, draft.abbr) is not None)


def _is_plain(draft: Draft) -> bool:
    """A name with a result in words, as the last lines of a urine sheet are."""
    value = draft.value
    return value is not None and bool(draft.name) and not draft.framed and not value.text[0].isdigit()


def headings(text: str) -> int:
    """How many kinds of column headings stand in a line."""
    plain = text.replace(" ", "")
    return sum(any(word in plain for word in kind) for kind in HEADINGS)


def _row(draft: Draft, inside: bool, columns: Columns) -> ReportRow | None:
    value = draft.value
    if value is None or draft.framed or not (draft.name or draft.abbr):
        return None
    if headings(draft.name) >= 2 or draft.name in HEADING_WORDS:
        return None
    name, short = _name(draft)
    found = find_item(name, short, draft.unit, draft.clear)
    if found is None and not inside and not (draft.range and (draft.unit or draft.abbr)):
        return None
    printed = draft.range.text if draft.range else ""
    low, high = limits(printed)
    boxes = [token.box for token in draft.tokens]
    whole = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    row = ReportRow(
        name=found.name if found else name or short, abbr=_abbr(short, found),
        value=value.text.replace(" ", ""), unit=unit_of(draft.unit, found.item.units if found else ()),
        low=low, high=high, flag=FLAGS.get(draft.flag, FLAGS.get(draft.flag[:1], "")),
        confidence=round(value.confidence, 3), box=whole, value_box=value.box,
        known=found is not None, name_box=_name_box(draft), gaps=() if draft.flag else columns.flag_cells(draft),
        range_gap=None if draft.range else columns.range_cell(draft),
    )  # fmt: skip
    stray = "可能是参考值，没有读到结果 / perhaps the range: no result was read"
    return row.doubted(stray, 0.5) if columns.strays(draft) else row


def _name_box(draft: Draft) -> Box | None:
    boxes = [token.box for token in draft.tokens if token.kind == "name"]
    return (boxes[0][0], boxes[0][1], boxes[-1][2], boxes[-1][3]) if boxes else None


def _name(draft: Draft) -> tuple[str, str]:
    """Name and abbreviation; an abbreviation in brackets behind the name is not part of it."""
    if find_item(draft.name, draft.abbr) is None or not is_name(draft.name):
        both = _WITH_ABBR.fullmatch(draft.name)
        if both and not is_name(draft.name):
            return both[1], draft.abbr or both[2]
    return draft.name, draft.abbr


def limits(text: str) -> tuple[str, str]:
    """Lower and upper limit of a printed range; empty where it has none."""
    both = _RANGE.search(text)
    if both:
        return both[1], both[2]
    bound = _BOUND.search(text)
    if not bound:
        return "", ""
    return ("", bound[2]) if bound[1] in "<≤" else (bound[2], "")


def _abbr(printed: str, found: Found | None) -> str:
    """The abbreviation as printed; letters that an engine confuses are read as the listed form of the same test."""
    if found is None:
        return printed
    listed = {a.upper().replace("0", "O").replace("1", "I"): a for a in found.item.abbr}
    same = listed.get(printed.upper().replace("0", "O").replace("1", "I"))
    if same is None or same.upper() == printed.upper():
        return printed
    return same


def _by_panel(rows: list[ReportRow]) -> list[ReportRow]:
    """Left panel first, then right: names that begin in the right half of the page belong to the second panel."""
    if not rows:
        return rows
    left = min(row.box[0] for row in rows)
    right = max(row.box[2] for row in rows)
    second = [row for row in rows if row.box[0] > left + 0.42 * (right - left)]
    if len(second) < 2:
        return rows
    return [row for row in rows if row not in second] + second
