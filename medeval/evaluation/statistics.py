"""Statistics of a run: everything is paired by case, and the case is the unit that is resampled.

Repeats are clustered in their case: they are averaged first, so that resampling cases takes all repeats of a case along
and a case counts once however often it was asked. Method and simulations: design/statistics.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy import dtype, float64, ndarray

    Signs = ndarray[Any, dtype[float64]]

DRAWS = 2000
FLIPS = 9999
"""Random sign flips of the permutation test; where all 2**n are fewer (n <= 13) every one is taken and p is exact."""
SMALLEST_N = 6
"""Below six pairs even a clean sweep has a two-sided p above 0.05, so the verdict is always `tied`."""
POWER = 0.8

Verdict = Literal["better", "worse", "tied"]


@dataclass(frozen=True)
class Interval:
    """A mean over `n` cases with its 95 % interval; `low` and `high` are None where n < 2."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Comparison:
    """`b` against `a` on the cases both have: `difference` = mean(b − a), in the unit of the values."""

    a: str
    b: str
    n: int
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p_sign: float | None
    p_holm: float | None
    """The permutation test's p adjusted over the family in which the comparison was made."""
    verdict: Verdict
    """What `b` is; `tied` where the interval holds 0, n < SMALLEST_N, or Holm's p is above 0.05."""
    p_permutation: float | None = None
    detectable: float | None = None
    """The true difference that n such cases show 4 times in 5; None where n < SMALLEST_N or nothing varies."""
    metric: str = ""
    """What was compared; empty for the profile's one number."""


def by_case(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Mean value of each case over its repeats, in order of first appearance."""
    groups: dict[str, list[float]] = {}
    for case_id, value in values:
        groups.setdefault(case_id, []).append(value)
    return {case_id: math.fsum(group) / len(group) for case_id, group in groups.items()}


def mean_interval(values: Sequence[float], *, draws: int = DRAWS, seed: int = 0) -> Interval | None:
    """Mean of one value per case with a bootstrap interval over cases.

    The percentile interval is widened for small n as in Hesterberg, "What teachers should know about the
    bootstrap" (2015): the tail is Φ(−√(n/(n−1))·t₍₀.₉₇₅,ₙ₋₁₎) instead of 2.5 %.

    Args:
        values: one number per case, any unit.
        draws: bootstrap resamples.
        seed: the same seed gives the same interval.

    Returns:
        None for no values; bounds None for a single one.
    """
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, None, 1)
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, n, size=(draws, n))
    low, high = np.quantile(sample[picks].mean(axis=1), [_tail(n), 1 - _tail(n)])
    return Interval(mean, float(low), float(high), n)


@lru_cache(maxsize=256)
def _tail(n: int) -> float:
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))


def sign_test(differences: Iterable[float]) -> float | None:
    """Two-sided exact sign test (scipy's binomial test); zeros are dropped.

    Returns:
        The p-value; None where every difference is zero or there is none.
    """
    signs = [difference > 0 for difference in differences if difference != 0]
    if not signs:
        return None
    from scipy.stats import binomtest

    return float(binomtest(sum(signs), len(signs)).pvalue)


def permutation_test(differences: Sequence[float], *, flips: int = FLIPS, seed: int = 0) -> float | None:
    """Two-sided paired permutation test of the mean: the sign of each case's difference is flipped.

    Args:
        differences: one per case.
        flips: at most so many sign patterns; all of them, and so an exact p, where there are no more.
        seed: of the random flips.

    Returns:
        The p-value; None where every difference is zero or there is none.
    """
    if not any(differences):
        return None
    import numpy as np

    sample = np.asarray(differences, dtype=np.float64)
    signs = _signs(len(sample), flips, seed)
    # the tolerance keeps patterns whose mean equals the seen one but for rounding
    as_far = int((np.abs(signs @ sample) >= abs(sample.sum()) * (1 - 1e-12)).sum())
    every = len(signs) == 2 ** len(sample)
    return as_far / len(signs) if every else (as_far + 1) / (len(signs) + 1)


@lru_cache(maxsize=32)
def _signs(n: int, flips: int, seed: int) -> "Signs":
    """Patterns of ±1, patterns × n: all of them where that is at most `flips`, else so many at random.

    The same as `scipy.stats.permutation_test(permutation_type="samples")`, which loops over patterns in Python and
    takes 20 to 40 ms a test; a report makes more than a hundred.
    """
    import numpy as np

    if n < 60 and 2**n <= flips:
        return np.asarray(1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1), dtype=np.float64)
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(flips, n))


def detectable_difference(differences: Sequence[float]) -> float | None:
    """The smallest true mean difference that a paired test at 5 % finds with 80 % power, at this n and spread.

    (t₀.₉₇₅ + t₀.₈₀)·s/√n with n − 1 degrees of freedom; before any correction for several comparisons.

    Returns:
        None for fewer than SMALLEST_N cases or differences that do not vary.
    """
    n = len(differences)
    if n < SMALLEST_N:
        return None
    from scipy.special import stdtrit

    mean = math.fsum(differences) / n
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in differences) / (n - 1))
    if spread < 1e-9:
        return None
    return float((stdtrit(n - 1, 0.975) + stdtrit(n - 1, POWER)) * spread / math.sqrt(n))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment; None stays None and does not count as a test."""
    tests = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(tests):
        running = max(running, min(1.0, (len(tests) - rank) * p))
        adjusted[index] = running
    return adjusted


def compare(
    a: str, b: str, values_a: Mapping[str, float], values_b: Mapping[str, float], metric: str = ""
) -> Comparison:
    """Compares two variants (or two runs) on the cases that both have a value for.

    Args:
        a: name of the reference.
        b: name of what is judged.
        values_a: one value per case id.
        values_b: one value per case id, same unit.
        metric: what the values are; empty for a profile's number.
    """
    shared = [case_id for case_id in values_a if case_id in values_b]
    # rounding kills differences that only come from the order of floating-point sums
    differences = [round(values_b[case_id] - values_a[case_id], 12) for case_id in shared]
    found = mean_interval(differences)
    if found is None:
        return Comparison(a, b, 0, None, None, None, None, None, None, None, "tied", metric=metric)
    mean_a = math.fsum(values_a[case_id] for case_id in shared) / found.n
    mean_b = math.fsum(values_b[case_id] for case_id in shared) / found.n
    return Comparison(
        a, b, found.n, mean_a, mean_b, found.mean, found.low, found.high, sign_test(differences), None, _verdict(found),
        permutation_test(differences), detectable_difference(differences), metric,
    )  # fmt: skip


def _verdict(difference: Interval) -> Verdict:
    if difference.low is None or difference.high is None or difference.n < SMALLEST_N:
        return "tied"
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "tied"


def compare_all(values: Mapping[str, Mapping[str, float]]) -> list[Comparison]:
    """Every pair of variants, earlier name as the reference, p-values adjusted by Holm over all pairs.

    Args:
        values: variant → case id → value.
    """
    names = list(values)
    pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
    return with_holm([compare(a, b, values[a], values[b]) for a, b in pairs])


def compare_metrics(a: str, b: str, values: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Comparison]:
    """One pair on every metric, p-values adjusted by Holm over the metrics.

    Args:
        a: the reference.
        b: what is judged.
        values: metric → variant → case id → value, higher is better.
    """
    return with_holm([compare(a, b, found[a], found[b], metric) for metric, found in values.items()])


def with_holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with `p_holm` adjusted over the whole family."""
    adjusted = holm([item.p_permutation for item in comparisons])
    return [_settled(replace(item, p_holm=p)) for item, p in zip(comparisons, adjusted, strict=True)]


def _settled(found: Comparison) -> Comparison:
    # A winner is named only where interval and adjusted permutation test agree.
    unsure = found.p_holm is not None and found.p_holm > 0.05
    return replace(found, verdict="tied") if unsure else found
