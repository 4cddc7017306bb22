"""Agreement: between reviewers, of a reviewer with themselves, and of each rule metric with the clinicians.

Krippendorff's alpha comes from evalica; its interval resamples cases, because the answers of one case are not
independent. Correlations are Spearman's, with the case as the unit that is resampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medeval.review.records import DIMENSIONS, Dimension, Rating
from medeval.review.resampling import DRAWS, FEWEST_CASES, bounds, case_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Scale = Literal["nominal", "ordinal", "interval"]
Unit = tuple[str, str]
"""What is judged: (case id, variant)."""


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of one scale. `alpha` is None where nothing can be compared.

    1 is full agreement, 0 what chance gives. `units` counts answers judged at least twice, `cases` their cases.
    """

    scale: str
    alpha: float | None
    low: float | None
    high: float | None
    units: int
    cases: int
    raters: int
    note: str = ""


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho of a rule metric with what clinicians said, over `n` answers of `cases` cases."""

    metric: str
    against: str
    rho: float | None
    low: float | None
    high: float | None
    n: int
    cases: int


def alpha(
    values: Mapping[Unit, Mapping[str, float]], scale: Scale, name: str, *, draws: int = DRAWS, seed: int = 0
) -> Agreement:
    """Krippendorff's alpha of values by unit and rater.

    Args:
        values: unit → rater → value; units with a single rater are left out, as alpha wants it.
        scale: how far two values are apart (Krippendorff, Content Analysis, 2018, chapter 12).
        name: what is compared, for the result.
        draws: resamples over cases.
        seed: the same seed gives the same interval.
    """
    shared = {unit: given for unit, given in values.items() if len(given) > 1}
    raters = sorted({rater for given in shared.values() for rater in given})
    cases = list(dict.fromkeys(case_id for case_id, _ in shared))
    if not shared:
        return Agreement(name, None, None, None, 0, 0, 0, "没有被两人评过的回答 / no answer was judged by two")
    if len({value for given in shared.values() for value in given.values()}) == 1:
        note = "所有人给了同一个值，无法区分一致与碰巧 / everyone gave one value: alpha is not defined"
        return Agreement(name, None, None, None, len(shared), len(cases), len(raters), note)
    import evalica
    import pandas as pd

    table = pd.DataFrame([[given.get(rater) for given in shared.values()] for rater in raters], dtype=float)
    found = float(evalica.alpha(table, distance=scale).alpha)
    low, high = _alpha_bounds(shared, cases, scale, draws, seed)
    return Agreement(name, found, low, high, len(shared), len(cases), len(raters))


def _alpha_bounds(
    shared: Mapping[Unit, Mapping[str, float]], cases: Sequence[str], scale: Scale, draws: int, seed: int
) -> tuple[float | None, float | None]:
    import numpy as np

    if len(cases) < FEWEST_CASES:
        return None, None
    tables, levels = coincidences(shared, cases)
    drawn = np.tensordot(case_weights(len(cases), draws, seed), tables, axes=(1, 0))
    low, high = bounds(alpha_of(drawn, levels, scale)[:, None], len(cases))
    return low[0], high[0]


def coincidences(shared: Mapping[Unit, Mapping[str, float]], cases: Sequence[str]) -> "tuple[Floats, Floats]":
    """Coincidence matrix of every case, shape (cases, levels, levels), and the levels in order."""
    import numpy as np

    levels = np.unique([value for given in shared.values() for value in given.values()])
    row = {case_id: index for index, case_id in enumerate(cases)}
    tables = np.zeros((len(cases), len(levels), len(levels)))
    for (case_id, _), given in shared.items():
        counts = np.bincount(np.searchsorted(levels, list(given.values())), minlength=len(levels))
        tables[row[case_id]] += (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
    return tables, levels


def alpha_of(tables: "Floats", levels: "Floats", scale: Scale) -> "Floats":
    """Alpha of each coincidence matrix of `tables` (draws, levels, levels); NaN where nothing varies."""
    import numpy as np

    margin = tables.sum(axis=2)
    total = margin.sum(axis=1)
    if scale == "ordinal":
        middle = margin.cumsum(axis=1) - margin / 2
        apart = (middle[:, :, None] - middle[:, None, :]) ** 2
    else:
        gaps = (levels[:, None] - levels[None, :]) ** 2
        apart = np.broadcast_to((gaps > 0).astype(float) if scale == "nominal" else gaps, tables.shape)
    observed = (tables * apart).sum(axis=(1, 2))
    expected = (margin[:, :, None] * margin[:, None, :] * apart).sum(axis=(1, 2)) / np.maximum(total - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan), dtype=np.float64)


def between(ratings: Sequence[Rating], draws: int = DRAWS, seed: int = 0) -> list[Agreement]:
    """Alpha between reviewers on first sight: each scale, the danger flag, and the place in the ranking."""
    first = [rating for rating in ratings if rating.round == 0]
    found = [
        alpha(_by_unit(first, dimension), "ordinal", dimension, draws=draws, seed=seed) for dimension in DIMENSIONS
    ]
    found.append(alpha(_by_unit(first, "danger"), "nominal", "danger", draws=draws, seed=seed))
    return [*found, alpha(_by_unit(first, "rank"), "ordinal", "rank", draws=draws, seed=seed)]


def _by_unit(ratings: Sequence[Rating], what: str) -> dict[Unit, dict[str, float]]:
    units: dict[Unit, dict[str, float]] = {}
    for rating in ratings:
        for variant, mark in rating.marks.items():
            units.setdefault((rating.case_id, variant), {})[rating.reviewer] = float(getattr(mark, what))
    return units


def within(ratings: Sequence[Rating], draws: int = DRAWS, seed: int = 0) -> dict[str, Agreement]:
    """Alpha of each reviewer with themselves over the repeated cases, the four scales taken together as units."""
    found = {}
    for reviewer in dict.fromkeys(rating.reviewer for rating in ratings):
        twice: dict[Unit, dict[str, float]] = {}
        for rating in ratings:
            if rating.reviewer == reviewer:
                for variant, mark in rating.marks.items():
                    for dimension in DIMENSIONS:
                        unit = (rating.case_id, f"{variant}\x1f{dimension}")
                        twice.setdefault(unit, {})[str(rating.round)] = float(mark.level(dimension))
        found[reviewer] = alpha(twice, "ordinal", reviewer, draws=draws, seed=seed)
    return {name: item for name, item in found.items() if item.units}


def clinician_means(ratings: Sequence[Rating], dimension: Dimension) -> dict[Unit, float]:
    """Mean mark of each answer over its reviewers, first sight only."""
    units = _by_unit([rating for rating in ratings if rating.round == 0], dimension)
    return {unit: sum(given.values()) / len(given) for unit, given in units.items()}


def correlate(
    metric: str, against: str, rule: Mapping[Unit, float], judged: Mapping[Unit, float],
    *, draws: int = DRAWS, seed: int = 0,
) -> Correlation:
    """Spearman's rank correlation over the answers that both have, with an interval over cases.

    Args:
        metric: name of the rule.
        against: name of what clinicians judged.
        rule: value per answer; unscored answers are not in it.
        judged: mean mark or share of preferences per answer.
        draws: resamples over cases.
        seed: the same seed gives the same interval.

    Returns:
        `rho` None where either side has one value only, or below three answers.
    """
    import numpy as np

    shared = [unit for unit in judged if unit in rule]
    cases = list(dict.fromkeys(case_id for case_id, _ in shared))
    empty = Correlation(metric, against, None, None, None, len(shared), len(cases))
    if len(shared) < 3:
        return empty
    x = np.array([rule[unit] for unit in shared])
    y = np.array([judged[unit] for unit in shared])
    place = np.array([cases.index(case_id) for case_id, _ in shared])
    whole = float(_spearman(x, y, np.ones((1, len(shared))))[0])
    if not np.isfinite(whole):
        return empty
    low: list[float | None] = [None]
    high: list[float | None] = [None]
    if len(cases) >= FEWEST_CASES:
        weights = case_weights(len(cases), draws, seed)[:, place]
        low, high = bounds(_spearman(x, y, weights)[:, None], len(cases))
    return Correlation(metric, against, whole, low[0], high[0], len(shared), len(cases))


def _spearman(x: "Floats", y: "Floats", weights: "Floats") -> "Floats":
    """Spearman's rho for each row of integer weights (draws, answers); NaN where a side does not vary."""
    import numpy as np

    ranks = []
    for values in (x, y):
        below = (values[:, None] < values[None, :]) + 0.5 * (values[:, None] == values[None, :])
        ranks.append(weights @ below)
    total = weights.sum(axis=1, keepdims=True)
    a, b = (rank - (weights * rank).sum(axis=1, keepdims=True) / total for rank in ranks)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1))
        return np.asarray(np.where(spread > 1e-12, (weights * a * b).sum(axis=1) / spread, np.nan), dtype=np.float64)
