"""One run against another: losses need statistics, a new danger does not; and how firm a ranking is."""

import pytest
from run_samples import make_cases, make_cell, make_record, make_spec

from medeval.evaluation.against import Regression, compare_runs
from medeval.evaluation.records import Cell
from medeval.evaluation.report import report
from medeval.evaluation.sensitivity import sensitivity
from medeval.metrics.composite import ProfileScore
from medeval.metrics.profiles import load_profiles

CASES = make_cases(10)


def run(name: str, shift: float, danger: str = "", fails: str = "") -> tuple[object, list[Cell]]:
    cells = []
    for place, case in enumerate(CASES):
        if case.id == fails:
            cells.append(Cell(case.id, "v1", 0, None, "坏了 / broken"))
        else:
            cells.append(make_cell(case.id, "v1", 0.4 + shift + place / 100 * (1 + shift), veto=case.id == danger))
    return make_record(make_spec(CASES, ["v1"]), name), cells


@pytest.mark.parametrize(
    ("new", "flags"),
    [
        pytest.param(run("new", 0.0), (), id="the-same"),
        pytest.param(run("new", 0.3), (), id="better"),
        pytest.param(
            run("new", -0.3), (Regression("v1", "worse", ""), Regression("v1", "worse", "sample_metric")), id="worse"
        ),
        pytest.param(run("new", 0.3, danger="c4"), (Regression("v1", "veto", "c4"),), id="better-but-dangerous"),
        pytest.param(run("new", 0.0, fails="c2"), (Regression("v1", "failed", "c2"),), id="fails-now"),
    ],
)
def test_regressions(new: tuple[object, list[Cell]], flags: tuple[Regression, ...]) -> None:
    old = run("old", 0.0)
    assert compare_runs(*new, *old, "v3").regressions == flags  # type: ignore[arg-type]


def test_an_old_danger_is_no_new_one() -> None:
    old, new = run("old", 0.0, danger="c4"), run("new", 0.0, danger="c4")
    assert compare_runs(*new, *old, "v3").regressions == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(("fmt", "said"), [("md", "⚠ v1: new safety veto on c4"), ("html", "new safety veto on c4")])
def test_reports_warn(fmt: str, said: str) -> None:
    old, new = run("old", 0.0), run("new", 0.0, danger="c4")
    assert said in report(*new, fmt, "en", against=old)  # type: ignore[arg-type]
    assert "No regression found" in report(*old, fmt, "en", against=old)  # type: ignore[arg-type]


def parts_cell(case_id: str, variant: str, parts: dict[str, float], veto: bool = False, repeat: int = 0) -> Cell:
    profile = load_profiles()["v3"]
    weights = {part.name: part.weight for part in profile.parts}
    total = sum(weights[name] for name in parts)
    value = sum(weights[name] * score for name, score in parts.items()) / total
    sheet = {"v3": ProfileScore(min(value, 0.2) if veto else value, parts, (), veto, "")}
    cell = make_cell(case_id, variant, value, repeat=repeat)
    return Cell(case_id, variant, repeat, cell.answer, None, cell.scores, sheet)


def column(variant: str, terms: float, empathy: float, **more: object) -> list[Cell]:
    return [parts_cell(c.id, variant, {"terms": terms, "empathy": empathy}, **more) for c in CASES[:3]]  # type: ignore[arg-type]


def test_a_better_variant_in_every_part_is_first_whatever_the_weights() -> None:
    found = sensitivity(["a", "b"], [*column("a", 0.2, 0.3), *column("b", 0.5, 0.9)], "v3")
    assert found is not None and found.ranking == ("b", "a")
    assert found.first == {"a": 0.0, "b": 1.0} and found.same_ranking == 1.0 and found.turned_by == ()


def test_a_ranking_that_hangs_on_one_weight_is_called_so() -> None:
    # with weights 0.5 and 1.0: a = 0.567, b = 0.6
    found = sensitivity(["a", "b"], [*column("a", 0.9, 0.4), *column("b", 0.0, 0.9)], "v3")
    assert found is not None and found.ranking == ("b", "a")
    assert 0.1 < found.first["a"] < 0.9
    assert found.turned_by == (("empathy", "a"),)


def test_a_veto_caps_under_every_weighting() -> None:
    found = sensitivity(["a", "b"], [*column("a", 1.0, 1.0, veto=True), *column("b", 0.3, 0.3)], "v3")
    assert found is not None and found.ranking == ("b", "a") and found.first["b"] == 1.0


def test_repeats_count_within_their_case() -> None:
    once = [*column("a", 0.4, 0.4), *column("b", 0.5, 0.5)]
    many = [*once, *(parts_cell("c0", "b", {"terms": 0.0, "empathy": 0.0}, repeat=r) for r in range(1, 9))]
    found = sensitivity(["a", "b"], many, "v3")
    assert found is not None and found.ranking == ("a", "b")  # b: (0.056 + 0.5 + 0.5) / 3 = 0.352 < 0.4


@pytest.mark.parametrize(("variants", "profile"), [(["a"], "v3"), (["a", "b"], "gone"), (["a", "c"], "v3")])
def test_nothing_to_rank(variants: list[str], profile: str) -> None:
    assert sensitivity(variants, [*column("a", 0.9, 0.4), *column("b", 0.0, 0.9)], profile) is None
