"""Shares, areas and correlations against values worked out by hand or by definition."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaeval_samples import item

from medeval.metaeval.figures import auc, partial, preference, ranks, share, spearman
from medeval.metaeval.rows import status_of
from medeval.metaeval.scoring import baselines, chrf


def test_preference_counts_a_tie_as_one_half() -> None:
    found = preference([("a", 0.2), ("b", 0.0), ("c", -0.1), ("d", 0.5)])
    assert (found.value, found.n, found.clusters, found.ties) == (0.625, 4, 4, 0.25)


def test_every_question_weighs_the_same() -> None:
    found = preference([("a", 1.0), ("a", 1.0), ("a", 1.0), ("b", -1.0)])
    assert (found.value, found.n, found.clusters) == (0.5, 4, 2)


def test_a_clean_sweep_of_few_has_the_exact_bound() -> None:
    found = preference([(str(i), 1.0) for i in range(10)])
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(0.6915, abs=1e-4)  # Clopper and Pearson, 10 of 10
    none = share([(str(i), 0.0) for i in range(10)])
    assert none.low == 0.0 and none.high == pytest.approx(0.3085, abs=1e-4)


def test_auc_by_hand() -> None:
    # positives .9 .6 .4, negatives .7 .4 .1: wins 3 + 2 + 1, one tie → (3 + 2 + 1.5) / 9
    rows = [
        ("a", 0.9, True),
        ("b", 0.6, True),
        ("c", 0.4, True),
        ("d", 0.7, False),
        ("e", 0.4, False),
        ("f", 0.1, False),
    ]
    found = auc(rows)
    assert found.value == pytest.approx(6.5 / 9) and found.low is not None and found.low < 6.5 / 9 < found.high  # type: ignore[operator]
    assert auc(rows) == found, "the same seed gives the same interval"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=25))
def test_auc_is_the_share_of_pairs_ranked_rightly(rows: list[tuple[int, bool]]) -> None:
    up, down = [v for v, f in rows if f], [v for v, f in rows if not f]
    found = auc([(str(i), float(v), f) for i, (v, f) in enumerate(rows)], draws=20)
    if not up or not down:
        assert found.value is None
        return
    expected = sum((u > d) + 0.5 * (u == d) for u in up for d in down) / (len(up) * len(down))
    assert found.value == pytest.approx(expected)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    import numpy as np

    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(60):
        wins = rng.random(60) < 0.8
        found = preference([(str(i), 1.0 if win else -1.0) for i, win in enumerate(wins)])
        hits += found.low <= 0.8 <= found.high  # type: ignore[operator]
    assert 51 <= hits <= 60


def test_clusters_widen_the_interval() -> None:
    values = [1.0, -1.0] * 30
    single = preference([(str(i), v) for i, v in enumerate(values)])
    paired = preference([(str(i % 2) + str(i // 12), v) for i, v in enumerate(values)])
    assert (paired.high - paired.low) > (single.high - single.low)  # type: ignore[operator]


def test_rank_correlation_against_scipy() -> None:
    from scipy.stats import rankdata, spearmanr

    a, b = [1.0, 2.0, 2.0, 5.0, 3.0, 0.0], [2.0, 1.0, 4.0, 4.0, 3.0, 1.0]
    assert list(ranks(a)) == list(rankdata(a))
    assert spearman(a, b) == pytest.approx(float(spearmanr(a, b).statistic))
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert partial(0.5, 0.0, 0.0) == 0.5
    assert partial(0.6, 0.8, 0.7) == pytest.approx((0.6 - 0.56) / math.sqrt(0.36 * 0.51))


@pytest.mark.parametrize(
    ("value", "low", "high", "bar", "at_most", "expected"),
    [
        (0.95, 0.91, 0.99, 0.9, False, "met"),
        (0.95, 0.85, 0.99, 0.9, False, "not enough data"),
        (0.89, 0.80, 0.95, 0.9, False, "not met"),
        (0.01, 0.0, 0.02, 0.02, True, "met"),
        (0.01, 0.0, 0.03, 0.02, True, "not enough data"),
        (0.03, 0.0, 0.05, 0.02, True, "not met"),
        (0.5, 0.4, 0.6, None, False, "reported"),
        (None, None, None, 0.9, False, "not enough data"),
        (0.95, None, None, 0.9, False, "not enough data"),
    ],
)
def test_a_bar_is_met_by_the_whole_interval(
    value: float | None, low: float | None, high: float | None, bar: float | None, at_most: bool, expected: str
) -> None:
    from medeval.metaeval.figures import Figure

    assert status_of(Figure(value, low, high, 30, 10), bar, at_most) == expected
    few = status_of(Figure(value, low, high, 30, 9), bar, at_most)
    assert few == ("reported" if bar is None else "not enough data")


def test_baselines() -> None:
    assert chrf("abcdef", "abcdef") == pytest.approx(1.0) and chrf("xyz", "abc") == 0.0
    found = baselines(item("the pulse is high", ["pulse is low"]).case, "the pulse is high")
    assert found["baseline:rouge1_recall"] == pytest.approx(2 / 3) and found["baseline:length"] == 17.0
    assert baselines(item("x").case, "x")["baseline:chrf"] is None
