"""Opening a base with its variants: load, gate, install factors, probe, and write the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.variant import Variant
from medeval.engines import worker
from medeval.engines.contract import BaseRef, Receipt
from medeval.engines.folders import package_versions
from medeval.engines.gating import PROBE, Change, badges, pass_gate
from medeval.engines.torch.batch import Batch
from medeval.engines.torch.encoding import Encoder, Pixels
from medeval.engines.torch.factors import Plan, install
from medeval.engines.torch.loading import Loaded, batchable_linears, load_base
from medeval.engines.torch.overrides import applied

_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")


Opened = worker.Opened[Loaded, Batch, Encoder]


def open_base(reference: BaseRef, variants: Sequence[Variant]) -> Opened:
    """Loads a base and its variants; those that fail the gate are in the receipt's `refused`.

    Raises:
        EngineError: the base cannot be loaded.
    """
    base = load_base(reference)
    fingerprint = base_fingerprint(base.folder)
    linears = batchable_linears(base.model)
    shapes = {n: tuple(p.shape) for n, p in base.model.named_parameters(remove_duplicate=False)}
    stacks = pass_gate(variants, shapes, fingerprint, linears)
    plan = Plan(stacks=stacks.names())
    size = install(base.model, stacks.pieces(), linears, plan)
    changes = {n: stacks.changes_of(v) for n, v in stacks.variants.items()}
    encoder, batch = Encoder(base), Batch(base, plan, changes)
    with torch.inference_mode():
        found = badges(stacks, _probe(base, plan, changes))
    receipt = Receipt(
        engine="torch", base=reference.path, base_fingerprint=fingerprint,
        dtype=str(base.dtype).removeprefix("torch."), device=str(base.device),
        variants=found, refused=stacks.refused, template_sha256=base.template_sha256,
        packages=package_versions(_PACKAGES), notes=stacks.notes(base.sees),
    )  # fmt: skip
    return Opened(base, batch, encoder, changes, receipt, _count_bytes(base.model), size)


def _count_bytes(model: nn.Module) -> int:
    """Memory of a model's parameters and buffers, shared ones counted once."""
    return sum({t.data_ptr(): t.nbytes for t in [*model.parameters(), *model.buffers()]}.values())


def _probe(base: Loaded, plan: Plan, changes: Mapping[str, Sequence[Change]]) -> dict[str, float]:
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
        if moved[name] == 0 and base.sees and any(c.on_vision for c in changes[name]):
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
    made = Batch(base, Plan()).see(Pixels((), values, grid))
    return torch.cat(list(made.pooler_output)).float()
