"""The loop of an MLX run: micro-batches, gradients, clipping, AdamW; and checkpoints from which it goes on exactly.

The state between two steps is the trained numbers, AdamW's two moments and its step. Data order and dropout masks are
functions of the step, so nothing else has to be kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import optimizers

from medeval.cases.schema import Case
from medeval.training.clinical import Answers
from medeval.training.config import TrainConfig
from medeval.training.curriculum import Curriculum, learning_rate
from medeval.training.data import Sample
from medeval.training.mlx_answers import ask
from medeval.training.mlx_data import Lessons, MicroBatch, micro_batches
from medeval.training.mlx_losses import likelihoods, preference_losses, sample_losses, weighted_loss
from medeval.training.mlx_model import Trainee, Values
from medeval.training.record import Recorder, figures, process_bytes
from medeval.training.task import TrainTask

STATE = "run_state.json"
OPTIMIZER = "optimizer.safetensors"
_PARTS = ("m", "v")
_STEPS = {False: "step", True: "step of the vision side"}


class Run:
    """One run on one model."""

    def __init__(self, task: TrainTask, curriculum: Curriculum, trainee: Trainee) -> None:
        self.task, self.config = task, task.config
        self.trainee, self._curriculum = trainee, curriculum
        self._lessons = Lessons(trainee.encoder, task.config)
        self.recorder = Recorder(task, curriculum, self, "mlx")
        # two, because a step without images leaves the vision side alone, moments and decay included, as in torch
        self._optimizers = {seen: _adamw(self.config, self._side(trainee.values, seen)) for seen in (False, True)}
        self._loss = self._preference if self._pairs else self._weighted
        self.report: Callable[[int, dict[str, Any]], None] = lambda step, values: None
        """Takes the figures of a step to a tracker."""
        self.steps = 0
        """Optimizer steps done."""

    @property
    def _pairs(self) -> bool:
        return self.config.method == "dpo"

    def go(self, until: int | None = None) -> None:
        """Takes steps until done, stopped, out of patience, or `until`; evaluates and saves where due."""
        self.trainee.base.model.train()
        end = self._curriculum.steps if until is None else min(until, self._curriculum.steps)
        while self.steps < end:
            loss, norm, rate, tokens = self.take_step(self.steps)
            self.steps += 1
            event = self.recorder.after_step(self.steps, loss, norm, rate, tokens)
            if event is not None:
                self.report(self.steps, event)
            if self.recorder.due_for_evaluation(self.steps):
                self.report(self.steps, self.recorder.evaluate(self.steps))
            if self.recorder.due_for_checkpoint(self.steps):
                self.recorder.save(self.steps, self.write)
            if self.recorder.should_end(self.steps):
                return

    def take_step(self, step: int) -> tuple[float, float, float, int]:
        """One optimizer step (0-based): mean loss, gradient norm before clipping, rate, tokens read."""
        batches = micro_batches(self._lessons, self._curriculum, step)
        total, gradients = 0.0, {name: mx.zeros_like(value) for name, value in self.trainee.values.items()}
        for part, batch in enumerate(batches):
            self.trainee.masks.choose(step, part)
            (loss, margins), found = mx.value_and_grad(self._loss)(self.trainee.values, batch)
            gradients = {name: gradients[name] + found[name] / len(batches) for name in gradients}
            # evaluated per micro-batch: else all of their activations would be held at once
            mx.eval(loss, margins, gradients)
            total += numbers(loss)[0] / len(batches)
            self.recorder.count_margins(numbers(margins))
        gradients, norm = optimizers.clip_grad_norm(gradients, self.config.max_grad_norm)
        rate = learning_rate(self.config, step, self._curriculum.steps)
        for seen in (False, True) if any(batch.pixels for batch in batches) else (False,):
            optimizer, values = self._optimizers[seen], self._side(self.trainee.values, seen)
            optimizer.learning_rate = rate
            moved = optimizer.apply_gradients(self._side(gradients, seen), values)
            self.trainee.values = {**self.trainee.values, **moved}
            mx.eval(self.trainee.values, optimizer.state)
        self.trainee.put(self.trainee.values)
        return total, numbers(norm)[0], rate, sum(batch.tokens for batch in batches)

    def _weighted(self, values: Values, batch: MicroBatch) -> tuple[mx.array, mx.array]:
        """Each sample's answer loss times its weight, averaged over the micro-batch; no margins."""
        self.trainee.put(values)
        labels = mx.array(batch.labels[:, -batch.keep :])
        return weighted_loss(self.trainee.logits(batch), labels, mx.array(batch.weights)), mx.zeros(0)

    def _preferred(self, values: Values, batch: MicroBatch) -> tuple[mx.array, mx.array]:
        """Losses and margins of pairs; the model below the new adapter is the reference."""
        labels = mx.array(batch.labels[:, -batch.keep :])
        with self.trainee.below_only():
            reference = mx.stop_gradient(likelihoods(self.trainee.logits(batch), labels))
        self.trainee.put(values)
        gain = likelihoods(self.trainee.logits(batch), labels) - reference
        return preference_losses(gain, self.config.dpo_beta, self.config.dpo_smoothing)

    def _preference(self, values: Values, batch: MicroBatch) -> tuple[mx.array, mx.array]:
        losses, margins = self._preferred(values, batch)
        return (losses * mx.split(mx.array(batch.weights), 2)[0]).mean(), margins

    def validate(self, samples: Sequence[Sample]) -> dict[str, float]:
        """`val_loss`: mean loss per sample, unweighted, so that runs with different weights can be compared.

        Of preference pairs also their mean reward margin and the accuracy.
        """
        self.trainee.base.model.eval()
        losses: list[float] = []
        margins: list[float] = []
        for start in range(0, len(samples), self.config.batch_size):
            part = samples[start : start + self.config.batch_size]
            batch = self._lessons.batch(part, [1.0] * len(part))
            if self._pairs:
                found, gained = self._preferred(self.trainee.values, batch)
                margins += numbers(gained)
            else:
                found = sample_losses(self.trainee.logits(batch), mx.array(batch.labels[:, -batch.keep :]))
            losses += numbers(found)
        self.trainee.base.model.train()
        return {"val_loss": math.fsum(losses) / len(losses), **figures(margins)}

    def ask(self, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]) -> Answers:
        """Real answers to the run's cases."""
        return ask(self.trainee, cases, tokens, stop)

    def memory_bytes(self) -> int:
        """Most memory in use so far: MLX's own on a GPU, this process's on a CPU."""
        if self.trainee.device == "gpu":
            return int(mx.get_peak_memory())
        return process_bytes()

    def write(self, folder: Path) -> None:
        """Fills a checkpoint folder: adapter, optimizer, and what the recorder carries on."""
        self.trainee.save(folder)
        tensors: Values = {}
        for seen, optimizer in self._optimizers.items():
            names, state = self._side(self.trainee.values, seen), optimizer.state
            tensors |= {f"{part}:{name}": state[name][part] for name in names for part in _PARTS}
            tensors[_STEPS[seen]] = state["step"].astype(mx.int32)
        mx.save_safetensors(str(folder / OPTIMIZER), tensors)
        (folder / STATE).write_text(json.dumps(self.recorder.state()), "utf-8")

    def restore(self, folder: Path, step: int) -> bool:
        """Goes on from a checkpoint; returns whether exactly (False: another engine wrote it, weights only)."""
        self.trainee.load(folder)
        self.steps = step
        self.recorder.restore(json.loads((folder / STATE).read_text("utf-8")))
        if not (folder / OPTIMIZER).is_file():
            return False
        held = mx.load(str(folder / OPTIMIZER))
        assert isinstance(held, dict)
        for seen, optimizer in self._optimizers.items():
            for name in self._side(self.trainee.values, seen):
                optimizer.state[name] = {part: held[f"{part}:{name}"] for part in _PARTS}
            optimizer.state["step"] = held[_STEPS[seen]].astype(mx.uint64)
        return True

    @staticmethod
    def _side(values: Values, seen: bool) -> Values:
        """The tensors of the vision side, or all others."""
        return {name: value for name, value in values.items() if name.startswith("vision_tower.") == seen}


def _adamw(config: TrainConfig, values: Values) -> optimizers.AdamW:
    # bias correction is AdamW as published and as torch has it; MLX leaves it out unless told
    made = optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay, bias_correction=True)
    made.init(values)
    return made


def numbers(values: mx.array) -> list[float]:
    """A row of numbers, or a single one, as Python has them."""
    found: list[float] = np.array(values.astype(mx.float32)).flatten().tolist()
    return found
