"""The batched LoRA layer on MLX: base linear (packed or not) once, all adapters side by side, rows told by a mask.

y = linear(x) + B (m * A x): A and B hold the factors of all adapters along the rank, m is one where the row's stack
holds the adapter. Factors stay in floating point whatever the base's bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn

from medeval.engines.gating import Piece
from medeval.engines.mlx.tree import Tree
from medeval.engines.plan import Layout, Plan, families


class Masks:
    """Masks of the rows of one plan, shared by all layers of one layout."""

    def __init__(self, plan: Plan, dtype: mx.Dtype) -> None:
        self.plan, self.dtype = plan, dtype
        self._made: dict[Layout, mx.array] = {}
        self._version = -1

    def of(self, layout: Layout) -> mx.array:
        """Ones where a column's adapter belongs to the row's stack; [rows, 1, R]."""
        if self._version != self.plan.version:
            self._made, self._version = {}, self.plan.version
        if layout not in self._made:
            self._made[layout] = mx.array(self.plan.kept(layout), dtype=self.dtype)[:, None, :]
        return self._made[layout]


class Shared:
    """The A factors of linears that read the same input, applied once for all of them."""

    def __init__(self, masks: Masks, a: mx.array, layout: Layout) -> None:
        self.masks, self.a, self.layout = masks, a, layout
        self._input: mx.array | None = None
        self._hidden: mx.array | None = None

    def hidden(self, x: mx.array, last: bool) -> mx.array:
        """Masked `x @ A`, [rows, positions, R]; kept until the last sibling has read it."""
        if self._input is not x or self._hidden is None:
            self._hidden = (x @ self.a) * self.masks.of(self.layout)
            self._input = x
        found = self._hidden
        if last:
            self._input = self._hidden = None
        return found


@dataclass(frozen=True)
class Place:
    """Where a linear's factors lie: its columns in the shared A, and each adapter's columns."""

    shared: Shared
    columns: slice
    adapters: Mapping[str, slice]
    last: bool


class FactorLinear(nn.Module):  # type: ignore[misc]
    """A linear of the base with the factors of all adapters; b [r, out]."""

    def __init__(self, linear: Any, b: mx.array, place: Place) -> None:
        super().__init__()
        self.linear = linear
        self.b = b
        self.place = place

    def __call__(self, x: mx.array) -> mx.array:
        """Base output plus each row's own low-rank change; x [rows, positions, in]."""
        y: mx.array = self.linear(x)
        plan = self.place.shared.masks.plan
        if not plan.active:
            return y
        if plan.spans is not None:
            return self._by_span(x, y, plan.spans)
        return y + self.place.shared.hidden(x, self.place.last)[..., self.place.columns] @ self.b

    def _by_span(self, x: mx.array, y: mx.array, spans: Sequence[tuple[str, int, int]]) -> mx.array:
        for adapter, start, end in spans:
            columns = self.place.adapters.get(adapter)
            if columns is None:
                continue
            inner = slice(columns.start - self.place.columns.start, columns.stop - self.place.columns.start)
            change = (x[start:end] @ self.place.shared.a[:, columns]) @ self.b[inner]
            if end - start == x.shape[0]:
                y = y + change
            else:
                y[start:end] = y[start:end] + change
        return y


def install(tree: Tree, pieces: Mapping[str, Sequence[Piece]], plan: Plan, dtype: mx.Dtype) -> int:
    """Wraps the linears that `pieces` (by module name) change.

    Returns:
        Bytes that the factors take.
    """
    masks, size = Masks(plan, dtype), 0
    for names in families([name for name in tree.linears() if pieces.get(name)]):
        size += _install_family(tree, names, pieces, masks)
    return size


def _install_family(tree: Tree, names: Sequence[str], pieces: Mapping[str, Sequence[Piece]], masks: Masks) -> int:
    layout: list[tuple[str, int]] = []
    places: dict[str, tuple[slice, dict[str, slice]]] = {}
    start = 0
    for name in names:
        begin, adapters = start, {}
        for piece in pieces[name]:
            rank = int(piece.a.shape[0])
            adapters[piece.adapter] = slice(start, start + rank)
            layout.append((piece.adapter, rank))
            start += rank
        places[name] = (slice(begin, start), adapters)
    a = _joined([p.a for name in names for p in pieces[name]], masks.dtype)
    shared = Shared(masks, a, tuple(layout))
    size = int(a.nbytes)
    for name in names:
        columns, adapters = places[name]
        # [out, rank] of each adapter side by side, transposed: what the masked hidden values are multiplied with.
        b = _joined([p.b.T for p in pieces[name]], masks.dtype, axis=0)
        tree.wrap(name, FactorLinear(tree.slots[name].module, b, Place(shared, columns, adapters, name == names[-1])))
        size += int(b.nbytes)
    return size


def _joined(parts: Sequence[Any], dtype: mx.Dtype, axis: int | None = None) -> mx.array:
    if axis is None:
        joined = mx.concatenate([mx.array(p.T) for p in parts], axis=1)
    else:
        joined = mx.concatenate([mx.array(p) for p in parts], axis=axis)
    joined = mx.contiguous(joined.astype(dtype))
    mx.eval(joined)
    return joined
