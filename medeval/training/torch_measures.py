"""What a torch run measures of itself: validation loss, answers to the suite's cases, memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from medeval.cases.schema import Case
from medeval.training.clinical import Answers
from medeval.training.config import TrainConfig
from medeval.training.data import Sample
from medeval.training.losses import sample_losses
from medeval.training.record import figures, process_bytes
from medeval.training.torch_answers import ask
from medeval.training.torch_data import Lessons, forward_inputs
from medeval.training.torch_dpo import preference
from medeval.training.torch_model import Trainee


class TorchMeasures:
    """The recorder's questions, answered by the model under training."""

    def __init__(self, trainee: Trainee, lessons: Lessons, config: TrainConfig) -> None:
        self._trainee, self._lessons, self._config = trainee, lessons, config

    @torch.no_grad()
    def validate(self, samples: Sequence[Sample]) -> dict[str, float]:
        """`val_loss`: mean loss per sample, unweighted, so that runs with different weights can be compared.

        Of preference pairs also their mean reward margin and the accuracy.
        """
        trainee, config = self._trainee, self._config
        trainee.model.eval()
        losses: list[float] = []
        margins: list[float] = []
        device = trainee.base.device
        for start in range(0, len(samples), config.batch_size):
            part = samples[start : start + config.batch_size]
            batch = self._lessons.batch(part, [1.0] * len(part))
            moved = {k: value.to(device) if isinstance(value, torch.Tensor) else value for k, value in batch.items()}
            with precision(trainee):
                if config.method == "dpo":
                    found = preference(trainee, trainee.model, moved, config)
                    losses += found.losses.tolist()
                    margins += found.margins.tolist()
                else:
                    logits = trainee.model(**forward_inputs(moved)).logits
                    losses += sample_losses(logits, moved["labels"][:, -int(moved["keep"]) :]).tolist()
        trainee.model.train()
        return {"val_loss": math.fsum(losses) / len(losses), **figures(margins)}

    def ask(self, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]) -> Answers:
        """Real answers to the run's cases."""
        return ask(self._trainee.asker, cases, tokens, stop)

    def memory_bytes(self) -> int:
        """Most memory in use so far: of the GPU where there is one, else of this process."""
        device = self._trainee.base.device
        if device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(device))
        if device.type == "mps":
            return int(torch.mps.driver_allocated_memory())
        return process_bytes()


def precision(trainee: Trainee) -> torch.autocast:
    """The same mixed precision as in training: bfloat16 where the base is in it."""
    mixed = trainee.base.dtype == torch.bfloat16
    return torch.autocast(trainee.base.device.type, dtype=torch.bfloat16, enabled=mixed)
