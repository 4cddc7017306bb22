"""The figures that a case gives, and whether a figure of an answer is one of them or another in its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.binding import Bound, bind
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity, quantity_stated
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import convert, is_measurement

BARE = 20
"""A bare whole number below could count anything."""
BEFORE, AFTER, ALIKE = 8, 4, 2
_RECKONED = re.compile(r"(?:若|如果|假如|假设|换成|累[积计]|合计|总共|共计|一共|总量|总计|相当于|约合)[^，。；]{0,4}$")
"""What stands before a sum of figures of the case, or before one that is only supposed."""
_AS_LIMIT = re.compile(r"\s?(?:作)?为(?:界|切点|标准|临?界值|上限|下限|阈值)")
_LATIN = re.compile(r"[a-z]{3,}")
_JOINING = frozenset("the and for with from this that was are has had within about over under after before".split())
_SAME_SORT = ({"month", "age"}, {"day", "week"}, {"mm", "cm"})
"""Units in which the ends of one range are told again."""


@dataclass(frozen=True)
class Known:
    """A figure of the case: its test and the character pairs around it."""

    quantity: Quantity
    analyte: str
    around: frozenset[str]


@dataclass(frozen=True, eq=False)
class Pool:
    """All figures of a case, and the same as (kind, values, unit)."""

    entries: tuple[Known, ...]
    exact: frozenset[tuple[str, tuple[float, ...], str]]


def _around(reading: Reading, quantity: Quantity) -> frozenset[str]:
    """Pairs of characters beside a figure, without digits; of Latin text the words."""
    if reading.text.isascii():
        left = reading.text[max(0, quantity.start - 3 * BEFORE) : quantity.start]
        right = reading.text[quantity.end : quantity.end + 3 * AFTER]
        return frozenset(word for word in _LATIN.findall(f"{left} {right}") if word not in _JOINING)
    left = reading.text[max(0, quantity.start - BEFORE) : quantity.start]
    right = reading.text[quantity.end : quantity.end + AFTER]
    pairs = {side[i : i + 2] for side in (left, right) for i in range(len(side) - 1)}
    return frozenset(pair for pair in pairs if pair.isalpha())


def texts_of(case: Case) -> Iterator[str]:
    """Every text of a case that may hold a figure."""
    yield case.prompt
    yield from (turn.text for turn in case.history)
    yield from (f"{key} {value}" for key, value in case.facts.items())
    for statement in case.expect.must_have:
        yield from statement.any if isinstance(statement, AnyOf) else [statement]
    yield from (f"{row.name} {row.value:g} {row.unit}" for row in case.expect.lab_rows)


@lru_cache(maxsize=256)
def known_in(texts: tuple[str, ...]) -> Pool:
    """The figures of these texts."""
    found = []
    for text in texts:
        reading = read(text)
        for bound in bind(reading):
            found.append(Known(bound.quantity, bound.analyte, _around(reading, bound.quantity)))
    exact = frozenset((k.quantity.kind, k.quantity.values, k.quantity.unit) for k in found)
    return Pool(tuple(found), exact)


def _same(one: Quantity, other: Quantity, substance: str) -> bool:
    """Whether two figures are the same whatever they are compared with."""
    if one.kind == other.kind and (one.unit == other.unit or not one.unit):
        return one.values == other.values
    if not is_measurement(one.unit) or not is_measurement(other.unit):
        return False
    bare = [Quantity(q.start, q.end, q.kind, q.values, "", q.unit) for q in (one, other)]
    return quantity_stated(bare[0], bare[1], substance)


def _ends(given: Quantity, quantity: Quantity) -> bool:
    """Whether a figure is one end of a range, in whatever unit: 12 months of 1 to 6 years."""
    same = given.unit == quantity.unit or any({given.unit, quantity.unit} <= sort for sort in _SAME_SORT)
    if given.kind != "range" or not given.unit or not same:
        return False
    ends = (convert(value, given.unit, quantity.unit) for value in given.values)
    return any(end is not None and abs(end - quantity.values[0]) <= 1e-6 * max(1.0, end) for end in ends)


def _tells(stated: Known, bound: Bound) -> bool:
    """Whether a figure of the case speaks for one of the answer; a bare small number could count anything."""
    if stated.quantity.unit or (stated.analyte and stated.analyte == bound.analyte):
        return True
    return any(value >= BARE or value != int(value) for value in stated.quantity.values)


@lru_cache(maxsize=64)
def _own(reading: Reading) -> frozenset[tuple[tuple[float, ...], str]]:
    """The figures of an answer."""
    return frozenset((bound.quantity.values, bound.quantity.unit) for bound in bind(reading))


def against_case(reading: Reading, bound: Bound, known: Pool) -> Literal["supported", "contradicted"] | None:
    """Whether the case gives a figure, or another one in its place; None where it does not speak of it."""
    quantity = bound.quantity
    substance = analytes()[bound.analyte].substance if bound.analyte in analytes() else ""
    if (quantity.kind, quantity.values, quantity.unit) in known.exact:
        return "supported"
    if is_measurement(quantity.unit) and any(
        _same(k.quantity, quantity, substance) and _tells(k, bound) for k in known.entries
    ):
        return "supported"
    if quantity.kind == "value" and any(_ends(k.quantity, quantity) for k in known.entries):
        return "supported"
    if _RECKONED.search(reading.text, max(0, quantity.start - 10), quantity.start) or _AS_LIMIT.match(
        reading.text, quantity.end
    ):
        return None
    around, own = _around(reading, quantity), _own(reading)
    for entry in known.entries:
        stated = entry.quantity
        if (stated.values, stated.unit) in own:
            continue  # told elsewhere: this figure is another one
        if stated.kind != quantity.kind or stated.is_reference or quantity.is_reference:
            continue
        alike = len(around & entry.around) >= ALIKE
        if alike and stated.unit and (stated.unit == quantity.unit or stated.values == quantity.values):
            return "contradicted"
    return None


def by_chance(reading: Reading, bound: Bound, known: Pool) -> bool:
    """Whether the case gives the figure only for other things, or as a result where the answer gives a limit."""
    around, quantity = _around(reading, bound.quantity), bound.quantity
    for entry in known.entries:
        if (entry.quantity.values, entry.quantity.unit) != (quantity.values, quantity.unit):
            continue
        if (bound.analyte and bound.analyte == entry.analyte) or around & entry.around:
            return False
    return not is_measurement(quantity.unit)
