"""What cannot be batched: whole weights replaced on the resident base while one variant runs, then put back.

DoRA, modules_to_save, LoRA on the vision tower, on embeddings or on experts. The originals are kept, never recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from medeval.adapters.dialects import Factor
from medeval.engines.gating import Change


def changed(change: Change, weight: Tensor) -> Tensor:
    """The changed weight in float32; `weight` is left alone."""
    if change.value is not None:
        return torch.from_numpy(change.value).to(weight.device)
    factor = change.factor
    assert factor is not None
    base = weight.float()
    a = torch.from_numpy(factor.a.copy()).to(weight.device)
    b = torch.from_numpy(factor.b.copy()).to(weight.device)
    if factor.kind == "experts":
        return base + _experts(factor, a, b, base)
    delta = (a @ b) * factor.scale
    moved = base + (delta if factor.kind == "embedding" else delta.T)
    if factor.magnitude is None:
        return moved
    magnitude = torch.from_numpy(factor.magnitude.copy()).to(weight.device).flatten()
    norm = torch.linalg.vector_norm(moved, dim=1)
    scaled: Tensor = moved * (magnitude / norm)[:, None]
    return scaled


def _experts(factor: Factor, a: Tensor, b: Tensor, base: Tensor) -> Tensor:
    """The change of all experts' weights [experts, out, in]; of one half of gate_up_proj where it is fused."""
    count = factor.experts
    per_expert = a.T.reshape(count, -1, a.shape[0])
    outward = b.T.reshape(b.shape[1], -1, count)
    delta = torch.einsum("ore,eri->eoi", outward, per_expert) * factor.scale
    whole = torch.zeros_like(base)
    start = base.shape[1] // 2 if factor.half == "second" else 0
    whole[:, start : start + delta.shape[1]] = delta
    return whole


@contextmanager
def applied(model: nn.Module, changes: Sequence[Change]) -> Iterator[None]:
    """Puts changed weights in the place of the base's inside the block; then the base's own stand there again.

    The Parameter is exchanged, not written over, so a tied weight (embedding and head) changes only where it was meant.
    """
    originals: list[tuple[nn.Module, str, nn.Parameter]] = []
    try:
        for change in changes:
            path, _, leaf = change.parameter.rpartition(".")
            module = model.get_submodule(path)
            current = getattr(module, leaf)
            originals.append((module, leaf, current))
            with torch.no_grad():
                value = changed(change, current).to(current.dtype)
            setattr(module, leaf, nn.Parameter(value, requires_grad=False))
        yield
    finally:
        for module, leaf, parameter in reversed(originals):
            setattr(module, leaf, parameter)
