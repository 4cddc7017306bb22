"""Limits: the figures that the guidelines give for a quantity."""

from functools import lru_cache

from medeval.clinical.binding import Bound
from medeval.clinical.guidelines import load_guidelines
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity, find_quantities, quantity_stated

GLUCOSE = frozenset({"fasting_glucose", "postprandial_glucose", "random_glucose", "glucose"})


@lru_cache(maxsize=64)
def limits_of(quantity: str) -> tuple[Quantity, ...]:
    """Figures any guideline gives for a quantity, in its unit."""
    found: list[Quantity] = []
    for guideline in load_guidelines().values():
        if guideline.quantity == quantity or (quantity in GLUCOSE and guideline.quantity in GLUCOSE):
            for text in guideline.limits:
                found += find_quantities(f"{text} {guideline.unit}")
    return tuple(found)


@lru_cache(maxsize=256)
def bare_limits(quantity: str, kind: str) -> tuple[Quantity, ...]:
    """The guidelines' limits of one kind, without comparators: whole, by component, and each figure alone."""
    plain = [Quantity(q.start, q.end, q.kind, q.values, "", q.unit) for q in limits_of(quantity)]
    pairs = [(q, part) for q in plain if q.kind == "pair_range" for part in (q.values[:2], q.values[2:])]
    plain += [Quantity(0, 0, "range", part, "", q.unit) for q, part in pairs]
    plain += [Quantity(0, 0, "value", (v,), "", q.unit) for q in plain for v in q.values]
    return tuple(dict.fromkeys(Quantity(0, 0, q.kind, q.values, "", q.unit) for q in plain if q.kind == kind))


@lru_cache(maxsize=4096)
def _is_limit(analyte_key: str, figure: Quantity) -> bool:
    analyte = analytes()[analyte_key]
    return any(
        quantity_stated(limit, figure, analyte.substance) for limit in bare_limits(analyte.quantity, figure.kind)
    )


def is_given(bound: Bound) -> bool:
    """Whether a guideline gives the figure for its test, or a range between two that it gives."""
    if bound.analyte not in analytes():
        return False
    stated = bound.quantity
    if _is_limit(bound.analyte, Quantity(0, 0, stated.kind, stated.values, "", stated.unit)):
        return True
    ends = [Quantity(0, 0, "value", (value,), "", stated.unit) for value in stated.values]
    return stated.kind == "range" and all(_is_limit(bound.analyte, end) for end in ends)
