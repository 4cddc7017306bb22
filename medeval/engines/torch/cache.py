"""Key-value cache whose rows leave and join: preallocated, right-aligned, one copy of one row to leave.

transformers' DynamicCache copies everything at every token and cannot take a new row; this one writes in place.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

GROWTH = 128


class RowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, buffers [rows, heads, length, head_dim]; the RowCache holds rows and length."""

    def __init__(self, owner: RowCache) -> None:
        super().__init__()
        self.owner = owner
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Writes one new position for every row and returns the views up to it."""
        rows, length = self.owner.rows, self.owner.length
        end = length + key_states.shape[2]
        self.keys[:rows, :, length:end] = key_states
        self.values[:rows, :, length:end] = value_states
        return self.keys[:rows, :, :end], self.values[:rows, :, :end]

    def get_seq_length(self) -> int:
        """Positions filled so far."""
        return self.owner.length


class RowCache(Cache):  # type: ignore[misc]
    """The cache of a running batch. `pads[i]` is how many leading positions of row i hold nothing."""

    def __init__(self, layers: int) -> None:
        self.rows = 0
        self.length = 0
        self.pads: list[int] = []
        self.expected = 0
        """Rows that will soon be here: room for all of them is made at once."""
        super().__init__(layers=[RowLayer(self) for _ in range(layers)])

    def admit(self, filled: Cache, pads: list[int]) -> None:
        """Adds the rows of a prefilled cache, their last positions aligned with those already here."""
        count, width = len(pads), int(filled.layers[0].keys.shape[2])
        if not self._fits(self.rows + count, width):
            self._reserve(self.rows + count, max(self._needed(), width), filled)
        if self.rows == 0:
            self.length = width
        first = self.length - width
        for mine, new in zip(self.layers, filled.layers, strict=True):
            mine.keys[self.rows : self.rows + count, :, first : self.length] = new.keys
            mine.values[self.rows : self.rows + count, :, first : self.length] = new.values
        self.pads.extend(first + pad for pad in pads)
        self.rows += count

    def _fits(self, rows: int, width: int) -> bool:
        keys = self.layers[0].keys
        if keys is None or keys.shape[0] < rows:
            return False
        return bool(width < keys.shape[2] if self.rows == 0 else width <= self.length < keys.shape[2])

    def drop(self, index: int) -> None:
        """Removes a row by moving the last one into its place."""
        last = self.rows - 1
        if index != last:
            for layer in self.layers:
                layer.keys[index, :, : self.length] = layer.keys[last, :, : self.length]
                layer.values[index, :, : self.length] = layer.values[last, :, : self.length]
            self.pads[index] = self.pads[last]
        self.pads.pop()
        self.rows = last
        if last == 0:
            self.length = 0

    def make_room(self) -> bool:
        """Makes sure that one more position fits; True where rows were moved, and `pads` with them."""
        if self.length < self.layers[0].keys.shape[2]:
            return False
        self._reserve(self.rows, self._needed(), self)
        return True

    def _needed(self) -> int:
        """Positions really used: leading ones that no row needs any more are given back."""
        return self.length - min(self.pads, default=self.length) if self.rows else 0

    def _reserve(self, rows: int, length: int, like: Cache) -> None:
        """Reallocates for `rows` rows of `length` positions and some more, right-aligned to `length`."""
        used = self._needed()
        rows, capacity = max(rows, self.expected), length + GROWTH
        for mine, other in zip(self.layers, like.layers, strict=True):
            mine.keys = self._moved(mine.keys, other.keys, rows, capacity, length, used)
            mine.values = self._moved(mine.values, other.values, rows, capacity, length, used)
        shift = length - self.length
        self.pads = [pad + shift for pad in self.pads]
        self.length = length

    def _moved(self, old: Tensor | None, like: Tensor, rows: int, capacity: int, length: int, used: int) -> Tensor:
        # Zeros, not empty memory: a masked NaN would still poison attention.
        new = torch.zeros((rows, like.shape[1], capacity, like.shape[3]), dtype=like.dtype, device=like.device)
        if old is not None and used:
            new[: self.rows, :, length - used : length] = old[: self.rows, :, self.length - used : self.length]
        return new
