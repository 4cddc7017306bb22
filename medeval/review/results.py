"""What came of a review: ranking, means, agreement, which rules to trust, and where people and rules disagree.

Ratings stand beside rule scores and never replace them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medeval.cases.schema import Language
from medeval.evaluation.statistics import Comparison, Interval, by_case, mean_interval
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.metrics.score import all_metrics
from medeval.review.agreement import (
    Agreement,
    Correlation,
    Unit,
    between,
    clinician_means,
    correlate,
    within,
)
from medeval.review.disagreement import Disagreement, disagreements
from medeval.review.ranking import Ranked, preferences, ranking, verdicts
from medeval.review.records import DIMENSIONS, Rating, ReviewSpec

SMALLEST_CASES = 3
"""Below this many judged cases a correlation says nothing and is not given."""


@dataclass(frozen=True)
class VariantMeans:
    """One variant: mean mark (1 to 5) on each scale with interval over cases, and how often it was called dangerous."""

    variant: str
    means: dict[str, Interval | None]
    dangers: int
    judged: int
    danger_cases: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """How far one reviewer is."""

    reviewer: str
    done: int
    total: int
    finished: bool


@dataclass(frozen=True)
class Summary:
    """The results of a review, variants named. `cases` counts those with at least one rating."""

    review_id: str
    run_id: str
    title: str
    cases: int
    ratings: int
    reviewers: tuple[Progress, ...]
    ranking: list[Ranked]
    verdicts: list[Comparison]
    variants: list[VariantMeans]
    between: list[Agreement]
    within: dict[str, Agreement]
    rules: list[Correlation]
    disagreements: list[Disagreement]
    titles: dict[str, dict[Language, str]]
    """Of each case."""
    notes: tuple[str, ...] = ()


def summarise(
    review_id: str, spec: ReviewSpec, ratings: Sequence[Rating], reviewers: Sequence[Progress]
) -> Summary:
    """All results of a review from its ratings as they stand."""
    first = [rating for rating in ratings if rating.round == 0]
    variants, cases = list(spec.variants), [item.case for item in spec.items]
    return Summary(
        review_id=review_id,
        run_id=spec.run_id,
        title=spec.title,
        cases=len({rating.case_id for rating in first}),
        ratings=len(ratings),
        reviewers=tuple(reviewers),
        ranking=ranking(first, variants),
        verdicts=verdicts(first, variants) if first else [],
        variants=[_means(name, first) for name in variants],
        between=between(ratings),
        within=within(ratings),
        rules=_rules(spec, first),
        disagreements=disagreements(spec, first),
        titles={case.id: {"zh": case.title.text("zh"), "en": case.title.text("en")} for case in cases},
        notes=spec.notes,
    )


def _means(variant: str, ratings: Sequence[Rating]) -> VariantMeans:
    mine = [(rating.case_id, rating.marks[variant]) for rating in ratings if variant in rating.marks]
    means: dict[str, Interval | None] = {}
    for dimension in DIMENSIONS:
        # reviewers of one case are averaged first: the case is the unit
        cases = by_case((case_id, float(mark.level(dimension))) for case_id, mark in mine)
        means[dimension] = mean_interval(list(cases.values()))
    flagged = [case_id for case_id, mark in mine if mark.danger]
    return VariantMeans(variant, means, len(flagged), len(mine), tuple(dict.fromkeys(flagged)))


def rule_values(spec: ReviewSpec) -> dict[str, dict[Unit, float]]:
    """Metric (and `profile:<name>`) → answer → value, higher always better; unscored answers are left out."""
    falling = {name for name, metric in all_metrics().items() if not metric.higher_is_better}
    values: dict[str, dict[Unit, float]] = {}
    for item in spec.items:
        for cell in item.cells:
            unit = (item.case.id, cell.variant)
            for name, score in cell.scores.items():
                if score.value is not None:
                    values.setdefault(name, {})[unit] = 1 - score.value if name in falling else score.value
            whole = cell.profile(DEFAULT_PROFILE)
            if whole is not None:
                values.setdefault(f"profile:{DEFAULT_PROFILE}", {})[unit] = whole
    return values


def judged_values(ratings: Sequence[Rating], variants: Sequence[str]) -> dict[str, dict[Unit, float]]:
    """What clinicians said per answer: mean mark on each scale, and the share of answers it was placed before."""
    judged: dict[str, dict[Unit, float]] = {name: clinician_means(ratings, name) for name in DIMENSIONS}
    shares: Mapping[str, Mapping[str, float]] = preferences(ratings, variants)
    judged["preference"] = {
        (case_id, name): share for name, found in shares.items() for case_id, share in found.items()
    }
    return judged


def _rules(spec: ReviewSpec, ratings: Sequence[Rating]) -> list[Correlation]:
    if len({rating.case_id for rating in ratings}) < SMALLEST_CASES:
        return []
    judged = judged_values(ratings, spec.variants)
    return [
        correlate(metric, against, rule, values)
        for metric, rule in rule_values(spec).items()
        for against, values in judged.items()
    ]
