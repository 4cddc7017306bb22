"""What the trials say about the metrics as a set: severity, locality, redundancy, and each metric's status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medeval.metaeval.edits import Aim
from medeval.metaeval.figures import EQUAL, Figure, mean, partial, share, spearman
from medeval.metaeval.items import Item
from medeval.metaeval.operators import OPERATORS
from medeval.metaeval.rows import Outcome, status_of
from medeval.metaeval.scoring import Scores
from medeval.metaeval.trials import Trial

Standing = Literal["rated", "descriptive", "unmeasured"]
HALF = 0.5
FEWEST = 10
"""Correlations of fewer answers are not shown."""


@dataclass(frozen=True)
class Severity:
    """One family at one aim: mean drop per operator from mild to grave, and the share of items that never falls back.

    `flat` is the share on which no severity moved anything; they are monotone too, but say nothing.
    """

    family: str
    aim: Aim
    drops: tuple[tuple[str, int, float | None], ...]
    monotone: Figure
    flat: float | None


@dataclass(frozen=True)
class Cell:
    """An operator's effect on a metric: share of the answers on which it moved, mean drop, answers scored on both."""

    moved: float | None
    drop: float | None
    n: int


@dataclass(frozen=True)
class Level:
    """What right answers get: mean with its interval over questions, and the share of answers below one half."""

    measure: str
    mean: Figure
    below_half: float | None


@dataclass(frozen=True)
class MetricStanding:
    """Whether a metric holds the bars of the rows that judge it, and its own figure on each (row id, figure, bar)."""

    metric: str
    standing: Standing
    rows: tuple[tuple[str, Figure, float, str], ...]


def severity_of(trials: Sequence[Trial], measures: Sequence[str], aim: Aim) -> list[Severity]:
    """Every family with more than one severity, on the items that all of its operators apply to."""
    found: list[Severity] = []
    families: dict[str, list[tuple[int, str]]] = {}
    for operator in OPERATORS:
        families.setdefault(operator.family, []).append((operator.severity, operator.name))
    for family, members in families.items():
        names = [name for _, name in sorted(members)]
        if len(names) < 2:
            continue
        drops: dict[str, dict[str, tuple[str, float]]] = {}
        for t in trials:
            if t.kind == "operator" and t.aim == aim and t.name in names:
                drops.setdefault(t.item, {})[t.name] = (t.cluster, t.together(measures) or 0.0)
        whole = [found for found in drops.values() if len(found) == len(names)]
        series = [(next(iter(d.values()))[0], [d[name][1] for name in names]) for d in whole]
        rising = [(c, float(all(b >= a - EQUAL for a, b in zip(s, s[1:], strict=False)))) for c, s in series]
        flat = mean(float(all(abs(v) <= EQUAL for v in s)) for _, s in series)
        levels = {name: level for level, name in members}
        means = tuple((n, levels[n], mean(s[i] for _, s in series)) for i, n in enumerate(names))
        found.append(Severity(family, aim, means, share(rising), flat))
    return found


def locality(trials: Sequence[Trial], metrics: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """Operator → metric → effect, over places drawn anywhere in the answer."""
    table: dict[str, dict[str, Cell]] = {}
    for operator in OPERATORS:
        mine = [t for t in trials if t.kind == "operator" and t.aim == "any" and t.name == operator.name]
        if mine:
            table[operator.name] = {metric: _cell(mine, metric) for metric in metrics}
    return table


def _cell(trials: Sequence[Trial], metric: str) -> Cell:
    drops = [d for t in trials if (d := t.difference(metric)) is not None]
    return Cell(mean(float(abs(d) > EQUAL) for d in drops), mean(drops), len(drops))


def levels(originals: Sequence[tuple[Item, Scores]], measures: Sequence[str]) -> list[Level]:
    """Every measure over the physicians' answers it scores: a metric that gives right answers little is a poor one."""
    found: list[Level] = []
    for measure in measures:
        pairs = [(item.cluster, v) for item, scores in originals if (v := scores.get(measure)) is not None]
        found.append(Level(measure, share(pairs), mean(float(value < HALF) for _, value in pairs)))
    return [level for level in found if level.mean.n]


def correlations(
    originals: Sequence[tuple[Item, Scores]], metrics: Sequence[str]
) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    """Metric → metric (and "length") → Spearman's rho over the physicians' answers, and the same at equal length.

    Fifteen metrics that are one length counter show here: rho near 1, and near 0 once length is held fixed.
    """
    table: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for one in metrics:
        row: dict[str, tuple[float | None, float | None]] = {"length": (_with_length(originals, one), None)}
        for other in metrics:
            if one != other:
                row[other] = _pair(originals, one, other)
        table[one] = row
    return table


def _with_length(originals: Sequence[tuple[Item, Scores]], metric: str) -> float | None:
    pairs = [(v, float(len(item.answer))) for item, s in originals if (v := s.get(metric)) is not None]
    return spearman([v for v, _ in pairs], [n for _, n in pairs]) if len(pairs) >= FEWEST else None


def _pair(originals: Sequence[tuple[Item, Scores]], one: str, other: str) -> tuple[float | None, float | None]:
    rows = [
        (a, b, float(len(item.answer)))
        for item, scores in originals
        if (a := scores.get(one)) is not None and (b := scores.get(other)) is not None
    ]
    if len(rows) < FEWEST:
        return None, None
    first, second, length = ([row[i] for row in rows] for i in range(3))
    rho = spearman(first, second)
    return rho, partial(rho, spearman(first, length), spearman(second, length))


def standings(outcomes: Sequence[Outcome], metrics: Sequence[str]) -> list[MetricStanding]:
    """Each metric's status: descriptive where it misses the bar of any row that judges it.

    Rated takes a row that shows what it sees: a metric that never moves passes every test of not moving.
    """
    found: list[MetricStanding] = []
    sensitive = {o.row.id for o in outcomes if o.row.kind in ("preferred", "entailment", "contradiction", "note")}
    for metric in metrics:
        rows: list[tuple[str, Figure, float, str]] = []
        for outcome in outcomes:
            row = outcome.row
            if metric in row.judges and row.bar is not None:
                figure = outcome.by_measure.get(metric, outcome.figure)
                if figure.value is not None:
                    rows.append((row.id, figure, row.bar, status_of(figure, row.bar, row.at_most)))
        missed = any(status == "not met" for _, _, _, status in rows)
        sees = any(name in sensitive for name, _, _, _ in rows)
        standing: Standing = "descriptive" if missed else "rated" if sees else "unmeasured"
        found.append(MetricStanding(metric, standing, tuple(rows)))
    return found
