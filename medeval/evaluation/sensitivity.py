"""How firmly the ranking of the variants stands when the weights of the profile are changed.

The weights are a choice, not a measurement: a ranking that turns when a weight is halved or doubled is no finding.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medeval.evaluation.records import Cell
from medeval.metrics.composite import VETO_CAP
from medeval.metrics.profiles import load_profiles

if TYPE_CHECKING:
    from numpy import dtype, float64, ndarray

    Numbers = ndarray[Any, dtype[float64]]

DRAWS = 1000
SPREAD = 2.0
"""Each weight is multiplied by a factor drawn log-uniformly between 1/SPREAD and SPREAD."""


@dataclass(frozen=True)
class Sensitivity:
    """Shares in [0, 1] over `draws` random weightings of `profile`."""

    profile: str
    draws: int
    ranking: tuple[str, ...]
    """Variants by their mean with the weights as they are, best first; of the cases that all of them have."""
    first: dict[str, float]
    """Variant → share of weightings under which it ranks first (ties go to the earlier column)."""
    same_ranking: float
    """Share of weightings that give the whole ranking as it is."""
    turned_by: tuple[tuple[str, str], ...]
    """(part, variant that then ranks first) where leaving out one part of the profile changes who is first."""
    cases: int


def sensitivity(variants: Sequence[str], cells: Sequence[Cell], profile: str, seed: int = 0) -> Sensitivity | None:
    """Draws weights and ranks again, from the stored part scores.

    Args:
        variants: names in column order.
        cells: of a run; only cases that every variant has a score for take part.
        profile: as known today; its weights are the middle of the draws.
        seed: the same seed gives the same figures.

    Returns:
        None where there is nothing to rank: one variant, an unknown profile, one part, or no shared case.
    """
    found = load_profiles().get(profile)
    if found is None or len(variants) < 2 or len(found.parts) < 2:
        return None
    import numpy as np

    names = [part.name for part in found.parts]
    weights = np.array([part.weight for part in found.parts])
    shared = set.intersection(*({c.case_id for c in cells if _counts(c, name, profile)} for name in variants))
    if not shared:
        return None
    columns = [_Column.of([c for c in cells if c.case_id in shared and _counts(c, v, profile)], names, profile)
               for v in variants]  # fmt: skip

    def order(tried: "Numbers") -> tuple[int, ...]:
        means = np.array([column.mean(tried) for column in columns])
        return tuple(int(place) for place in np.argsort(-means.round(9), kind="stable"))

    usual = order(weights)
    factors = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(DRAWS, len(names)))
    orders = [order(weights * SPREAD**factor) for factor in factors]
    places = np.arange(len(names))
    without = [(name, order(np.where(places == place, 0.0, weights))) for place, name in enumerate(names)]
    return Sensitivity(
        profile=profile,
        draws=DRAWS,
        ranking=tuple(variants[place] for place in usual),
        first={name: sum(o[0] == row for o in orders) / DRAWS for row, name in enumerate(variants)},
        same_ranking=sum(o == usual for o in orders) / DRAWS,
        turned_by=tuple((name, variants[o[0]]) for name, o in without if o[0] != usual[0]),
        cases=len(shared),
    )


def _counts(cell: Cell, variant: str, profile: str) -> bool:
    score = cell.profiles.get(profile)
    return cell.variant == variant and score is not None and score.value is not None and bool(score.parts)


@dataclass(frozen=True)
class _Column:
    """One variant's answers: part scores (answers × parts, nan where missing), caps, and each answer's share."""

    parts: "Numbers"
    caps: "Numbers"
    shares: "Numbers"

    @staticmethod
    def of(cells: Sequence[Cell], names: Sequence[str], profile: str) -> "_Column":
        import numpy as np

        scores = [cell.profiles[profile] for cell in cells]
        repeats = Counter(cell.case_id for cell in cells)
        return _Column(
            np.array([[score.parts.get(name, np.nan) for name in names] for score in scores]),
            np.array([VETO_CAP if score.vetoed else 1.0 for score in scores]),
            np.array([1 / (repeats[cell.case_id] * len(repeats)) for cell in cells]),
        )

    def mean(self, weights: "Numbers") -> float:
        """Mean over cases of the profile's number under other weights; an answer left with no part counts 0."""
        import numpy as np

        given = np.where(np.isnan(self.parts), 0.0, weights)
        total = given.sum(axis=1)
        values = (np.nan_to_num(self.parts) * given).sum(axis=1) / np.where(total > 0, total, 1.0)
        return float((np.minimum(values, self.caps) * self.shares).sum())
