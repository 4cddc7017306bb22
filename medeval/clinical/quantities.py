"""Quantities in running text: values, ranges, comparators, pairs such as 140/90, with unit and place.

Which test a quantity belongs to is not decided here (see `binding`). List numbers, dates, telephone numbers,
grades (1级) and names (B12) are not quantities.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import UNIT_PATTERN, canonical, convert, is_measurement
from medeval.errors import UsageError

Comparator = Literal["", "≥", ">", "≤", "<", "≈"]
Kind = Literal["value", "range", "pair", "pair_range"]


@dataclass(frozen=True)
class Quantity:
    """`values`: (v,), (low, high), (systolic, diastolic) or (s_low, s_high, d_low, d_high), after `kind`.

    `start:end` are indices of the evened-out text; `unit` is canonical or empty.
    """

    start: int
    end: int
    kind: Kind
    values: tuple[float, ...]
    comparator: Comparator
    unit: str

    @property
    def is_reference(self) -> bool:
        """Ranges and comparators state limits, not one patient's value."""
        return self.kind in ("range", "pair_range") or self.comparator not in ("", "≈")


_COMPARATORS: tuple[tuple[Comparator, str], ...] = (
    ("≥", r"≥|>=|=>|大于(?:或)?等于|不低于|不少于|不小于|至少|达到或超过|at least|no less than"),
    ("≤", r"≤|<=|=<|小于(?:或)?等于|不(?:[得能可要应宜]|可以)?超过|不[高大多]于|[至最]多|at most|no more than|up to"),
    (">", r">|大于|超过|高于|多于|over|above|more than|greater than|higher than|exceeds?|exceeding"),
    ("<", r"<|小于|低于|少于|不足|不到|未达|below|under|less than|lower than"),
    ("≈", r"≈|约为?|大约|左右|将近|about|around|approximately"),
)
_BEFORE = "|".join(f"(?P<b{i}>{pattern})" for i, (_, pattern) in enumerate(_COMPARATORS))
_AFTER: tuple[tuple[Comparator, str], ...] = (
    ("≥", r"(?:及|或|和)?以上|or (?:more|higher|above)|及更高|\+(?!\d)"),
    ("<", r"(?:及|或|和)?以下|(?:之|以)内|or (?:less|lower|below)"),
    ("≈", r"左右|上下"),
)
_TAIL = "|".join(f"(?P<a{i}>{pattern})" for i, (_, pattern) in enumerate(_AFTER))
_N = r"\d+(?:\.\d+)?"
_TO = r"\s?(?:-|~|至|到|\bto\b)\s?"
_PLAIN = r"(?<![\d.^a-z])(?<![a-z]-)(?<!第)(?<!grade )(?<!stage )(?<!type )"
# A pressure with a digit too many is still a pressure, and a wrong one.
_SLIPPED_FIRST, _SLIPPED_LAST = r"\d{4}(?=\s?/\s?\d{2,4}\s?mm\s?hg)", r"\d{4}(?=\s?mm\s?hg)"
# "心率由80升至120" rises, and holds no litres; "2升至3升" does.
_UNIT = rf"(?!升[到至]\s?{_N}(?![\d.]|\s?(?:升|l)))(?:{UNIT_PATTERN})"
_QUANTITY = re.compile(
    rf"{_PLAIN}(?:"
    rf"(?P<s1>\d{{2,3}}(?:\.\d)?|{_SLIPPED_FIRST})(?:{_TO}(?P<s2>\d{{2,3}}))?\s?(?:mm\s?hg\s?)?(?:/|\bover\b)\s?"
    rf"(?P<d1>\d{{2,3}}(?:\.\d)?|{_SLIPPED_LAST})(?:{_TO}(?P<d2>\d{{2,3}}))?(?!\d|\.\d)"
    rf"|(?P<deg>\d{{2}})度(?P<tenth>\d)(?!\d)"
    rf"|(?P<low>{_N})\s?(?P<lu>{_UNIT})?{_TO}(?:<|≤)?(?P<high>{_N})(?![\d])"
    rf"|(?P<v>{_N})(?![\d])"
    rf")\s?(?P<unit>{_UNIT})?(?P<tail>{_TAIL})?"
)
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_COMPARATOR_BEFORE = re.compile(rf"(?:{_BEFORE})\s?$")
_COMPARATOR_REACH = 14
_NOT_AFTER = re.compile(r"级|型|期(?!间)|类|号|楼|版|[a-z]{2,}\d|项|点(?!\d)|、(?=[^\d])|[.)](?!\d)|°?高血压")
_LIST_BEFORE = re.compile(r"(?:^|[\n。；;:，,(!?]|\s)\(?$")
_LIST_LOOSE = re.compile(r"\)(?=[\u4e00-\u9fff])")
_DATE = Pattern(r"(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}月\d{1,2}日")
_LIST_AFTER = re.compile(r"[.、)](?!\d)")
_PHONE_BEFORE = re.compile(r"(?:拨打?|拨通|电话|热线|呼叫|致电|联系|打|叫|call|dial|hotline|number)[^\d，。；]{0,8}$")
_PHONE_AFTER = re.compile(r"(?:急救|急诊|电话|热线|救护|或|/)?.{0,3}(?:电话|热线|急救|救护|hotline)")
_YEAR = re.compile(r"(?:19|20)\d\d")


def _plausible_pair(s1: float, d1: float, unit: str) -> bool:
    if unit == "kPa":
        return 6 <= s1 <= 40 and 4 <= d1 <= 27 and s1 > d1
    return 50 <= s1 <= 300 and 30 <= d1 <= 200 and s1 > d1


def _is_phone(text: str, start: int, end: int, number: str, unit: str) -> bool:
    if "." in number or len(number) < 3:
        return False
    if len(number) >= 5:
        return not unit
    return bool(_PHONE_BEFORE.search(text, max(0, start - 12), start) or _PHONE_AFTER.match(text, end))


def _is_list_number(text: str, start: int, end: int, number: str) -> bool:
    if "." in number or len(number) > 2 or not _LIST_AFTER.match(text, end):
        return False
    if _LIST_BEFORE.search(text[max(0, start - 3) : start]):
        return True
    return bool(_LIST_LOOSE.match(text, end)) and "(" not in text[max(0, start - 20) : start]


def _comparator(before: re.Match[str] | None, match: re.Match[str]) -> Comparator:
    for index, (name, _) in enumerate(_COMPARATORS):
        if before and before.group(f"b{index}"):
            return name
    for index, (name, _) in enumerate(_AFTER):
        if match.group(f"a{index}"):
            return name
    return ""


def _single(text: str, match: re.Match[str], unit: str) -> bool:
    """Whether the number is a quantity at all: not a list number, telephone number, year or grade."""
    number, start = match.group("v"), match.start("v")
    end = match.end("v")
    if unit:
        if is_measurement(unit):
            return True
        dated = unit in ("year", "day") and _YEAR.fullmatch(number)
        return not dated and not _is_phone(text, start, end, number, unit)
    if _is_list_number(text, start, end, number) or _is_phone(text, start, end, number, unit):
        return False
    if _YEAR.fullmatch(number) and not match.group("tail"):
        return False
    following = _NOT_AFTER.match(text, end)
    return not (following and following.group() in ("级", "型", "期", "类", "号", "楼", "版", "项", "点"))


def _build(text: str, match: re.Match[str], free: int) -> Quantity | None:
    """The quantity of a match; `free` = where the text that no earlier quantity took begins."""
    unit = canonical(match.group("unit") or "")
    before = _COMPARATOR_BEFORE.search(text[max(free, match.start() - _COMPARATOR_REACH) : match.start()])
    start, end, comparator = match.start(), match.end(), _comparator(before, match)
    if before:
        start -= before.end() - before.start()
    if match.group("s1"):
        s1, d1 = float(match.group("s1")), float(match.group("d1"))
        about_pressure = is_measurement(unit) or "血压" in text[max(0, start - 8) : start]
        if (unit and not is_measurement(unit)) or not (about_pressure or _plausible_pair(s1, d1, unit)):
            return None
        s2, d2 = match.group("s2"), match.group("d2")
        if s2 or d2:
            values = (s1, float(s2) if s2 else s1, d1, float(d2) if d2 else d1)
            return Quantity(start, end, "pair_range", values, comparator, unit)
        return Quantity(start, end, "pair", (s1, d1), comparator, unit)
    if match.group("deg"):
        return Quantity(start, end, "value", (float(f"{match['deg']}.{match['tenth']}"),), comparator, "℃")
    if match.group("low"):
        low, high = float(match.group("low")), float(match.group("high"))
        if _YEAR.fullmatch(match.group("low")) and not unit or low > high * 100:
            return None
        lower = canonical(match.group("lu") or "")
        if lower and unit and lower != unit:
            top = convert(high, unit, lower)  # 2天到2个月: the smaller unit tells more
            high, unit = (high, unit) if top is None else (top, lower)
        return Quantity(start, end, "range", (low, high), comparator, unit or lower)
    return Quantity(start, end, "value", (float(match.group("v")),), comparator, unit) if _single(
        text, match, unit) else None  # fmt: skip


@lru_cache(maxsize=1024)
def quantities_of(reading: Reading) -> tuple[Quantity, ...]:
    """Every quantity of a reading, in order, with places in `reading.text`."""
    text = reading.text
    dates = [match.span() for match in _DATE.finditer(text)]
    found: list[Quantity] = []
    position = free = 0
    while digit := _DIGIT.search(text, position):  # one character of a set: Python's engine leaps to it
        start = digit.start()
        match = _QUANTITY.match(text, start)
        position = (match or _DIGITS.match(text, start) or digit).end()
        if match is None or any(first <= start < last for first, last in dates):
            continue
        quantity = _build(text, match, free)
        if quantity is not None:
            found.append(quantity)
            free = quantity.end
    return tuple(found)


def find_quantities(text: str) -> list[Quantity]:
    """Every quantity of `text`, with `start:end` in `text` as given (Python indices)."""
    reading = read(text)
    placed = []
    for quantity in quantities_of(reading):
        start, end = reading.span(quantity.start, quantity.end)
        placed.append(Quantity(start, end, quantity.kind, quantity.values, quantity.comparator, quantity.unit))
    return placed


@lru_cache(maxsize=1024)
def parse_quantity(text: str) -> Quantity:
    """The first quantity of a short text such as "7.2 mmol/L"; raises UsageError where there is none."""
    found = find_quantities(text)
    if not found:
        raise UsageError(f"读不出数值：{text} / no value can be read in {text!r}; write e.g. 7.2 mmol/L")
    return found[0]


def same_value(
    stated: float, stated_unit: str, true: float, true_unit: str, substance: str = "", loose: bool = False
) -> bool:
    """Whether two values are the same: exact in one unit, within 1 % after conversion, 3 % where "about" is said."""
    converted = convert(stated, stated_unit, true_unit, substance)
    if converted is None:
        return False
    exact = not stated_unit or not true_unit or stated_unit == true_unit
    allowed = 0.03 if loose else (1e-6 if exact else 0.01)
    return abs(converted - true) <= allowed * max(abs(true), 1e-9)


def _comparators_agree(wanted: Quantity, stated: Quantity) -> bool:
    if wanted.comparator == stated.comparator or "≈" in (wanted.comparator, stated.comparator):
        return True
    up, down = {"≥", ">"}, {"≤", "<"}
    if wanted.comparator in up and stated.comparator in down or wanted.comparator in down and stated.comparator in up:
        return False
    return True


def quantity_stated(wanted: Quantity, stated: Quantity, substance: str = "") -> bool:
    """Whether `stated` gives the figures of `wanted`: values, unit (converted) and sense of comparison."""
    if wanted.kind != stated.kind:
        bound = wanted.kind == "value" and stated.kind == "range" and wanted.comparator in ("<", "≤")
        return bound and same_value(stated.values[1], stated.unit, wanted.values[0], wanted.unit, substance)
    if not _comparators_agree(wanted, stated):
        return False
    pairs = zip(stated.values, wanted.values, strict=True)
    return all(same_value(a, stated.unit, b, wanted.unit, substance) for a, b in pairs)
