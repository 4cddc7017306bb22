"""Simulations: how often a winner is named where there is none, how often intervals hold the truth, what is found.

Bounds are binomial: a rate is refused only where it could not have come from the promised one (p < 0.001).
"""

import numpy as np
import pytest
from scipy import stats

from medeval.evaluation.statistics import (
    by_case,
    compare,
    compare_all,
    compare_metrics,
    detectable_difference,
    mean_interval,
    permutation_test,
)

ALPHA = 0.001


def at_least(hits: int, trials: int, rate: float) -> bool:
    """Whether `hits` of `trials` is compatible with a true rate of `rate` or more."""
    return bool(stats.binom.cdf(hits, trials, rate) > ALPHA)


def scores(chance: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Scores in [0, 1] as metrics give them: smooth, or few steps, or mostly full marks."""
    if kind == "smooth":
        return chance.beta(2, 2, shape)
    if kind == "steps":
        return chance.integers(0, 4, shape) / 3
    return np.where(chance.random(shape) < 0.7, 1.0, chance.random(shape))


def named(values: np.ndarray) -> dict[str, float]:
    return {str(place): float(value) for place, value in enumerate(values)}


@pytest.mark.parametrize("kind", ["smooth", "steps", "mostly-full"])
@pytest.mark.parametrize("n", [9, 14])
def test_four_equal_variants_are_tied_19_times_of_20(kind: str, n: int) -> None:
    chance = np.random.default_rng(n)
    trials = 120
    quiet = 0
    for _ in range(trials):
        hard = chance.normal(0, 0.15, n)  # cases differ, variants do not
        table = np.clip(scores(chance, kind, (4, n)) + hard, 0, 1)
        found = compare_all({name: named(row) for name, row in zip("abcd", table, strict=True)})
        quiet += all(item.verdict == "tied" for item in found)
    assert at_least(quiet, trials, 0.95), f"{quiet} of {trials} families without a false winner"


def test_no_metric_is_named_where_none_differs() -> None:
    chance = np.random.default_rng(1)
    trials, metrics, n = 120, 12, 12
    quiet = 0
    for _ in range(trials):
        skill = chance.normal(0, 0.2, (2, 1, n))  # metrics of one answer go together
        table = np.clip(scores(chance, "smooth", (2, metrics, n)) + skill, 0, 1)
        values = {str(m): {"a": named(table[0, m]), "b": named(table[1, m])} for m in range(metrics)}
        quiet += all(item.verdict == "tied" for item in compare_metrics("a", "b", values))
    assert at_least(quiet, trials, 0.95), f"{quiet} of {trials}"


def test_repeats_do_not_buy_significance() -> None:
    """Ten repeats of nine cases that all lean one way by chance are nine observations, not ninety."""
    chance = np.random.default_rng(2)
    trials, n, repeats = 150, 9, 10
    quiet = 0
    for _ in range(trials):
        lean = chance.normal(0, 0.2, (2, n))
        sides = [
            by_case((str(case), float(np.clip(0.5 + lean[side, case] + noise, 0, 1)))
                    for case in range(n) for noise in chance.normal(0, 0.02, repeats))
            for side in (0, 1)
        ]  # fmt: skip
        quiet += compare_all({"a": sides[0], "b": sides[1]})[0].verdict == "tied"
    assert at_least(quiet, trials, 0.95), f"{quiet} of {trials}"


@pytest.mark.parametrize(("kind", "n"), [("smooth", 8), ("smooth", 20), ("steps", 12), ("steps", 30)])
def test_intervals_of_differences_cover_at_their_nominal_rate(kind: str, n: int) -> None:
    chance = np.random.default_rng(n)
    trials, truth = 300, 0.1
    hits = 0
    for seed in range(trials):
        differences = scores(chance, kind, (n,)) - scores(chance, kind, (n,)) + truth
        found = mean_interval(list(differences), draws=800, seed=seed)
        assert found is not None and found.low is not None and found.high is not None
        hits += found.low <= truth <= found.high
    # a bootstrap of few cases promises about 95 %: 93 % is the rate measured at n = 8 (design/statistics.md)
    assert at_least(hits, trials, 0.93), f"{hits} of {trials}"
    assert stats.binom.sf(hits - 1, trials, 0.985) > ALPHA, f"{hits} of {trials}: too wide"


def test_a_difference_of_the_detectable_size_is_found_about_4_times_of_5() -> None:
    chance = np.random.default_rng(5)
    n, spread, trials = 20, 0.2, 200
    size = detectable_difference(list(spread * stats.zscore(chance.normal(size=n), ddof=1)))
    assert size is not None
    wins = 0
    for _ in range(trials):
        b = chance.normal(size, spread, n)
        wins += compare("a", "b", named(np.zeros(n)), named(b)).verdict == "better"
    assert 0.68 <= wins / trials <= 0.9


@pytest.mark.parametrize("n", [2, 6, 10, 13, 14, 25])
@pytest.mark.parametrize("digits", [1, 3])
def test_permutation_p_equals_scipys(n: int, digits: int) -> None:
    differences = list(np.random.default_rng(n).normal(0.1, 0.3, n).round(digits))
    theirs = stats.permutation_test(
        (np.array(differences),), np.mean, permutation_type="samples", vectorized=True, rng=np.random.default_rng(1)
    ).pvalue
    assert permutation_test(differences) == pytest.approx(theirs, abs=1e-9 if n <= 13 else 0.03)


@pytest.mark.parametrize(
    ("values", "none"), [([0.1] * 5, True), ([0.1] * 8, True), ([0.1, 0.3] * 4, False), ([], True)]
)
def test_detectable_difference_needs_six_cases_that_vary(values: list[float], none: bool) -> None:
    assert (detectable_difference(values) is None) == none


def test_more_cases_detect_smaller_differences() -> None:
    few, many = detectable_difference([0.0, 0.4] * 5), detectable_difference([0.0, 0.4] * 20)
    assert few is not None and many is not None and many < 0.6 * few
