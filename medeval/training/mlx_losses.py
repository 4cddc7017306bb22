"""The losses of `medeval.training.losses` on MLX arrays: the same numbers, so that runs of both engines compare."""

from __future__ import annotations

import mlx.core as mx
from mlx import nn

from medeval.training.losses import IGNORE


def sample_losses(logits: mx.array, labels: mx.array) -> mx.array:
    """Mean cross-entropy over each row's learned tokens.

    Args:
        logits: [rows, length, vocabulary], the prediction after each position.
        labels: [rows, length] token ids, IGNORE where nothing is learned; shifted here.

    Returns:
        [rows] float32; 0 for a row without learned tokens.
    """
    total, count = _summed(logits, labels)
    return total / mx.maximum(count, 1)


def weighted_loss(logits: mx.array, labels: mx.array, weights: mx.array) -> mx.array:
    """Σ weight · sample loss / rows: not divided by the sum of weights, so that a weight keeps its meaning.

    Args:
        logits: [rows, length, vocabulary].
        labels: [rows, length].
        weights: [rows], from `Curriculum.batch`.
    """
    return (sample_losses(logits, labels) * weights).sum() / labels.shape[0]


def likelihoods(logits: mx.array, labels: mx.array) -> mx.array:
    """Log-likelihood of each row's learned tokens together, [rows]."""
    return -_summed(logits, labels)[0]


def preference_losses(gain: mx.array, beta: float, smoothing: float = 0.0) -> tuple[mx.array, mx.array]:
    """DPO (Rafailov 2023, eq. 7; smoothing as in Mitchell 2023): losses and reward margins of pairs, [pairs] each.

    Args:
        gain: [2 x pairs] log-likelihood above the reference's; chosen answers first, rejected in the same order.
        beta: how hard the reference is held on to.
        smoothing: share of the preferences taken to be wrong.
    """
    chosen, rejected = mx.split(gain, 2)
    margins = beta * (chosen - rejected)
    return -(1 - smoothing) * nn.log_sigmoid(margins) - smoothing * nn.log_sigmoid(-margins), margins


def _summed(logits: mx.array, labels: mx.array) -> tuple[mx.array, mx.array]:
    shifted = labels[:, 1:]
    learned = shifted != IGNORE
    # the id of an ignored place must exist: its loss is dropped
    found = nn.losses.cross_entropy(logits[:, :-1].astype(mx.float32), mx.where(learned, shifted, 0), reduction="none")
    return mx.where(learned, found, 0).sum(axis=1), learned.sum(axis=1)
