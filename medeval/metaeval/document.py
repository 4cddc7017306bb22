"""The study as one JSON document: everything that the page and the table show, figures to four places."""

from collections.abc import Mapping, Sequence
from typing import Any

from medeval import __version__
from medeval.evaluation.statistics import DRAWS
from medeval.metaeval.edits import Aim
from medeval.metaeval.figures import Figure
from medeval.metaeval.operators import OPERATORS
from medeval.metaeval.rows import Outcome
from medeval.metaeval.scoring import BASELINE
from medeval.metaeval.structure import (
    Cell,
    Level,
    MetricStanding,
    Severity,
    correlations,
    levels,
    locality,
    severity_of,
    standings,
)
from medeval.metaeval.study import Study
from medeval.metaeval.trials import Trial

FORMAT = 1
EXAMPLES = 12
_AIMS: tuple[Aim, ...] = ("any", "named")
_GRADED = ("numerical_precision", "data_interpretation", "completeness")


def document_of(study: Study) -> dict[str, Any]:
    """The document; see docs/metaeval.md for its fields."""
    return {
        "format": FORMAT,
        "version": __version__,
        "draws": DRAWS,
        "data": _data(study),
        "rows": [_row(outcome) for outcome in study.outcomes],
        "metrics": [_standing(standing) for standing in standings(study.outcomes, study.metrics)],
        "levels": [_level(level) for level in levels(study.originals, _own(study.measures))],
        "severity": [_severity(s) for aim in _AIMS for s in severity_of(study.trials, _GRADED, aim)],
        "locality": _locality(locality(study.trials, study.metrics)),
        "correlations": _correlations(correlations(study.originals, study.metrics)),
        "operators": [{"name": o.name, "zh": o.zh, "en": o.en, "severity": o.severity} for o in OPERATORS],
    }  # fmt: skip


def rounded(value: float | None) -> float | None:
    """To four places."""
    return None if value is None else round(value, 4)


def figure_fields(figure: Figure) -> dict[str, Any]:
    """A figure as plain fields."""
    return {
        "value": rounded(figure.value), "low": rounded(figure.low), "high": rounded(figure.high), "n": figure.n,
        "clusters": figure.clusters, "ties": rounded(figure.ties),
    }  # fmt: skip


def _data(study: Study) -> dict[str, Any]:
    pool = study.pool
    return {
        "answers": len(pool.items),
        "claims": len(pool.claims),
        "notes": len(pool.notes),
        "sources": [
            {"file": s.name, "format": s.dataset, "rows": s.rows, "problems": list(s.problems)} for s in pool.sources
        ],
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    row = outcome.row
    return {
        "id": row.id, "zh": row.zh, "en": row.en, "kind": row.kind, "aim": row.aim, "names": list(row.names),
        "language": row.language, "measures": list(row.measures), "judges": list(row.judges), "bar": row.bar,
        "at_most": row.at_most, "status": outcome.status, "lexical": row.lexical, **figure_fields(outcome.figure),
        "p": outcome.figure.p, "p_holm": outcome.p_holm,
        "by_measure": {name: figure_fields(figure) for name, figure in outcome.by_measure.items()},
        "by_name": {name: figure_fields(figure) for name, figure in outcome.by_name.items()},
        "failing": len(outcome.failing), "examples": [_example(t, row.measures) for t in _spread(outcome.failing)],
    }  # fmt: skip


def _spread(trials: Sequence[Trial]) -> list[Trial]:
    """Examples from as many items and operators as there are, instead of the first item's alone."""
    chosen: dict[tuple[str, str], Trial] = {}
    seen: set[str] = set()
    for trial in trials:
        if trial.item not in seen:
            seen.add(trial.item)
            chosen[trial.item, trial.name] = trial
    step = max(1, len(chosen) // EXAMPLES)
    return list(chosen.values())[::step][:EXAMPLES]


def _example(trial: Trial, measures: Sequence[str]) -> dict[str, Any]:
    scores = {m: [rounded(trial.original.get(m)), rounded(trial.changed.get(m))] for m in measures}
    return {"item": trial.item, "name": trial.name, "before": trial.before, "after": trial.after, "scores": scores}


def _standing(standing: MetricStanding) -> dict[str, Any]:
    rows = [{"row": row, "bar": bar, "status": status, **figure_fields(f)} for row, f, bar, status in standing.rows]
    return {"metric": standing.metric, "status": standing.standing, "rows": rows}


def _own(measures: Sequence[str]) -> list[str]:
    return [name for name in measures if not name.startswith(BASELINE)]


def _level(level: Level) -> dict[str, Any]:
    return {"measure": level.measure, **figure_fields(level.mean), "below_half": rounded(level.below_half)}


def _severity(found: Severity) -> dict[str, Any]:
    drops = [{"operator": name, "severity": level, "drop": rounded(drop)} for name, level, drop in found.drops]
    return {
        "family": found.family, "aim": found.aim, "drops": drops, "monotone": figure_fields(found.monotone),
        "flat": rounded(found.flat),
    }  # fmt: skip


def _locality(table: Mapping[str, Mapping[str, Cell]]) -> dict[str, Any]:
    return {
        operator: {m: {"moved": rounded(c.moved), "drop": rounded(c.drop), "n": c.n} for m, c in row.items()}
        for operator, row in table.items()
    }


def _correlations(table: Mapping[str, Mapping[str, tuple[float | None, float | None]]]) -> dict[str, Any]:
    return {
        one: {other: {"rho": rounded(rho), "at_equal_length": rounded(held)} for other, (rho, held) in row.items()}
        for one, row in table.items()
    }
