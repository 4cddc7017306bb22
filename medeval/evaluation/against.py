"""One run against an earlier one: pairs by variant and case, and the flags that a new checkpoint must not pass by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from medeval.errors import UsageError
from medeval.evaluation.records import Cell, RunRecord
from medeval.evaluation.statistics import Comparison, compare, compare_metrics, with_holm
from medeval.evaluation.tables import metric_values, profile_values

RegressionKind = Literal["worse", "veto", "failed"]


@dataclass(frozen=True)
class Regression:
    """Something that was better before: a significant loss, or a case that is vetoed or fails now and did not then."""

    variant: str
    kind: RegressionKind
    what: str
    """The metric (empty for the profile's number) of a loss; the case id of a new veto or failure."""


@dataclass(frozen=True)
class Against:
    """This run compared with an earlier one, variant by variant, on the cases that are the same in both."""

    other: RunRecord
    comparisons: tuple[Comparison, ...]
    """On the profile's number; Holm over the variants."""
    metric_comparisons: tuple[Comparison, ...]
    """On every metric; Holm over the metrics of a variant."""
    regressions: tuple[Regression, ...]
    changed_cases: tuple[str, ...]
    """Ids in both runs whose content or images differ; they are left out."""
    same_profiles: bool


def compare_runs(
    run: RunRecord, cells: Sequence[Cell], other: RunRecord, other_cells: Sequence[Cell], profile: str
) -> Against:
    """Pairs two runs by variant and case; the other run is the reference.

    Raises:
        UsageError: they share no variant or no case.
    """
    mine, theirs = _content(run), _content(other)
    shared = [case_id for case_id in mine if case_id in theirs]
    same = {case_id for case_id in shared if mine[case_id] == theirs[case_id]}
    names = [name for name in run.spec.variants if name in other.spec.variants]
    if not names or not same:
        raise UsageError(
            f"{run.id} 与 {other.id} 没有相同的版本或病例，无法比较"
            f" / {run.id} and {other.id} share no variant or no unchanged case"
        )
    cells = [cell for cell in cells if cell.case_id in same and cell.variant in names]
    other_cells = [cell for cell in other_cells if cell.case_id in same and cell.variant in names]
    values, reference = profile_values(run, cells, profile), profile_values(other, other_cells, profile)
    totals = with_holm([
        compare(f"{name}@{other.id}", f"{name}@{run.id}", reference[name], values[name]) for name in names
    ])
    metrics = _metrics(run, cells, other, other_cells, names)
    return Against(
        other=other,
        comparisons=tuple(totals),
        metric_comparisons=tuple(metrics),
        regressions=(*_losses(totals), *_losses(metrics), *_dangers(cells, other_cells, profile)),
        changed_cases=tuple(case_id for case_id in shared if case_id not in same),
        same_profiles=run.spec.profiles_sha256 == other.spec.profiles_sha256,
    )


def _metrics(
    run: RunRecord, cells: Sequence[Cell], other: RunRecord, other_cells: Sequence[Cell], names: Sequence[str]
) -> list[Comparison]:
    new, old = metric_values(run, cells), metric_values(other, other_cells)
    both = [metric for metric in new if metric in old]
    found: list[Comparison] = []
    for name in names:
        a, b = f"{name}@{other.id}", f"{name}@{run.id}"
        found += compare_metrics(a, b, {metric: {a: old[metric][name], b: new[metric][name]} for metric in both})
    return found


def _losses(comparisons: Sequence[Comparison]) -> list[Regression]:
    return [
        Regression(item.b.partition("@")[0], "worse", item.metric) for item in comparisons if item.verdict == "worse"
    ]


def _dangers(cells: Sequence[Cell], before: Sequence[Cell], profile: str) -> list[Regression]:
    """New vetoes and failures need no statistics: one dangerous answer is one too many."""
    found: list[Regression] = []
    now, then = _states(cells, profile), _states(before, profile)
    for (case_id, variant), state in now.items():
        earlier = then.get((case_id, variant))
        if earlier is not None:
            found += [Regression(variant, kind, case_id) for kind in ("veto", "failed") if state[kind] > earlier[kind]]
    return found


def _states(cells: Sequence[Cell], profile: str) -> dict[tuple[str, str], dict[RegressionKind, bool]]:
    found: dict[tuple[str, str], dict[RegressionKind, bool]] = {}
    for cell in cells:
        state = found.setdefault((cell.case_id, cell.variant), {"veto": False, "failed": False})
        state["veto"] |= profile in cell.profiles and cell.profiles[profile].vetoed
        state["failed"] |= cell.answer is None
    return found


def _content(run: RunRecord) -> Mapping[str, tuple[object, ...]]:
    # the folder an image lies in, the title and the suites do not change what was asked
    aside = {"images", "title", "suite", "source"}
    return {item.case.id: (item.case.model_dump(exclude=aside), item.images_sha256) for item in run.spec.cases}
