"""Ranking of variants from blind preferences: Bradley–Terry strengths on the Elo scale, cases resampled.

The strengths come from evalica; the resamples are the same model solved for all draws at once, and a test holds the
two together. Each pair of variants gets one virtual tie, so that a clean sweep stays finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medeval.evaluation.statistics import Comparison, compare_all
from medeval.review.records import Rating
from medeval.review.resampling import DRAWS, FEWEST_CASES, bounds, case_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ELO = 400.0
CENTRE = 1000.0
PRIOR = 0.5
"""Virtual wins of each variant over each other one."""
_SWEEPS = 2000


@dataclass(frozen=True)
class Ranked:
    """One variant: its Elo number (mean of all variants = 1000) with a 95 % interval over cases.

    `low` and `high` are None below five cases. Wins, ties and losses count pairs of answers, over all reviewers.
    """

    variant: str
    elo: float
    low: float | None
    high: float | None
    wins: int
    ties: int
    losses: int
    cases: int


def pair_wins(ratings: Sequence[Rating], variants: Sequence[str]) -> "tuple[list[str], Floats]":
    """Wins per case, shape (cases, variants, variants): entry [c, i, j] counts how often i was placed before j.

    A tie is half a win for both. Returns the case ids in order and the array.
    """
    import numpy as np

    cases = list(dict.fromkeys(rating.case_id for rating in ratings))
    wins = np.zeros((len(cases), len(variants), len(variants)))
    row = {case_id: index for index, case_id in enumerate(cases)}
    for rating in ratings:
        for i, a in enumerate(variants):
            for j, b in enumerate(variants):
                if i != j and a in rating.marks and b in rating.marks:
                    wins[row[rating.case_id], i, j] += _win(rating.marks[a].rank, rating.marks[b].rank)
    return cases, wins


def _win(mine: int, other: int) -> float:
    return 0.5 if mine == other else float(mine < other)


def strengths(wins: "Floats") -> "Floats":
    """Bradley–Terry log strengths, each row with mean 0, by Newman's iteration (JMLR 24, 2023).

    Args:
        wins: shape (draws, variants, variants), without the virtual ties.

    Returns:
        Shape (draws, variants), natural logarithms.
    """
    import numpy as np

    count = wins.shape[-1]
    padded = wins + PRIOR * (1 - np.eye(count))
    power = np.ones(wins.shape[:2])
    for _ in range(_SWEEPS):
        before = power.copy()
        for i in range(count):
            both = power[:, i, None] + power
            gained = (padded[:, i, :] * power / both).sum(axis=1)
            power[:, i] = gained / (padded[:, :, i] / both).sum(axis=1)
        power /= np.exp(np.log(power).mean(axis=1, keepdims=True))
        if np.abs(np.log(power / before)).max(initial=0.0) < 1e-7:
            break
    return np.log(power)


def _published(wins: "Floats", variants: Sequence[str]) -> "list[float]":
    """Log strengths of one table of wins, as evalica has them, in the order of `variants`."""
    import evalica
    import numpy as np

    pairs = [(i, j) for i in range(len(variants)) for j in range(len(variants)) if i != j]
    found = evalica.bradley_terry(
        [variants[i] for i, _ in pairs], [variants[j] for _, j in pairs], [evalica.Winner.X] * len(pairs),
        weights=[float(wins[i, j]) + PRIOR for i, j in pairs], tolerance=1e-9, limit=_SWEEPS,
    )  # fmt: skip
    logs = np.log([float(found.scores[name]) for name in variants])
    return [float(value) for value in logs - logs.mean()]


def ranking(ratings: Sequence[Rating], variants: Sequence[str], *, draws: int = DRAWS, seed: int = 0) -> list[Ranked]:
    """Variants from best to worst.

    Args:
        ratings: of first sight only; a repeated case is not new evidence.
        variants: all that were judged.
        draws: resamples over cases.
        seed: the same seed gives the same intervals.

    Returns:
        Empty without ratings.
    """
    import numpy as np

    cases, wins = pair_wins(ratings, variants)
    if not cases:
        return []
    scale = ELO / np.log(10)
    centre = _published(wins.sum(axis=0), variants)
    low: list[float | None] = [None] * len(variants)
    high: list[float | None] = [None] * len(variants)
    if len(cases) >= FEWEST_CASES:
        weights = case_weights(len(cases), draws, seed)
        drawn = strengths(np.tensordot(weights, wins, axes=(1, 0)))
        low, high = bounds(CENTRE + scale * drawn, len(cases))
    counts = [_counts(ratings, name) for name in variants]
    rows = [
        Ranked(name, round(CENTRE + scale * centre[i], 1), low[i], high[i], *counts[i], len(cases))
        for i, name in enumerate(variants)
    ]
    return sorted(rows, key=lambda row: -row.elo)


def _counts(ratings: Sequence[Rating], variant: str) -> tuple[int, int, int]:
    wins = ties = losses = 0
    for rating in ratings:
        if variant not in rating.marks:
            continue
        mine = rating.marks[variant].rank
        others = [mark.rank for name, mark in rating.marks.items() if name != variant]
        wins += sum(mine < other for other in others)
        ties += sum(mine == other for other in others)
        losses += sum(mine > other for other in others)
    return wins, ties, losses


def preferences(ratings: Sequence[Rating], variants: Sequence[str]) -> dict[str, dict[str, float]]:
    """Variant → case → share of the other answers it was placed before (ties half), mean over reviewers."""
    cases, wins = pair_wins(ratings, variants)
    shares: dict[str, dict[str, float]] = {name: {} for name in variants}
    for row, case_id in enumerate(cases):
        for i, name in enumerate(variants):
            met = float(wins[row, i, :].sum() + wins[row, :, i].sum())
            if met:
                shares[name][case_id] = float(wins[row, i, :].sum()) / met
    return shares


def verdicts(ratings: Sequence[Rating], variants: Sequence[str]) -> list[Comparison]:
    """Every pair of variants: mean difference of their shares with interval, sign test, Holm, and a verdict."""
    return compare_all(preferences(ratings, variants))
