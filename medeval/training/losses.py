"""Weighted loss: each sample's mean token loss times its weight, averaged over the samples of the optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

IGNORE = -100
"""Label of tokens that are not learned (everything but answers)."""


def sample_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over each row's learned tokens.

    Args:
        logits: [rows, length, vocabulary], the prediction after each position.
        labels: [rows, length] token ids, IGNORE where nothing is learned; shifted here, as in transformers.

    Returns:
        [rows] float32; 0 for a row without learned tokens.
    """
    from torch.nn import functional

    shifted = labels[:, 1:]
    flat = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), shifted.flatten(), ignore_index=IGNORE, reduction="none"
    )
    losses: Tensor = flat.view(shifted.shape)
    learned = (shifted != IGNORE).sum(dim=1)
    return losses.sum(dim=1) / learned.clamp(min=1)


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor, samples: int | None = None) -> Tensor:
    """Σ weight · sample loss / `samples`.

    Dividing by the number of samples, not by the sum of weights, keeps the weights' meaning: a sample of weight 3.0
    pulls three times as hard as one of weight 1.0, whatever else is in the batch.

    Args:
        logits: [rows, length, vocabulary].
        labels: [rows, length].
        weights: [rows], from `Curriculum.batch`.
        samples: samples of the whole optimizer step, where it is accumulated over several batches; else the rows.
    """
    return (sample_losses(logits, labels) * weights.float()).sum() / (samples or labels.shape[0])
