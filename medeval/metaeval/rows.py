"""The rows of the report: what is measured, by which measures, and the bar it must hold (`data/bars.yaml`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict

from medeval.cases.schema import Language
from medeval.metaeval.agreement import Judged, contradiction_auc, entailment_auc
from medeval.metaeval.edits import Aim
from medeval.metaeval.figures import NOTHING, Figure, preference, share
from medeval.metaeval.scoring import Scores
from medeval.metaeval.trials import SAME, Trial, any_metric

_DATA = Path(__file__).resolve().parent / "data" / "bars.yaml"
Kind = Literal[
    "preferred",
    "violated",
    "unmoved",
    "penalised",
    "beaten",
    "false_alarm",
    "faulted",
    "entailment",
    "contradiction",
    "note",
    "speed",
]  # fmt: skip
Status = Literal["met", "not met", "not enough data", "reported"]


class Row(BaseModel):
    """One line of `bars.yaml`; `bar` is a lower bound, or an upper one where `at_most`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    zh: str
    en: str
    kind: Kind
    names: tuple[str, ...] = ()
    """Operators, invariances or tricks; empty is all of the kind."""
    aim: Aim = "any"
    language: Language | None = None
    urgent: bool = False
    """Only cases whose checklist demands help now or soon."""
    checklist: bool = False
    """Only cases that list key points."""
    measures: tuple[str, ...] = ()
    """What decides: the sum of these measures' differences."""
    judges: tuple[str, ...] = ()
    """Metrics whose own status depends on the row."""
    bar: float | None = None
    at_most: bool = False
    lexical: str = ""
    """The best naive baseline as published or measured before."""
    why: str = ""


@dataclass(frozen=True)
class Outcome:
    """A row with its figure; `by_measure` holds the same figure for every single measure."""

    row: Row
    figure: Figure
    status: Status
    by_measure: dict[str, Figure]
    by_name: dict[str, Figure] = field(default_factory=dict)
    failing: tuple[Trial, ...] = ()
    p_holm: float | None = None


@lru_cache(maxsize=1)
def load_rows() -> tuple[Row, ...]:
    """Every row, in order of the report."""
    return tuple(Row.model_validate(entry) for entry in yaml.safe_load(_DATA.read_text(encoding="utf-8")))


def status_of(figure: Figure, bar: float | None, at_most: bool) -> Status:
    """Met where the whole interval is on the right side of the bar; not met where the figure itself is not.

    Between both lies "not enough data": the figure holds, the interval does not. Fewer than ten questions are never
    enough.
    """
    if bar is None:
        return "reported"
    if figure.value is None or figure.clusters < FEWEST:
        return "not enough data"
    edge = figure.high if at_most else figure.low
    good, sure = _holds(figure.value, bar, at_most), edge is not None and _holds(edge, bar, at_most)
    return "met" if good and sure else "not enough data" if good else "not met"


def _holds(value: float, bar: float, at_most: bool) -> bool:
    return value <= bar + 1e-9 if at_most else value >= bar - 1e-9


TIMED, FEWEST_TIMED = 375, 100
"""Answers that the speed is measured on: at most, at least."""
FAULTED = 0.85
"""An answer below is called wrong: one contradiction leaves 0.8, a veto nothing; a few unusual wordings leave more."""
FEWEST = 10
"""Questions below which no bar is called met or missed."""


class Speed(NamedTuple):
    """Answers scored per second of one core, and how many were timed."""

    rate: float
    answers: int


_TRIAL_KIND = {
    "preferred": "operator", "violated": "invariance", "unmoved": "invariance", "penalised": "control",
    "beaten": "trick", "note": "note",
}  # fmt: skip


def trials_for(row: Row, trials: Sequence[Trial]) -> list[Trial]:
    """The trials a row is about."""
    kind = _TRIAL_KIND.get(row.kind)
    return [
        t
        for t in trials
        if t.kind == kind
        and t.aim == row.aim
        and (not row.names or t.name in row.names)
        and (t.checklist or not row.checklist)
        and (t.note in ("emergency", "soon") or not row.urgent)
        and (row.language is None or t.language == row.language)
    ]


def figure_of(row: Row, trials: Sequence[Trial], measures: Sequence[str], metrics: Sequence[str] = ()) -> Figure:
    """The row's figure for a choice of measures; trials on which none of them is scored count as ties."""
    if row.kind in ("preferred", "note"):
        return preference([(t.cluster, _decision(t, measures, metrics)) for t in trials])
    if row.kind == "violated":
        return share([(t.cluster, float(t.moved(measures) > SAME)) for t in trials])
    if row.kind == "unmoved":
        return share([(t.cluster, float(t.moved(measures) <= SAME)) for t in trials])
    if row.kind == "penalised":
        return share([(t.cluster, float((t.together(measures) or 0.0) > SAME)) for t in trials])
    if row.kind == "beaten":
        return share([(t.cluster, float((t.together(measures) or 0.0) < -1e-6)) for t in trials])
    return NOTHING


def _decision(trial: Trial, measures: Sequence[str], metrics: Sequence[str]) -> float:
    if list(measures) == ["any"]:
        return any_metric(trial, metrics) or 0.0
    return trial.together(measures) or 0.0


def is_failing(row: Row, trial: Trial) -> bool:
    """Whether this trial speaks against the row."""
    if row.kind in ("preferred", "note"):
        return (trial.together(row.measures) or 0.0) <= 1e-6
    if row.kind in ("violated", "unmoved"):
        return trial.moved(row.measures) > SAME
    if row.kind == "penalised":
        return (trial.together(row.measures) or 0.0) > SAME
    return (trial.together(row.measures) or 0.0) < -1e-6


@dataclass(frozen=True)
class Evidence:
    """What rows are measured from; `alarms` = (cluster, 1 for a false alarm) of routine answers.

    `originals` = (cluster, language, scores) of every answer as the physicians gave it.
    """

    trials: Sequence[Trial]
    judged: Sequence[Judged]
    alarms: Sequence[tuple[str, float]]
    originals: Sequence[tuple[str, Language, Scores]]
    speed: Speed | None
    metrics: Sequence[str]
    measures: Sequence[str]


def measured_row(row: Row, evidence: Evidence) -> Outcome:
    """One row measured."""
    if row.kind in ("entailment", "contradiction", "false_alarm", "faulted", "speed"):
        figure = _without_trials(row, evidence)
        return Outcome(row, figure, status_of(figure, row.bar, row.at_most), {})
    mine = trials_for(row, evidence.trials)
    figure = figure_of(row, mine, row.measures, evidence.metrics)
    each = {name: figure_of(row, _scored(mine, name), [name]) for name in evidence.measures}
    if row.kind in ("preferred", "note"):
        each["any"] = figure_of(row, mine, ["any"], evidence.metrics)
    names = dict.fromkeys(t.name for t in mine)
    parts = {n: figure_of(row, [t for t in mine if t.name == n], row.measures) for n in names}
    failing = tuple(t for t in mine if is_failing(row, t))
    return Outcome(row, figure, status_of(figure, row.bar, row.at_most), each, parts, failing)


def _without_trials(row: Row, evidence: Evidence) -> Figure:
    if row.kind == "entailment":
        return entailment_auc(evidence.judged)
    if row.kind == "contradiction":
        return contradiction_auc(evidence.judged)
    if row.kind == "false_alarm":
        return share(evidence.alarms)
    if row.kind == "faulted":
        return share([
            (cluster, float(any(_value(scores, measure) < FAULTED for measure in row.measures)))
            for cluster, language, scores in evidence.originals
            if row.language in (None, language) and any(scores.get(measure) is not None for measure in row.measures)
        ])  # fmt: skip
    speed = evidence.speed
    return NOTHING if speed is None else Figure(speed.rate, speed.rate, speed.rate, speed.answers, speed.answers)


def _value(scores: Scores, measure: str) -> float:
    value = scores.get(measure)
    return 1.0 if value is None else value


def _scored(trials: Sequence[Trial], measure: str) -> list[Trial]:
    return [t for t in trials if t.difference(measure) is not None]
