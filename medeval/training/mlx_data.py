"""Exchanges to arrays for MLX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medeval.engines.mlx.encoding import Pixels, Prompt
from medeval.training.curriculum import Curriculum
from medeval.training.exchanges import Exchanges, Learnt
from medeval.training.losses import IGNORE


@dataclass(frozen=True)
class MicroBatch:
    """One forward pass: ids and labels [rows, width], right-padded; positions [3 or 1, rows, width]; weights [rows]."""

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    pixels: tuple[Pixels, ...]
    """Images in the order of the rows, of those that have any."""
    keep: int
    """How many last positions hold all answers."""
    tokens: int
    """Tokens read, padding left out."""


class Lessons(Exchanges[Prompt, MicroBatch]):
    """Samples as MLX learns from them."""

    def collate(self, items: Sequence[Learnt[Prompt]], weights: Sequence[float]) -> MicroBatch:
        """Right-padded arrays of one micro-batch; under the causal mask no answer sees the padding."""
        width = max(len(item) for item in items)
        shape = (len(items), width)
        ids = np.full(shape, self.pad, dtype=np.int32)
        labels = np.full(shape, IGNORE, dtype=np.int32)
        positions = np.zeros((items[0].prompt.positions.shape[0], *shape), dtype=np.int32)
        for index, item in enumerate(items):
            start, end = len(item.prompt), len(item)
            ids[index, :start], ids[index, start:end] = item.prompt.ids, item.answer
            labels[index, start:end] = item.answer
            positions[:, index, :start] = item.prompt.positions
            positions[:, index, start:end] = np.arange(len(item.answer)) + item.prompt.next_position
        return MicroBatch(
            ids, positions, labels, np.asarray(weights, dtype=np.float32),
            tuple(item.prompt.pixels for item in items if item.prompt.pixels is not None),
            width - min(len(item.prompt) for item in items) + 1, sum(len(item) for item in items),
        )  # fmt: skip


def micro_batches(lessons: Lessons, curriculum: Curriculum, step: int) -> list[MicroBatch]:
    """The micro-batches of optimizer step `step` (0-based)."""
    return [lessons.drawn(curriculum, step, part) for part in range(curriculum.config.accumulation)]
