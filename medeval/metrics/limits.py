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


@lru_cache(maxsize=64)
def bare_limits(quantity: str) -> tuple[Quantity, ...]:
    """The guidelines' limits of a quantity without comparators: whole, by component, and each figure alone."""
    plain = [Quantity(q.start, q.end, q.kind, q.values, "", q.unit) for q in limits_of(quantity)]
    pairs = [(q, part) for q in plain if q.kind == "pair_range" for part in (q.values[:2], q.values[2:])]
    plain += [Quantity(0, 0, "range", part, "", q.unit) for q, part in pairs]
    plain += [Quantity(0, 0, "value", (v,), "", q.unit) for q in plain for v in q.values]
    return tuple(plain)


def is_given(bound: Bound) -> bool:
    """Whether a guideline gives the figure for its test, or a range between two that it gives."""
    if bound.analyte not in analytes():
        return False
    analyte = analytes()[bound.analyte]
    stated = bound.quantity
    plain = Quantity(stated.start, stated.end, stated.kind, stated.values, "", stated.unit)
    limits = bare_limits(analyte.quantity)
    if any(quantity_stated(limit, plain, analyte.substance) for limit in limits):
        return True
    ends = [Quantity(0, 0, "value", (value,), "", stated.unit) for value in stated.values]
    return stated.kind == "range" and all(
        any(quantity_stated(limit, end, analyte.substance) for limit in limits) for end in ends
    )
