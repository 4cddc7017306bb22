"""Figures of an answer against one another: a value in two units, days in order, sizes, BMI, a day's dose, grades."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.quantities import Kind, Quantity, quantities_of
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import canonical, convert
from medeval.metrics.relations import unfitting

Place = tuple[int, int]

_ORDINAL = re.compile(
    r"第\s?(\d+(?:\.\d+)?)(?:\s?(?:天|日|周|个月|年)?\s?(?:-|~|至|到)\s?第?\s?(\d+(?:\.\d+)?))?\s?(天|日|周|个月|年)(?!级|代)"
)
_COMPARED = re.compile(r"[^，。;\n\d]{0,6}(?:比|较|与)第")  # 第7天比第4天下降
_DIGIT = re.compile(r"\d")
_HOURS = {"day": 24.0, "week": 168.0, "month": 730.5, "year": 8766.0}
_SIZE = re.compile(
    r"(\d+(?:\.\d+)?)\s?(mm|cm|m)?\s?[x×*]\s?(\d+(?:\.\d+)?)"
    r"(?:\s?(?:mm|cm|m)?\s?[x×*]\s?(\d+(?:\.\d+)?))?\s?(mm|cm|m)(?![a-z])"
)
_AGAIN = re.compile(r"^\s?(?:\(|,?\s?(?:即|也就是|相当于|等于|or |=|\[))\s?(?:即|约|or |about |=|≈)?\s?$")
_BMI = re.compile(r"(?:bmi|体重指数|体质指数)[^\d，。;\n]{0,8}(\d{2}(?:\.\d+)?)")
_HEIGHT = re.compile(r"身高[^\d，。;\n]{0,4}(\d(?:\.\d+)?|\d{3})\s?(cm|厘米|m|米)")
_WEIGHT = re.compile(r"体重[^\d，。;\n指]{0,4}(\d{2,3}(?:\.\d+)?)\s?(?:kg|公斤|千克)")
_DAILY = re.compile(
    r"(?:每次|一次)\s?(\d+(?:\.\d+)?)\s?(mg|g|ug|ml)[^。;\n\d]{0,6}(?:每日|每天|一日|1日|日)\s?(\d)\s?次"
    r"[^。;\n\d]{0,8}(?:每日|全天|一天|共|合计|日)(?:剂量|总量|共|计|用量)[^。;\n\d]{0,4}(\d+(?:\.\d+)?)\s?(mg|g|ug|ml)"
)
_INTERVAL = re.compile(
    r"每(?:隔)?\s?(\d{1,2})\s?个?小时\s?[1一]次[^。;\n\d不超最至]{0,6}(?:每日|每天|一日|1日|一天)\s?(?:共)?\s?(\d{1,2})\s?次"
)
_GRADES = tuple(
    re.compile("|".join(f"(?P<g{i}>{word})" for i, word in enumerate(words)))
    for words in (
        ("轻度|轻症|轻型", "中度|中症|中型", "重度|重症|重型"),
        ("(?<!十)一级", "二级", "三级"),
        ("早期", "中期", "晚期"),
        (r"\bmild", r"\bmoderate", r"\bsevere"),
    )
)
_SCORED = r"(?:评分|分级|量表|昏迷|总分|得分|分值|score|of|is|为|是|[:\s(约])*"
GRADE_REACH = 40
"""Characters behind a grade in which its figure stands."""
NEAR = 0.06
"""A value told again may be rounded by so much."""


def has_figure(text: str) -> bool:
    """Whether there is any digit."""
    return _DIGIT.search(text) is not None


@lru_cache(maxsize=256)
def ordinals(reading: Reading) -> tuple[Quantity, ...]:
    """第3天, 第2周, 第7-10天: points in time, which `quantities_of` leaves out as numbers of an order."""
    found = []
    for match in _ORDINAL.finditer(reading.text):
        values = tuple(float(number) for number in match.groups()[:2] if number)
        kind: Kind = "range" if len(values) == 2 else "value"
        found.append(Quantity(match.start(1), match.end(), kind, values, "", canonical(match.group(3))))
    return tuple(found)


def _out_of_order(reading: Reading) -> Iterator[Place]:
    """Points in time of one sentence run forward: the one that breaks the order."""
    for sentence in reading.sentences:
        row = [q for q in ordinals(reading) if sentence.start <= q.start < sentence.end]
        for before, after in zip(row, row[1:], strict=False):
            if _COMPARED.match(reading.text, before.end):
                continue
            if _hours(after) < _hours(before) or after.values == before.values and after.unit != before.unit:
                yield before.start, after.end


def _hours(quantity: Quantity) -> float:
    return quantity.values[0] * _HOURS[quantity.unit]


def _told_twice(reading: Reading, substance_of: dict[int, str]) -> Iterator[Place]:
    """38 ℃ (100.4 ℉), 2周（14天）: the second figure is the first in another unit."""
    found = quantities_of(reading)
    for one, two in zip(found, found[1:], strict=False):
        if not one.unit or not two.unit or one.unit == two.unit or len(one.values) != len(two.values):
            continue
        if not _AGAIN.match(reading.text[one.end : two.start]) or one.kind.startswith("pair"):
            continue
        told = [convert(v, one.unit, two.unit, substance_of.get(one.start, "")) for v in one.values]
        if any(t is None for t in told):
            continue
        slack = 0.004 if two.unit in ("℃", "℉") else NEAR
        if any(abs(t - v) > slack * max(abs(v), 1e-9) + 0.05 for t, v in zip(told, two.values, strict=True) if t):
            yield two.start, two.end


def sizes(text: str) -> tuple[tuple[Place, tuple[float, ...]], ...]:
    """Sizes such as 3 cm × 4 cm as ((start, end), edges in mm); an edge without unit has that of the last."""
    factor = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
    found = []
    for match in _SIZE.finditer(text):
        last = factor[match.group(5)]
        first = factor[match.group(2)] if match.group(2) else last
        edges = [float(match.group(1)) * first, *(float(e) * last for e in match.group(3, 4) if e)]
        found.append((match.span(), tuple(round(edge, 3) for edge in edges)))
    return tuple(found)


def _other_size(reading: Reading, known: Sequence[str]) -> Iterator[Place]:
    """A size that shares an edge with one of the case, but is none of the case's."""
    mine = sizes(reading.text)
    if not mine:
        return
    given = {edges for text in known for _, edges in sizes(text)}
    for place, edges in mine:
        if given and edges not in given and any(_all_but_one(edges, other) for other in given):
            yield place


def _all_but_one(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _wrong_sum(reading: Reading) -> Iterator[Place]:
    """BMI from height and weight; a day's dose from one dose and its times."""
    text = reading.text
    bmi, height, weight = _BMI.search(text), _HEIGHT.search(text), _WEIGHT.search(text)
    if bmi and height and weight:
        metres = float(height.group(1)) / (100 if height.group(2) in ("cm", "厘米") else 1)
        if metres > 0 and abs(float(weight.group(1)) / metres**2 - float(bmi.group(1))) > 0.6:
            yield bmi.start(1), bmi.end(1)
    for match in _DAILY.finditer(text):
        total = convert(float(match.group(4)), match.group(5).replace("ml", "mL"), match.group(2).replace("ml", "mL"))
        if total is not None and abs(total - float(match.group(1)) * float(match.group(3))) > 1e-6:
            yield match.start(4), match.end(5)


def _wrong_score(reading: Reading) -> Iterator[Place]:
    """A score below or above what its scale can reach: Glasgow 2 or 17, Apgar 12."""
    names, bounds = _scales()
    for match in names.finditer(reading.text):
        low, high = bounds[match.group(1)]
        if not low <= float(match.group(2)) <= high:
            yield match.span(2)


@lru_cache(maxsize=1)
def _scales() -> tuple[re.Pattern[str], dict[str, tuple[float, float]]]:
    """Scales by name, with their least and largest score."""
    bounds: dict[str, tuple[float, float]] = {}
    for entry in read_data("figures.yaml")["scales"]:
        bounds |= {
            read(str(name)).text: (float(entry["score"][0]), float(entry["score"][1])) for name in entry["names"]
        }
    names = "|".join(map(re.escape, sorted(bounds, key=len, reverse=True)))
    pattern = rf"(?<![a-z])({names}){_SCORED}(\d{{1,3}}(?:\.\d)?)\s?(?:分|points?)"
    return re.compile(pattern), bounds


def _wrong_times(reading: Reading) -> Iterator[Place]:
    """每8小时一次，每日3次: an interval and the times of a day go together."""
    for match in _INTERVAL.finditer(reading.text):
        hours, times = float(match.group(1)), float(match.group(2))
        if hours and abs(24 / hours - times) >= 1:
            yield match.span(2)


@lru_cache(maxsize=64)
def out_of_grade(reading: Reading) -> frozenset[int]:
    """Starts of figures that stand between a lower and a higher grade, but are above or below the figures of both."""
    found: set[int] = set()
    if sum(bool(q.unit) for q in quantities_of(reading)) < 3:
        return frozenset()
    for grades in _GRADES:
        row: list[tuple[int, Quantity]] = []
        for match in grades.finditer(reading.text):
            quantity = _figure_behind(reading, match.end())
            if quantity is not None:
                row.append((int(str(match.lastgroup)[1:]), quantity))
        for low, middle, high in zip(row, row[1:], row[2:], strict=False):
            if (low[0], middle[0], high[0]) not in ((0, 1, 2), (2, 1, 0)) or high[1].start - low[
                1
            ].start > 10 * GRADE_REACH:
                continue
            if not low[1].unit == middle[1].unit == high[1].unit:
                continue
            first, second, third = (q.values[-1] for _, q in (low, middle, high))
            if (second - first) * (third - second) < 0:
                found.add(middle[1].start)
    return frozenset(found)


def _figure_behind(reading: Reading, end: int) -> Quantity | None:
    """The first figure with a unit within reach behind a word, in its line."""
    line = reading.text.find("\n", end)
    stop = min(end + GRADE_REACH, line if line >= 0 else len(reading.text))
    return next((q for q in quantities_of(reading) if q.unit and end <= q.start < stop), None)


def conflicts(reading: Reading, known: Sequence[str], substance_of: dict[int, str]) -> tuple[Place, ...]:
    """Stretches of an answer whose figures cannot all be right; `known` are the evened-out texts of the case."""
    return tuple(
        dict.fromkeys(
            (
                *_told_twice(reading, substance_of),
                *_out_of_order(reading),
                *_other_size(reading, known),
                *_wrong_sum(reading),
                *_wrong_score(reading),
                *_wrong_times(reading),
                *unfitting(reading),
            )
        )
    )
