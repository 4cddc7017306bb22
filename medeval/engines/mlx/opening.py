"""Opening a base with its variants on MLX: load, gate, install factors, probe, and write the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.variant import Variant
from medeval.engines import worker
from medeval.engines.contract import BaseRef, Receipt
from medeval.engines.folders import package_versions
from medeval.engines.gating import PROBE, Change, badges, pass_gate
from medeval.engines.mlx.batch import Batch
from medeval.engines.mlx.encoding import Encoder, Pixels
from medeval.engines.mlx.factors import install
from medeval.engines.mlx.loading import Loaded, load_base
from medeval.engines.mlx.tree import count_bytes
from medeval.engines.plan import Plan

_PACKAGES = ("mlx", "mlx-lm", "mlx-vlm", "transformers", "tokenizers")


Opened = worker.Opened[Loaded, Batch, Encoder]


def open_base(reference: BaseRef, variants: Sequence[Variant]) -> Opened:
    """Loads a base and its variants; those that fail the gate are in the receipt's `refused`.

    Raises:
        EngineError: the base cannot be loaded.
    """
    base = load_base(reference)
    base_bytes = count_bytes(base.model)
    fingerprint = base_fingerprint(base.folder)
    stacks = pass_gate(variants, base.tree.shapes(), fingerprint, base.tree.linears())
    plan = Plan(stacks=stacks.names())
    size = install(base.tree, stacks.pieces(), plan, base.dtype)
    changes = {name: stacks.changes_of(variant) for name, variant in stacks.variants.items()}
    encoder, batch = Encoder(base), Batch(base, plan, changes)
    found = badges(stacks, _probe(base, batch, plan, changes))
    notes = stacks.notes(base.sees)
    if base.bits:
        notes += (f"基础模型 {base.bits} 位量化，适配器为浮点 / {base.bits}-bit base, adapters not quantised",)
    receipt = Receipt(
        engine="mlx", base=reference.path, base_fingerprint=fingerprint, dtype=base.dtype_name,
        device="cpu" if mx.default_device() == mx.cpu else "gpu", variants=found, refused=stacks.refused,
        template_sha256=base.template_sha256, packages=package_versions(_PACKAGES), notes=notes,
    )  # fmt: skip
    return Opened(base, batch, encoder, changes, receipt, base_bytes, size)


def _probe(base: Loaded, batch: Batch, plan: Plan, changes: Mapping[str, Sequence[Change]]) -> dict[str, float]:
    """Largest |logit change| of each variant against the base on fixed tokens (and a fixed image where needed)."""
    ids = np.asarray([base.tokenizer.encode(PROBE, add_special_tokens=False)], dtype=np.int32)
    plan.assign([""], prefill=True)
    reference = batch.logits(ids)
    mx.eval(reference)
    ramp = _ramp(base) if base.sees else None
    moved: dict[str, float] = {}
    for name, stack in plan.stacks.items():
        if not stack:
            continue
        batch.switch(name)
        plan.assign([name], prefill=True)
        moved[name] = _largest(batch.logits(ids), reference)
        if moved[name] == 0 and ramp is not None and any(c.on_vision for c in changes[name]):
            changed = batch.see(ramp).tokens
            batch.switch("")
            moved[name] = _largest(changed, batch.see(ramp).tokens)
        batch.switch("")
    return moved


def _largest(one: mx.array, other: mx.array) -> float:
    return float(np.abs(np.array(one.astype(mx.float32)) - np.array(other.astype(mx.float32))).max())


def _ramp(base: Loaded) -> Pixels:
    """A fixed grey ramp as the vision tower takes it."""
    vision: dict[str, Any] = base.config["vision_config"]
    side = 2 * int(vision["spatial_merge_size"])
    channels = int(vision.get("in_channels", vision.get("in_chans", 3)))
    width = channels * int(vision.get("temporal_patch_size", 2)) * int(vision["patch_size"]) ** 2
    values = np.linspace(-1, 1, side * side * width, dtype=np.float32).reshape(side * side, width)
    return Pixels((), values, np.array([[1, side, side]]))
