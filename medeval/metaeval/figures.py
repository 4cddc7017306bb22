"""Preference shares, AUC and rank correlation, all with intervals from resampling clusters (questions, patients)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from medeval.evaluation.statistics import DRAWS, by_case, mean_interval, sign_test

EQUAL = 1e-6
"""Scores that differ by less are equal: they differ only by the order of floating-point sums."""


@dataclass(frozen=True)
class Figure:
    """A measured share or area with its 95 % interval over `clusters`; `n` single comparisons, `ties` their share."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    ties: float | None = None
    p: float | None = None


NOTHING = Figure(None, None, None, 0, 0)


def preference(differences: Sequence[tuple[str, float]]) -> Figure:
    """Share of pairs in which the original scores higher, a tie counting one half.

    Args:
        differences: (cluster, original − edited) of each pair.
    """
    return share([(cluster, _won(difference)) for cluster, difference in differences], ties=True)


def _won(difference: float) -> float:
    return 0.5 if abs(difference) <= EQUAL else float(difference > 0)


def share(values: Sequence[tuple[str, float]], *, ties: bool = False) -> Figure:
    """Mean of values in [0, 1], one or more per cluster; every cluster weighs the same.

    Where all clusters agree the bootstrap has no width: the exact binomial bound (Clopper and Pearson 1934) stands in.
    """
    means = by_case(values)
    found = mean_interval(list(means.values()))
    if found is None:
        return NOTHING
    low, high = found.low, found.high
    if low is not None and high is not None and min(means.values()) == max(means.values()):
        edge = 0.025 ** (1 / found.n)
        low, high = (edge * found.mean, found.mean) if found.mean > 0.5 else (found.mean, 1 - edge * (1 - found.mean))
    tied = sum(value == 0.5 for _, value in values) / len(values) if ties else None
    p = sign_test(value - 0.5 for value in means.values()) if ties else None
    return Figure(found.mean, _within(low), _within(high), len(values), found.n, tied, p)


def _within(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, value))


def auc(values: Sequence[tuple[str, float, bool]], *, draws: int = DRAWS, seed: int = 0) -> Figure:
    """Area under the ROC curve (the Mann–Whitney share of pairs ranked rightly, ties one half).

    Args:
        values: (cluster, score, is positive) of each claim.
        draws: bootstrap resamples of clusters; those without both classes are left out.
        seed: of the resampling.

    Returns:
        NOTHING where one class is missing; bounds None with fewer than two clusters.
    """
    clusters = {name: index for index, name in enumerate(dict.fromkeys(name for name, _, _ in values))}
    place = np.array([clusters[name] for name, _, _ in values], dtype=np.intp)
    score = np.array([value for _, value, _ in values], dtype=np.float64)
    positive = np.array([flag for _, _, flag in values], dtype=bool)
    if not positive.any() or positive.all():
        return NOTHING
    gap = score[positive][:, None] - score[~positive][None, :]
    won = (gap > EQUAL) + 0.5 * (np.abs(gap) <= EQUAL)
    area = float(won.mean())
    n = len(clusters)
    if n < 2:
        return Figure(area, None, None, len(values), n)
    picks = np.random.default_rng(seed).integers(0, n, size=(draws, n))
    weight = np.stack([np.bincount(pick, minlength=n) for pick in picks]).astype(np.float64)
    up, down = weight[:, place[positive]], weight[:, place[~positive]]
    total = up.sum(axis=1) * down.sum(axis=1)
    areas = np.einsum("di,ij,dj->d", up, won, down, optimize=True)[total > 0] / total[total > 0]
    low, high = (float(bound) for bound in np.quantile(areas, [0.025, 0.975]))
    tail = min(float((areas <= 0.5).mean()), float((areas >= 0.5).mean()))
    ties = float((np.abs(gap) <= EQUAL).mean())
    return Figure(area, low, high, len(values), n, ties, max(2 * tail, 1 / draws))


def ranks(values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Ranks from 1, ties sharing their mean."""
    array = np.round(np.asarray(values, dtype=np.float64), 9)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse], dtype=np.float64)


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Rank correlation; None with fewer than three pairs or where one side does not vary."""
    if len(one) < 3:
        return None
    a, b = ranks(one), ranks(other)
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def partial(xy: float | None, xz: float | None, yz: float | None) -> float | None:
    """Correlation of x and y with z held fixed, from the three pairwise ones."""
    if xy is None or xz is None or yz is None or max(abs(xz), abs(yz)) >= 1:
        return None
    return (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))


def mean(values: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    found = list(values)
    return math.fsum(found) / len(found) if found else None
