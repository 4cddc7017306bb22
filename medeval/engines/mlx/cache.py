"""Key-value cache of a running batch on MLX: rows right-aligned, so that they can leave and new ones join."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

GROWTH = 128


class RowLayer:
    """Keys and values of one layer, [rows, heads, capacity, head_dim]; what mlx-lm and mlx-vlm call a cache."""

    def __init__(self, owner: RowCache) -> None:
        self.owner = owner
        self.keys: mx.array | None = None
        self.values: mx.array | None = None

    @property
    def offset(self) -> Any:
        """Position of the next token: one number per row where the model derives positions from it."""
        return self.owner.offset

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Writes the new positions of every row and returns everything up to them."""
        start, end = self.owner.length, self.owner.length + keys.shape[2]
        if self.keys is None or self.values is None:
            self.keys, self.values = keys, values
            return keys, values
        if end > self.keys.shape[2]:
            self.keys = _padded(self.keys[:, :, :start], 0, end - start + GROWTH)
            self.values = _padded(self.values[:, :, :start], 0, end - start + GROWTH)
        self.keys[:, :, start:end] = keys
        self.values[:, :, start:end] = values
        return self.keys[:, :, :end], self.values[:, :, :end]

    def make_mask(self, count: int, **_: Any) -> mx.array | str | None:
        """The mask of the next `count` positions; asked of the first layer only."""
        return self.owner.mask(count)


class RowCache:
    """The cache of a running batch. `pads[i]` is how many leading positions of row i hold nothing.

    Args:
        layers: decoder layers.
        explicit: positions are given to the model, so that it need not derive them per row.
        pads: of the rows that are about to be prefilled.
    """

    def __init__(self, layers: int, explicit: bool, pads: Sequence[int] = ()) -> None:
        self.layers = [RowLayer(self) for _ in range(layers)]
        self.explicit = explicit
        self.pads = list(pads)
        self.length = 0
        self._starts: mx.array | None = None

    @property
    def offset(self) -> Any:
        """Next position: a number, or one per row."""
        return self.length if self.explicit else self.length - self._padding()

    def _padding(self) -> mx.array:
        if self._starts is None:
            self._starts = mx.array(self.pads, dtype=mx.int32)
        return self._starts

    def advance(self, count: int) -> None:
        """Says that every layer has written `count` positions."""
        self.length += count

    def mask(self, count: int) -> mx.array | str | None:
        """Which positions the next `count` may see, [rows, 1, count, length + count]; None for all."""
        if not any(self.pads):
            return None if count == 1 else "causal"
        end = self.length + count
        columns = mx.arange(end)
        real = columns[None, :] >= self._padding()[:, None]
        if count == 1:
            return real[:, None, None]
        own = mx.arange(self.length, end)[:, None]
        # Padding sees itself: a row of the softmax without any position would be NaN.
        visible = (real[:, None, :] & (columns[None, :] <= own)[None]) | (columns[None, :] == own)[None]
        return visible[:, None]

    def admit(self, filled: RowCache) -> None:
        """Adds the rows of a prefilled cache, their last positions aligned with those already here."""
        if not self.pads:
            self.layers, self.pads, self.length = filled.layers, filled.pads, filled.length
            for layer in self.layers:
                layer.owner = self
        else:
            length = max(self.length, filled.length)
            for mine, new in zip(self.layers, filled.layers, strict=True):
                mine.keys = _joined(mine.keys, self.length, new.keys, filled.length, length)
                mine.values = _joined(mine.values, self.length, new.values, filled.length, length)
            self.pads = [p + length - self.length for p in self.pads]
            self.pads += [p + length - filled.length for p in filled.pads]
            self.length = length
        self._starts = None

    def keep(self, indices: Sequence[int]) -> None:
        """Keeps only these rows; leading positions that none of them needs are given back."""
        self.pads = [self.pads[i] for i in indices]
        self._starts = None
        if not self.pads:
            self.layers = [RowLayer(self) for _ in self.layers]
            self.length = 0
            return
        rows, unused = mx.array(list(indices)), min(self.pads)
        for layer in self.layers:
            assert layer.keys is not None and layer.values is not None
            layer.keys = layer.keys[rows, :, unused : self.length]
            layer.values = layer.values[rows, :, unused : self.length]
        self.pads = [pad - unused for pad in self.pads]
        self.length -= unused

    def arrays(self) -> list[mx.array]:
        """Everything held, for evaluation."""
        return [a for layer in self.layers for a in (layer.keys, layer.values) if a is not None]


def _padded(array: mx.array, left: int, right: int) -> mx.array:
    # Zeros, not empty memory: a masked NaN would still poison attention.
    return mx.pad(array, [(0, 0), (0, 0), (left, right), (0, 0)]) if left or right else array


def _joined(mine: mx.array | None, used: int, new: mx.array | None, filled: int, length: int) -> mx.array:
    assert mine is not None and new is not None
    first = _padded(mine[:, :, :used], length - used, GROWTH)
    second = _padded(new[:, :, :filled], length - filled, GROWTH)
    return mx.concatenate([first, second], axis=0)
