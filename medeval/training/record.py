"""Recorder: what a run reports, when it evaluates, saves and ends, and what of that a checkpoint carries on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from medeval.cases.schema import Case
from medeval.errors import MedevalError
from medeval.training.checkpoints import prune, save_checkpoint
from medeval.training.clinical import Answers, clinical_score
from medeval.training.config import TrainConfig
from medeval.training.curriculum import Curriculum
from medeval.training.data import Sample
from medeval.training.disk import require_space
from medeval.training.task import TrainTask

_LEAST_ROOM = 20_000_000


class Measures(Protocol):
    """What the recorder asks of the engine whose run it keeps the books of."""

    def validate(self, samples: Sequence[Sample]) -> dict[str, float]:
        """`val_loss`, the mean loss per sample, unweighted; of pairs also `figures` of their margins."""
        ...

    def ask(self, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]) -> Answers:
        """Greedy answers of the model as it is now, at most `tokens` each; `stop` is asked between tokens."""
        ...

    def memory_bytes(self) -> int:
        """Most memory in use so far."""
        ...


class Recorder:
    """The bookkeeping of one run. Steps count from 1 here: `step` is how many are done; `engine` is who trains."""

    def __init__(self, task: TrainTask, curriculum: Curriculum, measures: Measures, engine: str) -> None:
        self.task, self.config, self.total = task, task.config, curriculum.steps
        self._curriculum, self.measures, self._engine = curriculum, measures, engine
        self._valid = pick(task.data.valid, self.config)
        self._window: list[tuple[float, int, float]] = []
        """Loss, tokens and seconds of each step since the last event."""
        self._margins: list[float] = []
        """Reward margins of the pairs seen since the last event (method dpo)."""
        self._began = time.monotonic()
        self._latest: dict[str, float] = {}
        self._best: tuple[float, int] | None = None
        self._evaluated = self._saved = 0
        self.early = False
        self.measuring = False
        """A dry run: every step is reported, nothing is evaluated or saved."""

    def state(self) -> dict[str, Any]:
        """JSON-ready; a resumed run goes on from it as if it had never ended."""
        return {
            "window": self._window, "margins": self._margins, "best": self._best, "latest": self._latest,
            "evaluated": self._evaluated,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over the state of the checkpoint that the run goes on from."""
        self._window = [(float(a), int(b), float(c)) for a, b, c in state["window"]]
        self._margins = [float(margin) for margin in state.get("margins", ())]
        self._best = (float(state["best"][0]), int(state["best"][1])) if state["best"] else None
        self._latest, self._evaluated = dict(state["latest"]), int(state["evaluated"])
        self._began = time.monotonic()

    def count_margins(self, margins: Sequence[float]) -> None:
        """Notes the reward margins of the pairs of one forward pass."""
        self._margins += margins

    def after_step(self, step: int, loss: float, norm: float, rate: float, tokens: int) -> dict[str, Any] | None:
        """Notes a step; every `log_every` steps an event with the means since the last one.

        Raises:
            MedevalError: the loss is no number any more. DiskFullError: hardly any room is left.
        """
        now = time.monotonic()
        self._window.append((loss, tokens, now - self._began))
        self._began = now
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise MedevalError(
                f"第 {step} 步的损失不再是数（发散），请降低 learning_rate 后从上一个检查点续跑"
                f" / the loss of step {step} is not a number any more: lower learning_rate, resume the last checkpoint"
            )
        if step % self.config.log_every and step != self.total and not self.measuring:
            return None
        require_space(self.task.folder.path, _LEAST_ROOM)
        seconds = sum(item[2] for item in self._window)
        event = {
            "step": step, "total": self.total, "loss": sum(item[0] for item in self._window) / len(self._window),
            "lr": rate, "grad_norm": norm, "tokens_per_second": sum(i[1] for i in self._window) / max(seconds, 1e-9),
            "memory_bytes": self.measures.memory_bytes(), "phase": self._curriculum.phase_at(step - 1),
            "seconds_per_step": seconds / len(self._window), **figures(self._margins),
        }  # fmt: skip
        self._window, self._margins = [], []
        self.task.folder.emit("step", **event)
        return event

    def due_for_evaluation(self, step: int) -> bool:
        """Whether validation loss and clinical score are measured after this step."""
        every = self.config.eval_every
        return not self.measuring and (step == self.total or bool(every and step % every == 0))

    def due_for_checkpoint(self, step: int) -> bool:
        """Whether a checkpoint is written after this step."""
        every = self.config.save_every
        if self.measuring:
            return False
        due = bool(every and step % every == 0) or step == self.total
        return due or self.should_end(step)

    def should_end(self, step: int) -> bool:
        """Whether the run ends after this step: done, stopped, or nothing improves any more."""
        best, patience = self._best, self.config.early_stop
        self.early = bool(patience and best and step - best[1] >= patience and step < self.total)
        return step >= self.total or self.early or self.task.folder.stop_requested()

    def evaluate(self, step: int) -> dict[str, float]:
        """Measures and reports; what could not be measured is absent, never 0."""
        measured: dict[str, float] = {}
        if self._valid:
            measured = self.measures.validate(self._valid)
            self.task.folder.emit("eval", step=step, samples=len(self._valid), **measured)
        if self.task.cases:
            clinical = self._clinical(step)
            measured |= {} if clinical is None else {"clinical": clinical}
        good = goodness(measured)
        if good is not None and (self._best is None or good > self._best[0]):
            self._best = (good, step)
        self._latest, self._evaluated = measured, step
        self._began = time.monotonic()  # the pace of steps is that of steps alone
        return measured

    def save(self, step: int, write: Callable[[Path], None]) -> None:
        """Writes the checkpoint of `step` and drops those that are neither best nor last."""
        if step == self._saved:
            return
        fresh = self._latest if self._evaluated == step else {}
        facts = {"engine": self._engine, **fresh}
        made = save_checkpoint(self.task.checkpoints, step, write, facts, goodness(fresh))
        prune(self.task.checkpoints, self.config.keep_best, self.config.keep_last)
        self._saved = step
        self.task.folder.emit("checkpoint", step=step, path=str(made.path), **fresh)
        self._began = time.monotonic()

    def _clinical(self, step: int) -> float | None:
        config, cases, stop = self.config, self.task.cases, self.task.folder.stop_requested
        answers, failed = self.measures.ask(cases, config.suite_tokens, stop)
        if stop():
            return None  # some cases were never asked
        found = clinical_score(cases, answers, failed, config.profile)
        interval = None if found.interval is None else [found.interval.low, found.interval.high]
        self.task.folder.emit(
            "clinical", step=step, suite=config.suite, profile=config.profile, score=found.score, interval=interval,
            scored=found.scored, cases=len(cases), failed=list(found.failed),
        )  # fmt: skip
        return found.score


def pick(samples: Sequence[Sample], config: TrainConfig) -> list[Sample]:
    """The validation samples that are measured: those the method can use, the first ones."""
    wanted = config.method == "dpo"
    return [sample for sample in samples if sample.is_pair == wanted][: config.eval_samples]


def goodness(measured: Mapping[str, float]) -> float | None:
    """How good an evaluation is, higher is better: the clinical score, else the validation loss; None without both."""
    return measured.get("clinical", -measured["val_loss"] if "val_loss" in measured else None)


def figures(margins: Sequence[float]) -> dict[str, float]:
    """Mean margin and accuracy of pairs; a margin of 0, as before the first step, counts half. Empty: nothing."""
    if not margins:
        return {}
    right = sum(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins)
    return {"margin": sum(margins) / len(margins), "accuracy": right / len(margins)}


def process_bytes() -> int:
    """Memory of this process, where no GPU holds the model."""
    import psutil

    return int(psutil.Process().memory_info().rss)
