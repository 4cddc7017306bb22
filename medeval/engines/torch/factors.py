"""The batched LoRA layer: the base weight once, all adapters' factors side by side, rows told apart by a mask.

All adapters of a layer are stacked along the rank: A [R, in], B [out, R] with R the sum of ranks. A row keeps the
columns of the adapters in its stack (a mask of ones and zeros on the R hidden values), so two plain matmuls serve any
mix of variants, a stack is exact by construction, and an adapter shared by two variants is held once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from medeval.engines.gating import Piece
from medeval.engines.plan import Layout, families
from medeval.engines.plan import Plan as RowPlan

FEW_ROWS = 8


@dataclass
class Plan(RowPlan):
    """The rows' adapters, with the masks of the layouts made so far."""

    masks: dict[Layout, Tensor] = field(default_factory=dict)
    masks_version: int = -1

    def mask(self, layout: Layout, like: Tensor) -> Tensor:
        """Ones where a column's adapter belongs to the row's stack, [rows, R]."""
        if self.masks_version != self.version:
            self.masks, self.masks_version = {}, self.version
        found = self.masks.get(layout)
        if found is None:
            found = torch.tensor(self.kept(layout), dtype=like.dtype, device=like.device)
            self.masks[layout] = found
        return found


class Shared:
    """The A factors of linears that read the same input, applied once for all of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.a: Tensor | None = None
        self.layout: Layout = ()
        self._input: Tensor | None = None
        self._hidden: Tensor | None = None

    def hidden(self, x: Tensor, flat: Tensor, last: bool) -> Tensor:
        """Masked `x @ A.T`, [rows x positions, R]; kept until the last sibling has read it."""
        if self._input is not x or self._hidden is None:
            assert self.a is not None
            mask = self.plan.mask(self.layout, flat)
            hidden = torch.mm(self.a, flat.t()).t().contiguous() if _few(flat) else torch.mm(flat, self.a.t())
            if flat.shape[0] != mask.shape[0]:
                mask = mask.repeat_interleave(flat.shape[0] // mask.shape[0], dim=0)
            self._hidden = hidden.mul_(mask)
            self._input = x
        found = self._hidden
        if last:
            self._input = self._hidden = None
        return found


class FactorLinear(nn.Linear):
    """An nn.Linear whose Parameters are the base's own, plus the factors of all adapters."""

    shared: Shared
    b: Tensor | None
    columns: slice
    spans: dict[str, slice]
    last: bool

    @classmethod
    def wrap(cls, linear: nn.Linear) -> FactorLinear:
        """Takes over the Parameters of `linear` without copying them."""
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer.in_features, layer.out_features = linear.in_features, linear.out_features
        layer.weight, layer.bias = linear.weight, linear.bias
        layer.train(linear.training)
        layer.b, layer.columns, layer.spans, layer.last = None, slice(0, 0), {}, True
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Base output plus each row's own low-rank change; x [rows, positions, in]."""
        if self.b is None or not self.shared.plan.active:
            return self._base(x)
        plan = self.shared.plan
        if plan.spans is not None:
            return self._by_span(x, plan.spans)
        flat = x.reshape(-1, self.in_features)
        hidden = self.shared.hidden(x, flat, self.last)[:, self.columns]
        if self.bias is None and _few(flat):
            out = torch.mm(self.weight, flat.t()).addmm_(self.b, hidden.t()).t().contiguous()
        else:
            out = functional.linear(flat, self.weight, self.bias).addmm_(hidden, self.b.t())
        return out.view(*x.shape[:-1], self.out_features)

    def _base(self, x: Tensor) -> Tensor:
        if self.bias is None and x.dim() == 3 and _few(flat := x.reshape(-1, self.in_features)):
            return torch.mm(self.weight, flat.t()).t().contiguous().view(*x.shape[:-1], self.out_features)
        return functional.linear(x, self.weight, self.bias)

    def _by_span(self, x: Tensor, spans: tuple[tuple[str, int, int], ...]) -> Tensor:
        out = functional.linear(x, self.weight, self.bias)
        a, b = self.shared.a, self.b
        assert a is not None and b is not None
        for adapter, start, end in spans:
            columns = self.spans.get(adapter)
            if columns is not None:
                hidden = functional.linear(x[start:end], a[columns])
                inner = slice(columns.start - self.columns.start, columns.stop - self.columns.start)
                out[start:end] += functional.linear(hidden, b[:, inner])
        return out


def _few(flat: Tensor) -> bool:
    # Measured on CPU with weights out of cache: for 2 to 8 rows W @ x.T takes half the time of x @ W.T, provided that
    # x is stored row by row; equal or worse beyond.
    return 2 <= flat.shape[0] <= FEW_ROWS and flat.device.type == "cpu"


def install(model: nn.Module, pieces: Mapping[str, Sequence[Piece]], linears: Sequence[str], plan: Plan) -> int:
    """Replaces `linears` of `model` by batched layers holding the factors in `pieces` (by module name).

    Returns:
        Bytes that the factors take.
    """
    size = 0
    for names in families(linears):
        parent = names[0].rpartition(".")[0]
        size += _install_group(model.get_submodule(parent), names, pieces, plan)
    return size


def _install_group(
    parent: nn.Module, names: list[str], pieces: Mapping[str, Sequence[Piece]], plan: Plan
) -> int:
    shared, start, stacked, layout = Shared(plan), 0, [], []
    last: FactorLinear | None = None
    size = 0
    for name in names:
        leaf = name.rpartition(".")[2]
        layer = FactorLinear.wrap(getattr(parent, leaf))
        setattr(parent, leaf, layer)
        layer.shared = shared
        found = pieces.get(name, ())
        if not found:
            continue
        like, begin = layer.weight, start
        for piece in found:
            rank = piece.a.shape[0]
            layer.spans[piece.adapter] = slice(start, start + rank)
            layout.append((piece.adapter, rank))
            stacked.append(torch.from_numpy(piece.a))
            start += rank
        layer.b = torch.cat([torch.from_numpy(p.b) for p in found], dim=1).to(like.device, like.dtype).contiguous()
        layer.columns, layer.last = slice(begin, start), False
        size += layer.b.nbytes
        last = layer
    if last is not None:
        last.last = True
        shared.a = torch.cat(stacked, dim=0).to(last.weight.device, last.weight.dtype).contiguous()
        shared.layout = tuple(layout)
        size += shared.a.nbytes
    return size
