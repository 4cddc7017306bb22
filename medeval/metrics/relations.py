"""How the figures of one answer stand to each other: cuts that meet, rows that rise, steps, shares of a whole.

What fits together (小于2 cm … 2-5 cm … 大于5 cm) can hardly be a slip of one figure, and earns a little; what cannot be
(由10 mg减至20 mg, 25 mg、50 mg和50 mg) is wrong whatever the figure should be.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from medeval.clinical.quantities import Quantity, quantities_of
from medeval.clinical.reading import Reading
from medeval.clinical.units import DOSE_UNITS, convert

Place = tuple[int, int]
CUTS = 300
"""Characters within which two cuts belong together."""
FEWEST = 3
WHOLE = 100.0
_UP_TO = re.compile(r"\s?(?:之|以)?(?:前|内)|\s?(?:before|or younger)")
_FROM = re.compile(r"\s?(?:之|以)?后|\s?(?:after|or older|onwards?)")
_NEXT = re.compile(r"\s?(?:\([^()]{0,24}\))?\s?(?:[、，,/和或及与]|and|or)\s?(?:and|or|和|或)?\s?")
_RISE = re.compile(
    r"[^，。;\n\d万千百亿]{0,4}(?:增加|加量|增至|增到|增|加至|加到|升高|上升|升|提高|递增|延长)(?:到|至|为)?"
)
_FALL = re.compile(r"[^，。;\n\d万千百亿]{0,4}(?:减少|减量|减至|减到|减|降低|下降|降|缩短|缩小)(?:到|至|为)?")
_STEP_BEFORE = re.compile(r"(?:从|由|自)[^，。;\n\d]{0,8}$")
_STARTING = re.compile(r"(?:起始|初始|开始|每次|单次|常用|starting|initial)[^，。;\n\d]{0,10}$")
_LARGEST = re.compile(
    r"(?:最大|最高|极量|上限|不(?:得|应|宜|能|要|可)?超过|maximum|up to|not exceed)[^，。;\n\d]{0,12}$"
)
_OTHERS = re.compile(r"[。;\n]|者|患|儿|老年|若|如|不全|patient|child|elderly|hepatic|renal|\bif\b")
"""What lies between figures for different people."""
_SHARE_BEFORE = re.compile(r"(?:占|为|约|有|是)[^，。;\n\d]{0,3}$")


def _line(reading: Reading, one: Quantity, other: Quantity) -> str:
    """The text between two figures; a line break or full stop in it parts them."""
    return reading.text[one.end : other.start]


def _sides(reading: Reading, quantity: Quantity) -> Iterator[tuple[float, str]]:
    """(value, side) of every cut that a figure makes: what lies below it, above it."""
    if quantity.kind == "range":
        yield quantity.values[0], "above"
        yield quantity.values[1], "below"
    elif quantity.kind == "value":
        if quantity.comparator in ("<", "≤") or _UP_TO.match(reading.text, quantity.end):
            yield quantity.values[0], "below"
        elif quantity.comparator in ("≥", ">") or _FROM.match(reading.text, quantity.end):
            yield quantity.values[0], "above"


def _meeting(reading: Reading) -> Iterator[int]:
    """Starts of figures that share a cut with another one nearby: 12个月前 and 12个月后, 2-5 cm and 大于5 cm."""
    cuts: dict[tuple[float, str], list[tuple[Quantity, str]]] = {}
    for quantity in quantities_of(reading):
        if quantity.unit:
            for value, side in _sides(reading, quantity):
                cuts.setdefault((value, quantity.unit), []).append((quantity, side))
    for row in cuts.values():
        for (one, first), (other, second) in pairwise(row):
            if first != second and one is not other and other.start - one.end <= CUTS:
                yield from (one.start, other.start)


@lru_cache(maxsize=64)
def _rows(reading: Reading) -> tuple[tuple[Quantity, ...], ...]:
    """Three or more figures of one unit in a row: 25、50、100 mg."""
    found: list[tuple[Quantity, ...]] = []
    row: list[Quantity] = []
    for quantity in quantities_of(reading):
        joined = bool(row) and _NEXT.fullmatch(_line(reading, row[-1], quantity)) is not None
        if quantity.kind != "value" or quantity.comparator or not joined:
            found.append(tuple(row))
            row = []
        row.append(quantity)
    found.append(tuple(row))
    return tuple(r for r in found if len(r) >= FEWEST and r[-1].unit and {q.unit for q in r} <= {"", r[-1].unit})


def _rising(reading: Reading) -> Iterator[int]:
    """Starts of figures in a row that only rises or only falls."""
    for row in _rows(reading):
        steps = [b.values[0] - a.values[0] for a, b in pairwise(row)]
        if all(step > 0 for step in steps) or all(step < 0 for step in steps):
            yield from (quantity.start for quantity in row)


def _repeated(reading: Reading) -> Iterator[Place]:
    """A strength told twice in one row of strengths."""
    for row in _rows(reading):
        seen: set[float] = set()
        for quantity in row:
            if quantity.values[0] in seen and row[-1].unit in DOSE_UNITS:
                yield quantity.start, quantity.end
            seen.add(quantity.values[0])


def _shares(reading: Reading) -> Iterator[int]:
    """Starts of the percentages of one sentence that together make the whole."""
    for sentence in reading.sentences:
        row = [
            q for q in quantities_of(reading)
            if sentence.start <= q.start < sentence.end and q.unit == "%" and q.kind == "value"
            and _SHARE_BEFORE.search(reading.text[max(0, q.start - 8) : q.start])
        ]  # fmt: skip
        if len(row) > 1 and abs(sum(q.values[0] for q in row) - WHOLE) < 1e-6:
            yield from (q.start for q in row)


def _wrong_step(reading: Reading) -> Iterator[Place]:
    """由10 mg减至20 mg, 从38 ℃升至37 ℃."""
    for one, two in pairwise(quantities_of(reading)):
        if one.kind != "value" or two.kind != "value" or one.unit not in ("", two.unit):
            continue
        between = _line(reading, one, two)
        if not _STEP_BEFORE.search(reading.text[max(0, one.start - 12) : one.start]):
            continue
        change = two.values[0] - one.values[0]
        if (_RISE.fullmatch(between) and change <= 0) or (_FALL.fullmatch(between) and change >= 0):
            yield two.start, two.end


def _over_largest(reading: Reading) -> Iterator[Place]:
    """每次500 mg，每日最大300 mg: one dose is no more than the largest."""
    start: Quantity | None = None
    for quantity in quantities_of(reading):
        before = reading.text[max(0, quantity.start - 16) : quantity.end]
        before = before[: len(before) - (quantity.end - quantity.start)] + quantity.comparator
        if start is not None and _OTHERS.search(_line(reading, start, quantity)):
            start = None
        if quantity.unit not in DOSE_UNITS or quantity.kind not in ("value", "range"):
            continue
        largest = _LARGEST.search(before) or quantity.comparator == "≤"
        if largest and start is not None:
            one = convert(start.values[-1], start.unit, quantity.unit)
            if one is not None and quantity.values[-1] < one - 1e-9:
                yield quantity.start, quantity.end
        elif _STARTING.search(before):
            start = quantity


@lru_cache(maxsize=64)
def fitting(reading: Reading) -> frozenset[int]:
    """Starts of figures that fit together with another one of the answer."""
    return frozenset((*_meeting(reading), *_rising(reading), *_shares(reading)))


def unfitting(reading: Reading) -> Iterator[Place]:
    """Figures that cannot stand beside the one before."""
    yield from _repeated(reading)
    yield from _wrong_step(reading)
    yield from _over_largest(reading)
