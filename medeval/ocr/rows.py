"""Typed tokens of a line -> rows of the report: a new row begins where a new name begins, so panels need no ruler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rapidfuzz import fuzz

from medeval.ocr.items import Found, find_item
from medeval.ocr.lines import lines_of
from medeval.ocr.tokens import Token, tokens_of
from medeval.ocr.words import Word

Box = tuple[float, float, float, float]
LOW = 0.8
"""Below this confidence a row must be looked at by a person."""
HEADINGS = (
    "检验项目", "项目名称", "参考范围", "参考值", "参考区间", "检测结果", "测定结果",
    "单位", "项目", "结果", "缩写", "提示",
)  # fmt: skip
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:[-~～—–−]+|至)\s*(\d+(?:\.\d+)?)")
_BOUND = re.compile(r"([<>≤≥＜＞])=?\s*(\d+(?:\.\d+)?)")
_WITH_ABBR = re.compile(r"([^()]*[\u4e00-\u9fff])\(([A-Za-z][A-Za-z0-9%#+-]*)\)")
FLAGS = {"H": "↑", "L": "↓", "↑": "↑", "↓": "↓"}
_TEN = re.compile(r"^[×xX*]?10[\^*°~\"'`″˄ˆ]?(\d{1,2})/[Ll1I]$")


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
    gap: Box | None = None
    """The empty cell right of the value, where a flag may stand that detection passed over."""
    doubts: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether nobody need look at the value again."""
        return self.confidence >= LOW

    def doubted(self, why: str, confidence: float) -> ReportRow:
        """The same row with one more doubt and at most this confidence."""
        return replace(self, confidence=min(self.confidence, confidence), doubts=(*self.doubts, why))


@dataclass
class _Draft:
    tokens: list[Token] = field(default_factory=list)
    name: str = ""
    abbr: str = ""
    value: Token | None = None
    flag: str = ""
    range: str = ""
    unit: str = ""

    def take(self, token: Token) -> None:
        self.tokens.append(token)
        if token.kind == "name":
            both = _WITH_ABBR.fullmatch(token.text)
            self.name += both[1] if both else token.text
            self.abbr = self.abbr or (both[2] if both else "")
        elif token.kind == "abbr" and not self.abbr:
            self.abbr = token.text
        elif token.kind == "value" and self.value is None:
            self.value = token
        elif token.kind == "flag" and not self.flag and self.value is not None:
            self.flag = token.text
        elif token.kind == "range" and not self.range:
            if self.value is None and token.text[0] in "<>":
                self.value = token
            else:
                self.range = token.text
        elif token.kind == "unit" and not self.unit:
            self.unit = token.text

    @property
    def complete(self) -> bool:
        return self.value is not None and bool(self.range or self.unit)


def rows_of(words: Sequence[Word]) -> list[ReportRow]:
    """All rows, in reading order of the lines (left panel before right within a line)."""
    found: list[ReportRow] = []
    for line in lines_of(list(words)):
        found.extend(row for draft in _drafts(line) if (row := _row(draft)) is not None)
    return _by_panel(found)


def _drafts(line: Sequence[Word]) -> list[_Draft]:
    tokens = [token for word in line for token in tokens_of(word)]
    drafts: list[_Draft] = []
    for at, token in enumerate(tokens):
        current = drafts[-1] if drafts else None
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        if _is_number_in_front(token, after, current):
            continue
        starts = token.kind == "name" and (current is None or current.value is not None)
        starts = starts or (token.kind == "abbr" and (current is None or current.complete))
        if starts:
            drafts.append(_Draft())
        if drafts:
            drafts[-1].take(token)
    return drafts


def _is_number_in_front(token: Token, after: Token | None, current: _Draft | None) -> bool:
    """A running number before a name is not a value."""
    if token.kind != "value" or not token.text.isdigit() or len(token.text) > 2:
        return False
    if after is None or after.kind not in ("name", "abbr"):
        return False
    return current is None or current.value is not None


def _row(draft: _Draft) -> ReportRow | None:
    value = draft.value
    if value is None or not (draft.name or draft.abbr) or any(word in draft.name for word in HEADINGS[:6]):
        return None
    found = find_item(draft.name, draft.abbr)
    if found is None and not (draft.range and (draft.unit or draft.abbr)):
        return None
    low, high = _limits(draft.range)
    boxes = [token.box for token in draft.tokens]
    whole = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    return ReportRow(
        name=found.name if found else draft.name, abbr=_abbr(draft.abbr, found),
        value=value.text.replace(" ", ""), unit=_unit(draft.unit, found), low=low, high=high,
        flag=FLAGS.get(draft.flag, ""), confidence=round(value.confidence, 3), box=whole, value_box=value.box,
        known=found is not None, gap=None if draft.flag else _gap(value, draft.tokens),
    )  # fmt: skip


def _gap(value: Token, tokens: Sequence[Token]) -> Box | None:
    height = value.box[3] - value.box[1]
    after = min((t.box[0] for t in tokens if t.box[0] > value.box[2] - 2 and t is not value), default=None)
    right = value.box[2] + 5 * height if after is None else after
    if right - value.box[2] < 0.4 * height:
        return None
    return value.box[2], value.box[1], right, value.box[3]


def _limits(text: str) -> tuple[str, str]:
    both = _RANGE.search(text)
    if both:
        return both[1], both[2]
    bound = _BOUND.search(text)
    if not bound:
        return "", ""
    return ("", bound[2]) if bound[1] in "<≤＜" else (bound[2], "")


def _abbr(printed: str, found: Found | None) -> str:
    """The abbreviation as printed; letters that an engine confuses are read as the listed form of the same test."""
    if found is None:
        return printed
    listed = {a.upper().replace("0", "O").replace("1", "I"): a for a in found.item.abbr}
    same = listed.get(printed.upper().replace("0", "O").replace("1", "I"))
    if same is None or same.upper() == printed.upper():
        return printed
    return same


def _unit(printed: str, found: Found | None) -> str:
    power = _TEN.match(printed)
    if power:
        return f"10^{power[1]}/L"
    units = found.item.units if found else ()
    for unit in units:
        if unit and printed.upper().replace("1", "L").replace("I", "L") == unit.upper().replace("I", "L"):
            return _as_printed(printed, unit)
    close = [unit for unit in units if unit and printed and fuzz.ratio(printed.upper(), unit.upper()) >= 75]
    return close[0] if close else printed


def _as_printed(printed: str, unit: str) -> str:
    """Case as printed where only case differs."""
    return printed if printed.upper() == unit.upper() else unit


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
