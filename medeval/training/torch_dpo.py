"""Direct preference optimisation: Rafailov et al. 2023 (arXiv 2305.18290), eq. 7, on the answers' tokens alone.

The reference is the model under training with its new adapter switched off; adapters below it stay. Nothing is loaded
twice. Label smoothing is the conservative form of Mitchell 2023: a share of the votes is taken to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medeval.training.config import TrainConfig
from medeval.training.losses import IGNORE
from medeval.training.torch_data import forward_inputs
from medeval.training.torch_model import NEW, Trainee


@dataclass(frozen=True)
class Preference:
    """What one batch of pairs says, [pairs] each."""

    losses: Tensor
    """Not weighted; its gradient trains."""
    margins: Tensor
    """Reward of the chosen answer minus that of the rejected one; no gradient."""


def preference(trainee: Trainee, model: Any, inputs: Mapping[str, Any], config: TrainConfig) -> Preference:
    """Losses and reward margins of a batch whose first half of rows holds the chosen answers, the second the rejected.

    Args:
        trainee: whose new adapter is switched off for the reference.
        model: what is called; the trainer may have wrapped it.
        inputs: from `Lessons.collate`.
        config: `dpo_beta` and `dpo_smoothing` count.
    """
    with torch.no_grad(), below_only(trainee):
        reference = _likelihood(model, inputs)
    return dpo_losses(_likelihood(model, inputs), reference, config.dpo_beta, config.dpo_smoothing)


def weighted_preference(found: Preference, weights: Tensor) -> Tensor:
    """The mean over pairs of weight × loss; `weights` is [2 × pairs], as collated."""
    return (found.losses * weights.chunk(2)[0].to(found.losses)).mean()


def dpo_losses(policy: Tensor, reference: Tensor, beta: float, smoothing: float = 0.0) -> Preference:
    """Losses of pairs from log-probabilities of whole answers.

    With h = β((policy_c − policy_r) − (reference_c − reference_r)): −(1 − ε) log σ(h) − ε log σ(−h).

    Args:
        policy: [2 × pairs] natural logarithms; chosen first, then rejected in the same order.
        reference: the same of the reference, without gradient.
        beta: how hard the reference is held on to; > 0.
        smoothing: ε, the share of preferences taken to be wrong; 0 ≤ ε < 0.5.
    """
    chosen, rejected = (policy - reference).chunk(2)
    margins = beta * (chosen - rejected)
    losses = -(1 - smoothing) * functional.logsigmoid(margins) - smoothing * functional.logsigmoid(-margins)
    return Preference(losses, margins.detach())


def answer_logps(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-probability of each row's answer: the sum over its learned tokens, [rows] float32.

    Args:
        logits: [rows, length, vocabulary], the prediction after each position.
        labels: [rows, length] token ids, IGNORE where nothing is learned; shifted here.
    """
    shifted = labels[:, 1:]
    losses = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), shifted.flatten(), ignore_index=IGNORE, reduction="none"
    )
    return -losses.view(shifted.shape).sum(dim=1)


@contextmanager
def below_only(trainee: Trainee) -> Iterator[None]:
    """Inside the block the new adapter does nothing, its whole modules included; adapters below it stay.

    PEFT's own `disable_adapter` would switch off those below as well.
    """
    from peft.utils.other import AuxiliaryTrainingWrapper

    modules = list(trainee.model.modules())
    layers = [m for m in modules if isinstance(getattr(m, "scaling", None), dict) and NEW in m.scaling]
    whole = [m for m in modules if isinstance(m, AuxiliaryTrainingWrapper)]
    kept = [layer.scaling[NEW] for layer in layers]
    try:
        for layer in layers:
            layer.scaling[NEW] = 0.0
        for module in whole:
            # not enable_adapters(), which also changes what is trained
            module._disable_adapters = True
        yield
    finally:
        for layer, scale in zip(layers, kept, strict=True):
            layer.scaling[NEW] = scale
        for module in whole:
            module._disable_adapters = False


def _likelihood(model: Any, inputs: Mapping[str, Any]) -> Tensor:
    logits = model(**forward_inputs(inputs)).logits
    return answer_logps(logits, inputs["labels"][:, -int(inputs["keep"]) :])
