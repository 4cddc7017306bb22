"""Opening a base with its variants: load, gate, install factors, probe, and write the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medeval.adapters.dialects import Factor
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Adapter, Variant
from medeval.engines.contract import BaseRef, Receipt
from medeval.engines.contract import Loaded as Badge
from medeval.engines.torch.batch import Batch
from medeval.engines.torch.encoding import Encoder, Pixels
from medeval.engines.torch.factors import Piece, Plan, install
from medeval.engines.torch.loading import Loaded, batchable_linears, load_base, package_versions
from medeval.engines.torch.overrides import Change, applied, split
from medeval.errors import AdapterError

PROBE = "血压140/90 mmHg，需要担心吗？Is 7.2 mmol/L high?"


@dataclass
class Opened:
    """A loaded base with everything its variants need."""

    base: Loaded
    batch: Batch
    encoder: Encoder
    changes: Mapping[str, Sequence[Change]]
    receipt: Receipt
    factor_bytes: int
    """Memory that all adapters together take."""

    @property
    def base_bytes(self) -> int:
        """Memory of the base's parameters and buffers, shared ones counted once."""
        model = self.base.model
        kept = {t.data_ptr(): t.nbytes for t in [*model.parameters(), *model.buffers()]}
        return sum(kept.values())

    def unusable(self, variant: str) -> str | None:
        """Why a variant cannot be asked, or None."""
        if variant in self.receipt.refused:
            return f"版本 {variant} 未通过检查 / was refused: " + "; ".join(self.receipt.refused[variant])
        names = [v.variant for v in self.receipt.variants]
        return None if variant in names else f"没有版本 {variant}；可用 / unknown variant, known: {', '.join(names)}"


@dataclass
class _Stacks:
    """The variants that passed the gate, taken apart into what is batched and what is switched."""

    variants: dict[str, Variant] = field(default_factory=dict)
    checked: dict[str, Checked] = field(default_factory=dict)
    factors: dict[str, list[Factor]] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)

    def changes_of(self, variant: Variant) -> list[Change]:
        return [c for adapter in variant.stack for c in self.changes[_key(adapter)]]


def _key(adapter: Adapter) -> str:
    return str(adapter.path)


def open_base(reference: BaseRef, variants: Sequence[Variant]) -> Opened:
    """Loads a base and its variants; those that fail the gate are in the receipt's `refused`.

    Raises:
        EngineError: the base cannot be loaded.
    """
    base = load_base(reference)
    fingerprint = base_fingerprint(base.folder)
    linears = batchable_linears(base.model)
    stacks = _gate(base, variants, fingerprint, linears)
    plan = Plan(stacks={n: tuple(_key(a) for a in v.stack) for n, v in stacks.variants.items()})
    size = install(base.model, _pieces(stacks), linears, plan)
    encoder, batch = Encoder(base), Batch(base, plan)
    changes = {n: stacks.changes_of(v) for n, v in stacks.variants.items()}
    with torch.inference_mode():
        moved = _probe(base, batch, encoder, plan, changes)
    badges = _badges(stacks, moved)
    receipt = Receipt(
        engine="torch", base=reference.path, base_fingerprint=fingerprint,
        dtype=str(base.dtype).removeprefix("torch."), device=str(base.device),
        variants=badges, refused=stacks.refused, template_sha256=base.template_sha256,
        packages=package_versions(), notes=_notes(base, stacks),
    )  # fmt: skip
    return Opened(base, batch, encoder, changes, receipt, size)


def _gate(base: Loaded, variants: Sequence[Variant], fingerprint: str, linears: list[str]) -> _Stacks:
    shapes = {n: tuple(p.shape) for n, p in base.model.named_parameters(remove_duplicate=False)}
    stacks = _Stacks()
    for variant in variants:
        problems: list[str] = []
        for adapter in variant.stack:
            key = _key(adapter)
            if key in stacks.checked:
                continue
            try:
                checked = check_adapter(adapter, shapes, fingerprint)
            except AdapterError as error:
                problems.extend(error.problems)
                continue
            except OSError as error:
                problems.append(f"{adapter.name}: 无法读取 / cannot be read: {error.strerror}")
                continue
            stacks.checked[key] = checked
            stacks.factors[key], stacks.changes[key], stacks.reasons[key] = split(checked, linears)
        if problems:
            stacks.refused[variant.name] = problems
        else:
            stacks.variants[variant.name] = variant
    return stacks


def _pieces(stacks: _Stacks) -> dict[str, list[Piece]]:
    """Factors by module, in the order of the adapters; a later adapter of a stack stands right of the earlier."""
    used = dict.fromkeys(_key(a) for v in stacks.variants.values() for a in v.stack)
    pieces: dict[str, list[Piece]] = {}
    for key in used:
        for factor in stacks.factors[key]:
            a = torch.from_numpy(np.ascontiguousarray(factor.a.T))
            b = torch.from_numpy(np.ascontiguousarray(factor.b.T * np.float32(factor.scale)))
            pieces.setdefault(factor.module, []).append(Piece(key, a, b))
    return pieces


def _probe(
    base: Loaded, batch: Batch, encoder: Encoder, plan: Plan, changes: Mapping[str, Sequence[Change]]
) -> dict[str, float]:
    """Largest |logit change| of each variant against the base on fixed tokens (and a fixed image where needed)."""
    ids = torch.tensor([base.tokenizer.encode(PROBE, add_special_tokens=False)], device=base.device)
    plan.assign([""], prefill=True)
    reference = _logits(base, ids)
    picture: Tensor | None = None
    moved: dict[str, float] = {}
    for name, stack in plan.stacks.items():
        if not stack:
            continue
        with applied(base.model, changes[name]):
            plan.assign([name], prefill=True)
            moved[name] = float((_logits(base, ids) - reference).abs().max())
        if moved[name] == 0 and base.sees and any("visual" in c.parameter for c in changes[name]):
            picture = _seen(base) if picture is None else picture
            with applied(base.model, changes[name]):
                moved[name] = float((_seen(base) - picture).abs().max())
    return moved


def _logits(base: Loaded, ids: Tensor) -> Tensor:
    result: Any = base.model(input_ids=ids, use_cache=False)
    return result.logits[0].float()  # type: ignore[no-any-return]


def _seen(base: Loaded) -> Tensor:
    """The vision tower's output for a fixed grey ramp."""
    vision = base.model.config.vision_config
    side = 2 * int(vision.spatial_merge_size)
    width = int(vision.in_channels * vision.temporal_patch_size * vision.patch_size**2)
    values = torch.linspace(-1, 1, side * side * width).reshape(side * side, width)
    grid = torch.tensor([[1, side, side]])
    made = Batch(base, Plan()).features(Pixels((), values, grid))
    return torch.cat(list(made.pooler_output)).float()


def _badges(stacks: _Stacks, moved: dict[str, float]) -> tuple[Badge, ...]:
    badges: list[Badge] = []
    for name, variant in list(stacks.variants.items()):
        if variant.is_base:
            badges.append(Badge(name, "base", 0, 0))
            continue
        if not moved[name] > 0:
            stacks.refused[name] = [
                f"{name}: 没有起作用，探测输出与基础模型相同 / changes nothing on the probe"
            ]
            continue
        badges.append(_badge(name, variant, stacks, moved[name]))
    return tuple(badges)


def _badge(name: str, variant: Variant, stacks: _Stacks, change: float) -> Badge:
    parts = [stacks.checked[_key(a)] for a in variant.stack]
    reasons = dict.fromkeys(r for a in variant.stack for r in stacks.reasons[_key(a)])
    matched = sum(_tensors(c) for c in parts)
    badge = Badge(
        name, "switched" if reasons else "batched", matched, sum(c.lora.tensors for c in parts),
        rank=sum(max((f.rank for f in c.factors), default=0) for c in parts),
        scale=max((f.scale for f in parts[-1].factors), default=0.0), logit_change=change,
        dialect="+".join(dict.fromkeys(c.lora.dialect for c in parts)), sha256=parts[-1].sha256,
    )  # fmt: skip
    return replace(badge, why_switched=", ".join(reasons))


def _tensors(checked: Checked) -> int:
    return sum(2 + (f.magnitude is not None) for f in checked.factors) + len(checked.whole)


def _notes(base: Loaded, stacks: _Stacks) -> tuple[str, ...]:
    notes = [note for checked in stacks.checked.values() for note in checked.lora.notes]
    if not base.sees:
        notes.append("文字模型，不能看图 / text-only model")
    return tuple(dict.fromkeys(notes))
