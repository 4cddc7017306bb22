"""Score, its evidence, and the @metric registry.

A metric is a pure function `(Case, answer text) -> Score`; string work lives in smaller pure functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from medeval.cases.schema import Case
from medeval.errors import UsageError

EvidenceKind = Literal["good", "bad", "note"]


@dataclass(frozen=True)
class Evidence:
    """Characters `start:end` of the answer (Python indices of the text as given) and why they count."""

    start: int
    end: int
    kind: EvidenceKind
    note: str


@dataclass(frozen=True)
class Score:
    """`value` in [0, 1], or None = unscored, which is never zero; `veto` marks a danger no average may hide.

    `keeps` is the share that every profile keeps of its value: below 1 for a fault outside the profile's own parts.
    """

    value: float | None
    reason: str
    evidence: tuple[Evidence, ...] = ()
    veto: bool = False
    keeps: float = 1.0

    @staticmethod
    def unscored(reason: str) -> "Score":
        """The case lacks what the metric needs."""
        return Score(None, reason)


MetricFunction = Callable[[Case, str], Score]


@dataclass(frozen=True)
class Metric:
    """A registered metric: its labels, the seed line it comes from, and the function."""

    name: str
    zh: str
    en: str
    seed: str
    function: MetricFunction
    higher_is_better: bool = True


_METRICS: dict[str, Metric] = {}


def metric(*, name: str, zh: str, en: str, seed: str = "") -> Callable[[MetricFunction], MetricFunction]:
    """Registers a function under `name` and returns it unchanged; a second registration is an error."""

    def register(function: MetricFunction) -> MetricFunction:
        if name in _METRICS:
            raise ValueError(f"metric {name} is registered twice")
        _METRICS[name] = Metric(name, zh, en, seed, function)
        return function

    return register


def all_metrics() -> dict[str, Metric]:
    """Every registered metric by name, in order of registration."""
    return dict(_METRICS)


def get_metric(name: str) -> Metric:
    """The metric called `name`; raises UsageError listing the known ones."""
    if name not in _METRICS:
        raise UsageError(
            f"没有指标 {name}；可用：{', '.join(_METRICS)}"
            f" / unknown metric {name!r}; known: {', '.join(_METRICS)}"
        )
    return _METRICS[name]
