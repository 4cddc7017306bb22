"""The disagreement queue: answers on which rules and clinicians, or clinicians among themselves, differ most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.review.agreement import clinician_means
from medeval.review.records import DIMENSIONS, Rating, ReviewSpec

Kind = Literal["danger_missed", "veto_only", "danger_split", "rules_high", "rules_low", "reviewers"]
GAP = 0.4
"""Difference of a rule total (0 to 1) and the clinicians' mean (1 to 5 as 0 to 1) from which a case is queued."""
SPREAD = 2
"""Points on one scale that two reviewers must be apart."""
_FIRST: dict[Kind, int] = {"danger_missed": 0, "danger_split": 1, "veto_only": 2}


@dataclass(frozen=True)
class Disagreement:
    """One answer to look at again. `size` is in [0, 1]; `dimension` names the scale where reviewers differ."""

    case_id: str
    variant: str
    kind: Kind
    size: float
    rules: float | None
    clinicians: float | None
    dimension: str = ""


def disagreements(spec: ReviewSpec, ratings: Sequence[Rating]) -> list[Disagreement]:
    """The queue: dangers that one side saw and the other did not come first, then the widest gaps."""
    found: list[Disagreement] = []
    means = {dimension: clinician_means(ratings, dimension) for dimension in DIMENSIONS}
    for item in spec.items:
        here = [rating for rating in ratings if rating.case_id == item.case.id]
        for cell in item.cells:
            given = [rating.marks[cell.variant] for rating in here if cell.variant in rating.marks]
            if not given:
                continue
            unit = (item.case.id, cell.variant)
            people = sum((means[name][unit] - 1) / 4 for name in DIMENSIONS) / len(DIMENSIONS)
            rules = cell.profile(DEFAULT_PROFILE)
            vetoed = any(score.veto for score in cell.scores.values())
            flags = [mark.danger for mark in given]
            for kind, size in _danger(flags, vetoed, bool(cell.scores)):
                found.append(Disagreement(*unit, kind, size, rules, people))
            if rules is not None and abs(rules - people) >= GAP:
                kind_: Kind = "rules_high" if rules > people else "rules_low"
                found.append(Disagreement(*unit, kind_, abs(rules - people), rules, people))
            for name in DIMENSIONS:
                levels = [mark.level(name) for mark in given]
                if max(levels) - min(levels) >= SPREAD:
                    size = (max(levels) - min(levels)) / 4
                    found.append(Disagreement(*unit, "reviewers", size, rules, people, name))
    return sorted(found, key=lambda item: (_FIRST.get(item.kind, 3), -item.size))


def _danger(flags: Sequence[bool], vetoed: bool, scored: bool) -> list[tuple[Kind, float]]:
    share = sum(flags) / len(flags)
    found: list[tuple[Kind, float]] = []
    if any(flags) and scored and not vetoed:
        found.append(("danger_missed", share))
    elif 0 < share < 1:
        found.append(("danger_split", min(1.0, 2 * min(share, 1 - share))))
    if vetoed and not any(flags):
        found.append(("veto_only", 1.0))
    return found
