"""What cannot be batched: whole weights replaced on the resident base while one variant runs, then put back.

DoRA, modules_to_save, LoRA on the vision tower, on embeddings or on experts. The originals are kept, never recomputed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medeval.adapters.dialects import Array, Factor
from medeval.adapters.gate import Checked


@dataclass(frozen=True)
class Change:
    """One parameter's change by one adapter of a stack: a factor, or a whole new value."""

    parameter: str
    factor: Factor | None = None
    value: Array | None = None

    def apply(self, weight: Tensor) -> Tensor:
        """The changed weight in float32; `weight` is left alone."""
        if self.value is not None:
            return torch.from_numpy(self.value).to(weight.device)
        assert self.factor is not None
        base = weight.float()
        a = torch.from_numpy(self.factor.a.copy()).to(weight.device)
        b = torch.from_numpy(self.factor.b.copy()).to(weight.device)
        if self.factor.kind == "experts":
            return base + self._experts(a, b, base)
        delta = (a @ b) * self.factor.scale
        changed = base + (delta if self.factor.kind == "embedding" else delta.T)
        if self.factor.magnitude is None:
            return changed
        magnitude = torch.from_numpy(self.factor.magnitude.copy()).to(weight.device).flatten()
        norm = torch.linalg.vector_norm(changed, dim=1)
        scaled: Tensor = changed * (magnitude / norm)[:, None]
        return scaled

    def _experts(self, a: Tensor, b: Tensor, base: Tensor) -> Tensor:
        """The change of all experts' weights [experts, out, in]; of one half of gate_up_proj where it is fused."""
        assert self.factor is not None
        count = self.factor.experts
        per_expert = a.T.reshape(count, -1, a.shape[0])
        outward = b.T.reshape(b.shape[1], -1, count)
        delta = torch.einsum("ore,eri->eoi", outward, per_expert) * self.factor.scale
        whole = torch.zeros_like(base)
        start = base.shape[1] // 2 if self.factor.half == "second" else 0
        whole[:, start : start + delta.shape[1]] = delta
        return whole


def split(checked: Checked, batchable: Iterable[str]) -> tuple[list[Factor], list[Change], list[str]]:
    """Separates an adapter into factors that can be batched and changes that cannot, with the reasons."""
    allowed = set(batchable)
    factors: list[Factor] = []
    changes: list[Change] = []
    reasons: dict[str, None] = {}
    # Whole values come first: a layer may be saved whole and carry a factor on top.
    for name, value in checked.whole.items():
        changes.append(Change(name, value=value))
        reasons["modules_to_save"] = None
    for factor in checked.factors:
        if factor.module in allowed and factor.magnitude is None and factor.kind == "linear":
            factors.append(factor)
            continue
        experts = factor.kind == "experts"
        changes.append(Change(factor.module if experts else f"{factor.module}.weight", factor=factor))
        if factor.magnitude is not None:
            reasons["DoRA"] = None
        elif factor.kind != "linear":
            reasons["LoRA on the experts" if experts else "LoRA on an embedding"] = None
        elif "visual" in factor.module or "vision" in factor.module:
            reasons["LoRA on the vision tower"] = None
        else:
            reasons[f"LoRA on {factor.module.rpartition('.')[2]}"] = None
    return factors, changes, list(reasons)


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
                changed = change.apply(current).to(current.dtype)
            setattr(module, leaf, nn.Parameter(changed, requires_grad=False))
        yield
    finally:
        for module, leaf, parameter in reversed(originals):
            setattr(module, leaf, parameter)
