"""What a run has done so far, joined over all its attempts: a resumed run repeats no step and forgets what it redid."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """Events by kind, each step once, in order of steps."""

    steps: tuple[Event, ...] = ()
    """`step` events: step, total, loss, lr, grad_norm, tokens_per_second, memory_bytes, phase, seconds_per_step."""
    evals: tuple[Event, ...] = ()
    """`eval` events: step, val_loss, samples."""
    clinical: tuple[Event, ...] = ()
    """`clinical` events: step, suite, profile, score, interval, scored, cases, failed."""
    checkpoints: tuple[Event, ...] = ()
    begin: Event = field(default_factory=dict)
    result: Event = field(default_factory=dict)
    resumed: tuple[int, ...] = ()
    """Steps at which an attempt went on from a checkpoint."""
    warm: bool = False
    """Whether a resume lost the optimizer's state (MLX); the torch worker's never does."""

    @property
    def total(self) -> int:
        """Steps of the whole run, 0 before it has begun."""
        return int(self.begin.get("total") or 0)

    @property
    def done(self) -> int:
        """Steps reported so far."""
        return int(self.steps[-1]["step"]) if self.steps else 0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace of the last reported steps; None before any."""
        recent = [float(s["seconds_per_step"]) for s in self.steps[-5:] if s.get("seconds_per_step")]
        return statistics.fmean(recent) * (self.total - self.done) if recent and self.total else None


def read_history(events: Iterable[Event]) -> History:
    """Joins the events of a job; where a resumed attempt repeats steps, its events replace the earlier ones."""
    kinds: dict[str, dict[int, Event]] = {kind: {} for kind in ("step", "eval", "clinical", "checkpoint")}
    begin: Event = {}
    result: Event = {}
    resumed: list[int] = []
    warm = False
    for event in events:
        kind = event["kind"]
        if kind in kinds:
            kinds[kind][int(event["step"])] = event
        elif kind == "resumed":
            resumed.append(int(event["step"]))
            warm = warm or bool(event.get("warm"))
            for found in kinds.values():
                for step in [step for step in found if step > resumed[-1]]:
                    del found[step]
        elif kind == "begin":
            begin = event
        elif kind == "result":
            result = event
    ordered = {kind: tuple(found[step] for step in sorted(found)) for kind, found in kinds.items()}
    joined = (ordered["step"], ordered["eval"], ordered["clinical"], ordered["checkpoint"])
    return History(*joined, begin, result, tuple(resumed), warm)


@dataclass(frozen=True)
class Summary:
    """One run in numbers, for a table of several; None where nothing was measured."""

    steps: int
    final_loss: float | None
    best_loss: float | None
    final_val_loss: float | None
    best_val_loss: float | None
    best_val_step: int | None
    gap: float | None
    """Final validation loss minus final training loss."""
    grad_norm_mean: float | None
    grad_norm_deviation: float | None
    best_clinical: float | None
    final_clinical: float | None
    seconds: float | None


def summarise(history: History) -> Summary:
    """The figures by which runs are compared."""
    losses = _values(history.steps, "loss")
    norms = _values(history.steps, "grad_norm")
    held = [(float(e["val_loss"]), int(e["step"])) for e in history.evals if e.get("val_loss") is not None]
    scores = _values(history.clinical, "score")
    best = min(held, default=None)
    return Summary(
        history.done,
        losses[-1] if losses else None,
        min(losses, default=None),
        held[-1][0] if held else None,
        best[0] if best else None,
        best[1] if best else None,
        held[-1][0] - losses[-1] if held and losses else None,
        statistics.fmean(norms) if norms else None,
        statistics.stdev(norms) if len(norms) > 1 else None,
        max(scores, default=None),
        scores[-1] if scores else None,
        _seconds(history),
    )


def _values(events: Sequence[Event], key: str) -> list[float]:
    return [float(e[key]) for e in events if e.get(key) is not None and math.isfinite(float(e[key]))]


def _seconds(history: History) -> float | None:
    paced = [float(s["seconds_per_step"]) for s in history.steps if s.get("seconds_per_step")]
    return statistics.fmean(paced) * history.done if paced else None
