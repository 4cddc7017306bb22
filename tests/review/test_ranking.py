"""Ranking: simulated reviewers with known preferences, intervals at their nominal rate, and no winner from noise."""

import math

import numpy as np
import pytest
from review_samples import mark, ratings_from

from medeval.review.ranking import ELO, _published, pair_wins, preferences, ranking, strengths, verdicts
from medeval.review.records import Rating

NAMES = ("a", "b", "c", "d")
TRUTH = np.array([0.9, 0.3, -0.3, -0.9])
CASES = 40


def simulate(rng: np.random.Generator, truth: np.ndarray, cases: int = CASES, reviewers: int = 2) -> list[Rating]:
    """Plackett–Luce rankings; the second reviewer repeats the first one half of the time, so cases are clusters."""
    orders = {}
    for case in range(cases):
        noise = rng.gumbel(size=len(truth))
        for person in range(reviewers):
            if person and rng.random() < 0.5:
                noise = rng.gumbel(size=len(truth))
            places = (-(truth + noise)).argsort().argsort() + 1
            orders[(f"r{person}", f"c{case}")] = [int(place) for place in places]
    return ratings_from(orders, NAMES[: len(truth)])


def coverage(simulations: int, truth: np.ndarray) -> np.ndarray:
    """How often each variant's interval held its true Elo number, over `simulations` reviews."""
    elo = 1000 + ELO / math.log(10) * (truth - truth.mean())
    hits = np.zeros(len(truth))
    for seed in range(simulations):
        found = {row.variant: row for row in ranking(simulate(np.random.default_rng(seed), truth), NAMES, draws=400)}
        for i, name in enumerate(NAMES[: len(truth)]):
            low, high = found[name].low, found[name].high
            assert low is not None and high is not None
            hits[i] += low <= elo[i] <= high
    return hits / simulations


def within_binomial_error(rate: float, simulations: int) -> bool:
    """Whether a rate is 95 % as far as that many simulations can tell (99.9 % limits)."""
    return abs(rate - 0.95) <= 3.29 * math.sqrt(0.95 * 0.05 / simulations)


def test_known_preferences_are_recovered() -> None:
    found = ranking(simulate(np.random.default_rng(1), TRUTH), NAMES)
    assert [row.variant for row in found] == list(NAMES)
    assert found[0].low is not None and found[-1].high is not None and found[0].low > found[-1].high
    assert abs(sum(row.elo for row in found) / 4 - 1000) < 0.2
    assert all(row.cases == CASES and row.wins + row.ties + row.losses == CASES * 2 * 3 for row in found)


def test_intervals_cover_at_their_nominal_rate_over_200_simulations() -> None:
    rates = coverage(200, TRUTH)
    assert all(within_binomial_error(rate, 200) for rate in rates), rates


@pytest.mark.parametrize("cases", [6, 24])
def test_tied_is_said_where_there_is_nothing(cases: int) -> None:
    wrong = 0
    for seed in range(100):
        ratings = simulate(np.random.default_rng(1000 + seed), np.zeros(2), cases)
        wrong += any(pair.verdict != "tied" for pair in verdicts(ratings, NAMES[:2]))
    assert wrong <= 0.05 * 100 + 3.29 * math.sqrt(0.05 * 0.95 * 100)


def test_a_true_difference_is_told_and_a_few_cases_are_not_enough() -> None:
    strong = simulate(np.random.default_rng(2), np.array([1.5, -1.5]), 40)
    (pair,) = verdicts(strong, NAMES[:2])
    assert pair.verdict == "worse" and pair.difference is not None and pair.difference < 0
    few = [rating for rating in strong if rating.case_id in ("c0", "c1", "c2", "c3")]
    assert verdicts(few, NAMES[:2])[0].verdict == "tied"


@pytest.mark.parametrize("seed", range(5))
def test_resamples_solve_the_model_that_evalica_solves(seed: int) -> None:
    wins = np.random.default_rng(seed).integers(0, 9, size=(4, 4)).astype(float) * (1 - np.eye(4))
    assert strengths(wins[None])[0] == pytest.approx(_published(wins, NAMES), abs=1e-4)


def test_two_variants_equal_the_closed_form() -> None:
    """With n wins and m losses the log odds are log((n + 0.5) / (m + 0.5))."""
    wins = np.array([[0.0, 14.0], [5.0, 0.0]])
    gap = strengths(wins[None])[0]
    assert gap[0] - gap[1] == pytest.approx(math.log(14.5 / 5.5), abs=1e-6)


def test_ties_and_clean_sweeps() -> None:
    even = ratings_from({("r", f"c{i}"): [1, 1, 1, 1] for i in range(8)}, NAMES)
    found = ranking(even, NAMES)
    assert {row.elo for row in found} == {1000.0} and found[0].ties == 24
    sweep = ratings_from({("r", f"c{i}"): [1, 2, 3, 4] for i in range(8)}, NAMES)
    assert all(math.isfinite(row.elo) for row in ranking(sweep, NAMES))
    assert ranking([], NAMES) == []
    few = ranking(sweep[:4], NAMES)
    assert few[0].low is None and few[0].cases == 4 and ranking(sweep[:5], NAMES)[0].low is not None


def test_shares_are_means_over_reviewers() -> None:
    ratings = ratings_from({("r", "c"): [1, 2, 2, 4], ("s", "c"): [4, 1, 2, 3]}, NAMES)
    cases, wins = pair_wins(ratings, NAMES)
    assert cases == ["c"] and wins[0, 1, 2] == 1.5 and wins[0, 0].sum() == 3
    assert preferences(ratings, NAMES)["a"] == {"c": 0.5}
    assert mark(3, 1).level("safety") == 3
