"""Statistics: known values by table, coverage by simulation, and what must never change."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.evaluation.statistics import by_case, compare, compare_all, holm, mean_interval, sign_test

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([0.0, 0.0], None, id="all-zero"),
        pytest.param([1] * 5, 0.0625, id="five-of-five-is-not-significant"),
        pytest.param([1] * 6, 0.03125, id="six-of-six"),
        pytest.param([1] * 9 + [-1], 22 / 1024, id="nine-of-ten"),
        pytest.param([1, -1], 1.0, id="even"),
        pytest.param([1, -1, 1], 1.0, id="p-is-capped-at-one"),
        pytest.param([1] * 6 + [0] * 30, 0.03125, id="zeros-dropped"),
    ],
)
def test_sign_test(differences: list[float], p: float | None) -> None:
    assert sign_test(differences) == (None if p is None else pytest.approx(p))


@pytest.mark.parametrize(
    ("given_p", "adjusted"),
    [
        pytest.param([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], id="textbook"),
        pytest.param([0.01, None, 0.02], [0.02, None, 0.02], id="none-is-no-test"),
        pytest.param([0.9, 0.8], [1.0, 1.0], id="capped"),
        pytest.param([], [], id="empty"),
    ],
)
def test_holm(given_p: list[float | None], adjusted: list[float | None]) -> None:
    assert holm(given_p) == [None if p is None else pytest.approx(p) for p in adjusted]


def test_repeats_of_a_case_are_one_observation() -> None:
    assert by_case([("a", 0.0), ("b", 1.0), ("a", 1.0)]) == {"a": 0.5, "b": 1.0}


@pytest.mark.parametrize(("values", "n"), [([], None), ([0.5], 1), ([0.5, 0.7], 2)])
def test_interval_says_how_much_it_knows(values: list[float], n: int | None) -> None:
    found = mean_interval(values)
    assert (None if found is None else found.n) == n
    if n == 1:
        assert found is not None and found.low is None and found.high is None


@settings(max_examples=25, deadline=None)
@given(VALUES)
def test_interval_holds_its_mean_and_is_repeatable(values: list[float]) -> None:
    found = mean_interval(values)
    assert found is not None and found.low is not None and found.high is not None
    assert min(values) - 1e-12 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= max(values) + 1e-12
    assert mean_interval(values) == found


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = random.Random(3)
    hits = 0
    for seed in range(300):
        found = mean_interval([chance.uniform(-1, 1) for _ in range(10)], draws=400, seed=seed)
        assert found is not None and found.low is not None and found.high is not None
        hits += found.low <= 0 <= found.high
    assert 0.91 <= hits / 300 <= 0.985


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        pytest.param([0.2] * 8, [0.5, 0.6, 0.4, 0.5, 0.6, 0.4, 0.5, 0.6], "better", id="clear-gain"),
        pytest.param([0.5, 0.6, 0.4, 0.5, 0.6, 0.4, 0.5, 0.6], [0.2] * 8, "worse", id="clear-loss"),
        pytest.param([0.2] * 5, [0.9] * 5, "tied", id="too-few-cases-whatever-the-gap"),
        pytest.param([0.5] * 8, [0.5] * 8, "tied", id="same"),
        pytest.param([0.5] * 8, [0.9] + [0.5] * 7, "tied", id="one-case-decides-nothing"),
        pytest.param([0.1, 0.9] * 5, [0.9, 0.1] * 5, "tied", id="large-but-mixed"),
        pytest.param([], [], "tied", id="nothing"),
    ],
)
def test_verdict(a: list[float], b: list[float], verdict: str) -> None:
    names = [f"c{i}" for i in range(len(a))]
    found = compare("a", "b", dict(zip(names, a, strict=True)), dict(zip(names, b, strict=True)))
    assert found.verdict == verdict


def test_only_cases_that_both_have_are_compared() -> None:
    found = compare("a", "b", {"x": 0.0, "y": 0.5}, {"y": 0.75, "z": 1.0})
    assert (found.n, found.mean_a, found.mean_b, found.difference) == (1, 0.5, 0.75, 0.25)


def test_pairing_finds_what_means_would_miss() -> None:
    easy_to_hard = [i / 10 for i in range(10)]
    a = {str(i): value for i, value in enumerate(easy_to_hard)}
    b = {key: value + 0.05 for key, value in a.items()}
    assert compare("a", "b", a, b).verdict == "better"


def test_floating_point_order_is_no_difference() -> None:
    a = {str(i): 0.1 + 0.2 for i in range(8)}
    b = {str(i): 0.3 for i in range(8)}
    found = compare("a", "b", a, b)
    assert found.p_sign is None and found.verdict == "tied"


def test_every_pair_is_compared_and_adjusted_together() -> None:
    values = {name: {str(i): base + i / 100 for i in range(8)} for name, base in (("a", 0.1), ("b", 0.3), ("c", 0.5))}
    found = compare_all(values)
    assert [(item.a, item.b) for item in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(item.p_permutation is not None and item.p_holm is not None for item in found)
    assert math.isclose(found[0].p_holm or 0, 3 * (found[0].p_permutation or 0))
