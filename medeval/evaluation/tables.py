"""A run as tables: who scored what on which case, means with intervals, comparisons. Rendering lives elsewhere."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from medeval.errors import UsageError
from medeval.evaluation.records import Cell, RunCase, RunRecord
from medeval.evaluation.sensitivity import Sensitivity, sensitivity
from medeval.evaluation.statistics import Comparison, Interval, by_case, compare_all, compare_metrics, mean_interval
from medeval.metrics.profiles import DEFAULT_PROFILE, load_profiles


@dataclass(frozen=True)
class Mark:
    """One place of the cases × variants table: mean over repeats; None is unscored, which is not zero."""

    value: float | None
    asked: int
    failed: int
    vetoed: int

    @property
    def is_missing(self) -> bool:
        """Whether nothing was asked here yet."""
        return self.asked == 0


@dataclass(frozen=True)
class RunTables:
    """Everything a report of one run shows, by one profile."""

    run: RunRecord
    cells: tuple[Cell, ...]
    profile: str
    marks: dict[tuple[str, str], Mark]
    """(case id, variant) → mark."""
    means: dict[str, Interval | None]
    """Variant → mean profile score over its scored cases."""
    metrics: dict[str, dict[str, Interval | None]]
    """Metric → variant → mean over scored cases; metrics that no case needs are left out."""
    speeds: dict[str, float | None]
    """Variant → tokens per second over its answers."""
    comparisons: tuple[Comparison, ...]
    """Every pair on the profile's number; Holm over the pairs."""
    metric_comparisons: tuple[Comparison, ...] = ()
    """Every pair on every metric; Holm over the metrics of a pair."""
    sensitivity: Sensitivity | None = None
    """How firmly the ranking stands when the profile's weights change; None for one variant."""

    @property
    def cases(self) -> tuple[RunCase, ...]:
        """The cases in the order they were asked."""
        return self.run.spec.cases

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in column order."""
        return self.run.spec.variants

    @property
    def reused(self) -> dict[str, int]:
        """Run → how many answers of this one were taken over from it instead of being asked again."""
        found: dict[str, int] = {}
        for cell in self.cells:
            if cell.origin:
                found[cell.origin] = found.get(cell.origin, 0) + 1
        return found

    @property
    def retried(self) -> list[Cell]:
        """Cells that were asked more than once because the engine failed."""
        return [cell for cell in self.cells if cell.attempts > 1]

    @property
    def errors(self) -> list[Cell]:
        """Cells that failed, or whose scoring failed."""
        return [cell for cell in self.cells if cell.error is not None]


def run_tables(
    run: RunRecord, cells: Sequence[Cell], profile: str = DEFAULT_PROFILE, *, whole: bool = True
) -> RunTables:
    """Computes all tables of a run.

    Args:
        run: as stored.
        cells: in any order.
        profile: which profile makes the one number.
        whole: False leaves out the comparisons by metric and the sensitivity, which take a second or two.

    Raises:
        UsageError: no such profile, with the known ones.
    """
    check_profile(profile, cells)
    known = {key: place for place, key in enumerate(run.spec.keys())}
    kept = sorted((cell for cell in cells if cell.key in known), key=lambda cell: known[cell.key])
    values = profile_values(run, kept, profile)
    by_metric = metric_values(run, kept)
    return RunTables(
        run=run,
        cells=tuple(kept),
        profile=profile,
        marks=_marks(run, kept, profile),
        means={name: mean_interval(list(found.values())) for name, found in values.items()},
        metrics=_metric_means(by_metric),
        speeds={name: _speed(kept, name) for name in run.spec.variants},
        comparisons=tuple(compare_all(values)),
        metric_comparisons=tuple(_by_metric(run.spec.variants, by_metric)) if whole else (),
        sensitivity=sensitivity(run.spec.variants, kept, profile) if whole else None,
    )


def _by_metric(
    variants: Sequence[str], values: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> Iterator[Comparison]:
    for index, a in enumerate(variants):
        for b in variants[index + 1 :]:
            yield from compare_metrics(a, b, values)


def check_profile(profile: str, cells: Sequence[Cell] = ()) -> None:
    """Raises UsageError, listing the known ones, where neither the cells nor the product know `profile`."""
    if any(profile in cell.profiles for cell in cells):
        return
    known = load_profiles()
    if profile not in known:
        raise UsageError(
            f"没有评分方案 {profile}；可用：{', '.join(known)}"
            f" / unknown profile {profile}; known: {', '.join(known)}"
        )


def profile_values(run: RunRecord, cells: Sequence[Cell], profile: str) -> dict[str, dict[str, float]]:
    """Variant → case id → profile score (mean over repeats), scored cells only."""
    return _values(run, cells, lambda cell: cell.profile(profile))


def _values(
    run: RunRecord, cells: Sequence[Cell], value_of: Callable[[Cell], float | None]
) -> dict[str, dict[str, float]]:
    def scored(variant: str) -> Iterator[tuple[str, float]]:
        for cell in cells:
            value = value_of(cell) if cell.variant == variant else None
            if value is not None:
                yield cell.case_id, value

    return {variant: by_case(scored(variant)) for variant in run.spec.variants}


def _marks(run: RunRecord, cells: Sequence[Cell], profile: str) -> dict[tuple[str, str], Mark]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.case_id, cell.variant), []).append(cell)
    return {
        (item.case.id, name): _mark(groups.get((item.case.id, name), []), profile)
        for item in run.spec.cases
        for name in run.spec.variants
    }


def _mark(group: Sequence[Cell], profile: str) -> Mark:
    values = [value for cell in group if (value := cell.profile(profile)) is not None]
    return Mark(
        value=math.fsum(values) / len(values) if values else None,
        asked=len(group),
        failed=sum(cell.error is not None for cell in group),
        vetoed=sum(profile in cell.profiles and cell.profiles[profile].vetoed for cell in group),
    )


def metric_values(run: RunRecord, cells: Sequence[Cell]) -> dict[str, dict[str, dict[str, float]]]:
    """Metric → variant → case id → value (mean over repeats), for the metrics that scored anything."""
    names = dict.fromkeys(name for cell in cells for name, score in cell.scores.items() if score.value is not None)
    return {name: _values(run, cells, partial(_metric_value, name)) for name in names}


def _metric_means(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, dict[str, Interval | None]]:
    return {
        name: {variant: mean_interval(list(cases.values())) for variant, cases in found.items()}
        for name, found in values.items()
    }


def _metric_value(name: str, cell: Cell) -> float | None:
    return cell.scores[name].value if name in cell.scores else None


def _speed(cells: Sequence[Cell], variant: str) -> float | None:
    answers = [cell.answer for cell in cells if cell.variant == variant and cell.answer is not None]
    seconds = math.fsum(answer.seconds for answer in answers)
    return sum(answer.tokens for answer in answers) / seconds if seconds > 0 else None
