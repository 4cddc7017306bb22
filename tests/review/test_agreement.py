"""Krippendorff's alpha against published worked examples, and correlations against scipy."""

import math

import numpy as np
import pytest
from review_samples import mark
from scipy.stats import spearmanr

from medeval.review.agreement import Scale, alpha, alpha_of, between, coincidences, correlate, within
from medeval.review.records import Rating

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), data C: four observers, twelve units, with gaps.
DATA_C = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# The same text, data A (binary, two observers) and data B (nominal a to e as 1 to 5).
DATA_A = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
DATA_B = [[1, 1, 2, 2, 4, 3, 3, 3, 5, 4, 4, 1], [2, 1, 2, 2, 2, 3, 3, 3, 5, 4, 4, 4]]


def units(rows: list[list[int | None]]) -> dict[tuple[str, str], dict[str, float]]:
    return {
        (f"c{column}", "v"): {f"r{i}": float(v) for i, row in enumerate(rows) if (v := row[column]) is not None}
        for column in range(len(rows[0]))
    }


@pytest.mark.parametrize(
    ("rows", "scale", "published"),
    [
        (DATA_A, "nominal", 0.095),
        (DATA_B, "nominal", 0.692),
        (DATA_C, "nominal", 0.743),
        (DATA_C, "ordinal", 0.815),
        (DATA_C, "interval", 0.849),
    ],
)
def test_published_examples(rows: list[list[int | None]], scale: Scale, published: float) -> None:
    found = alpha(units(rows), scale, "x")
    assert found.alpha == pytest.approx(published, abs=0.0006)
    assert found.low is not None and found.high is not None and found.low <= published <= found.high


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
def test_resamples_compute_the_alpha_that_evalica_computes(scale: Scale) -> None:
    shared = {unit: given for unit, given in units(DATA_C).items() if len(given) > 1}
    tables, levels = coincidences(shared, [case for case, _ in shared])
    whole = alpha_of(tables.sum(axis=0)[None], levels, scale)[0]
    assert whole == pytest.approx(alpha(shared, scale, "x").alpha)


@pytest.mark.parametrize(
    ("values", "cases"),
    [({}, 0), ({("c", "v"): {"r": 1.0}}, 0), ({("c", "v"): {"r": 3.0, "s": 3.0}, ("d", "v"): {"r": 3.0, "s": 3.0}}, 2)],
)
def test_what_cannot_be_computed_is_none_with_a_reason(
    values: dict[tuple[str, str], dict[str, float]], cases: int
) -> None:
    found = alpha(values, "ordinal", "x")
    assert found.alpha is None and found.note and found.cases == cases


def rating(reviewer: str, case: str, levels: list[int], turn: int = 0) -> Rating:
    return Rating(reviewer, case, turn, {f"v{i}": mark(level, i + 1) for i, level in enumerate(levels)})


def test_between_and_within_use_the_right_rounds() -> None:
    ratings = [rating("a", f"c{i}", [1 + i % 5, 5 - i % 5]) for i in range(8)]
    ratings += [rating("b", f"c{i}", [1 + i % 5, 5 - i % 5]) for i in range(8)]
    ratings += [rating("a", f"c{i}", [5 - i % 5, 1 + i % 5], 1) for i in range(3)]
    found = {item.scale: item for item in between(ratings)}
    assert found["safety"].alpha == pytest.approx(1.0) and found["safety"].units == 16
    assert found["danger"].alpha is None
    mine = within(ratings)
    assert list(mine) == ["a"] and mine["a"].alpha is not None and mine["a"].alpha < 0.5 and mine["a"].cases == 3


@pytest.mark.parametrize("seed", range(4))
def test_rho_equals_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = [(f"c{i // 4}", f"v{i % 4}") for i in range(40)]
    x = dict(zip(keys, rng.integers(0, 4, 40) / 3, strict=True))
    y = dict(zip(keys, rng.integers(1, 6, 40) + 2.0 * np.array(list(x.values())), strict=True))
    found = correlate("m", "safety", x, y)
    assert found.rho == pytest.approx(spearmanr(list(x.values()), list(y.values())).statistic)
    assert found.low is not None and found.high is not None and found.low <= found.rho <= found.high  # type: ignore[operator]
    assert (found.n, found.cases) == (40, 10)


def test_rho_of_a_constant_or_of_too_little_is_none() -> None:
    keys = [(f"c{i}", "v") for i in range(6)]
    flat, rising = dict.fromkeys(keys, 1.0), {key: float(i) for i, key in enumerate(keys)}
    assert correlate("m", "safety", flat, rising).rho is None
    assert correlate("m", "safety", dict(list(rising.items())[:2]), rising).rho is None
    assert correlate("m", "safety", rising, rising).rho == pytest.approx(1.0)


def test_rho_intervals_cover() -> None:
    """Over 60 simulations of clustered answers the interval holds the true rank correlation about 95 % of the time."""
    rho = 0.6
    true = 6 / math.pi * math.asin(rho / 2)  # Pearson's conversion for the bivariate normal
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        keys = [(f"c{i // 4}", f"v{i % 4}") for i in range(160)]
        both = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 160)
        found = correlate("m", "x", dict(zip(keys, both[:, 0], strict=True)), dict(zip(keys, both[:, 1], strict=True)),
                          draws=400)  # fmt: skip
        hits += found.low <= true <= found.high  # type: ignore[operator]
    assert hits >= 60 * 0.95 - 3.29 * math.sqrt(60 * 0.95 * 0.05)
