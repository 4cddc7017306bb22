"""Who judges what and which column shows whom: seeded, balanced, different for everyone."""

from collections import Counter
from dataclasses import replace

import pytest
from run_samples import make_cases, make_cell

from medeval.errors import UsageError
from medeval.review.records import ReviewItem, ReviewSpec
from medeval.review.slots import APART, assigned, check_plan, column_order, places_for

NAMES = ("base", "v1", "v2", "v3")


def make_spec(cases: int = 12, **changes: object) -> ReviewSpec:
    items = tuple(
        ReviewItem(case, tuple(make_cell(case.id, name, 0.5) for name in NAMES)) for case in make_cases(cases)
    )
    spec = ReviewSpec("t", "run", NAMES, items, seed=7)
    return replace(spec, **changes)  # type: ignore[arg-type]


def test_the_order_of_columns_is_repeatable_and_depends_on_everything() -> None:
    spec = make_spec()
    first = [column_order(spec, "王", f"c{i}") for i in range(12)]
    assert first == [column_order(make_spec(), "王", f"c{i}") for i in range(12)]
    others = {
        "reviewer": [column_order(spec, "李", f"c{i}") for i in range(12)],
        "round": [column_order(spec, "王", f"c{i}", 1) for i in range(12)],
        "seed": [column_order(replace(spec, seed=8), "王", f"c{i}") for i in range(12)],
    }
    assert all(order != first for order in others.values())
    assert all(sorted(order) == sorted(NAMES) for order in first)


def test_every_variant_stands_in_every_column_about_as_often() -> None:
    spec = make_spec(240)
    seen = Counter((i, name) for case in range(240) for i, name in enumerate(column_order(spec, "王", f"c{case}")))
    assert set(seen) == {(i, name) for i in range(4) for name in NAMES}
    assert all(40 <= count <= 80 for count in seen.values()), seen  # 60 expected, four standard deviations are 27


@pytest.mark.parametrize(("people", "overlap"), [(3, 2), (4, 1), (5, 3), (2, 2), (3, 0)])
def test_overlap_deals_evenly(people: int, overlap: int) -> None:
    names = tuple(f"r{i}" for i in range(people))
    spec = make_spec(12, reviewers=names, overlap=overlap)
    dealt = {name: assigned(spec, name) for name in names}
    per_case = Counter(case for cases in dealt.values() for case in cases)
    assert set(per_case.values()) == {overlap or people}
    assert max(map(len, dealt.values())) - min(map(len, dealt.values())) <= 1


def test_repeated_cases_come_last_and_apart() -> None:
    spec = make_spec(8, repeated=3)
    places = places_for(spec, "王")
    assert [place.number for place in places] == list(range(11))
    again = [place for place in places if place.round == 1]
    assert len(again) == 3 and places[-3:] == again
    first = {place.case_id: place.number for place in places if place.round == 0}
    assert all(place.number - first[place.case_id] > APART for place in again)
    assert len(places_for(make_spec(2, repeated=5), "王")) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": ("v1",)}, "2"),
        ({"variants": tuple("abcdef")}, "5"),
        ({"items": ()}, "两个回答"),
        ({"reviewers": ("A", "a")}, "重复"),
        ({"reviewers": ("A", "B"), "overlap": 3}, "不能超过"),
        ({"overlap": 1}, "先列出"),
        ({"repeated": -1}, "不能为负"),
    ],
)
def test_impossible_plans_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_plan(make_spec(**changes))  # type: ignore[arg-type]
