"""Logits along a given answer, from an opened engine's own model, adapters and pictures; one function per engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Forward = Callable[[Any, str, Any, Sequence[int]], Floats]
"""(opened, variant, prompt, answer ids) -> logits [answer, vocabulary] that chose each id."""


def forward_torch(opened: Any, variant: str, prompt: Any, answer: Sequence[int]) -> Floats:
    """One pass over prompt and answer without a cache."""
    import torch

    base = opened.base
    opened.batch.switch(variant if variant in opened.switched else "")
    opened.batch.plan.assign([variant], prefill=True)
    ids = torch.cat([prompt.ids, torch.tensor(list(answer), dtype=torch.long)])[None].to(base.device)
    given: dict[str, Any] = {}
    if prompt.pixels is not None:
        given = {
            "pixel_values": prompt.pixels.values.to(base.device),
            "image_grid_thw": prompt.pixels.grid.to(base.device),
            "mm_token_type_ids": (ids == opened.encoder.image_id).int(),
        }
    with torch.inference_mode():
        out: Any = base.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **given)
        kept = out.logits[0, len(prompt) - 1 : -1].float().cpu().numpy()
    opened.batch.switch("")
    return np.asarray(kept, dtype=np.float32)


def forward_mlx(opened: Any, variant: str, prompt: Any, answer: Sequence[int]) -> Floats:
    """One pass over prompt and answer without a cache."""
    import mlx.core as mx

    base, batch = opened.base, opened.batch
    batch.switch(variant if variant in opened.switched else "")
    batch.plan.assign([variant], prefill=True)
    ids = np.concatenate([prompt.ids, np.asarray(answer, dtype=np.int32)])[None].astype(np.int32)
    if base.sees:
        logits = _seeing(opened, prompt, ids, mx)
    else:
        logits = base.model(mx.array(ids))
    kept = np.array(logits[0, len(prompt) - 1 : -1].astype(mx.float32))
    batch.switch("")
    return kept


def _seeing(opened: Any, prompt: Any, ids: NDArray[np.int32], mx: Any) -> Any:
    """As mlx-vlm's Model does, with the engine's own positions."""
    language = opened.base.model.language_model
    tokens = mx.array(ids)
    embeds = language.model.embed_tokens(tokens)
    extra: dict[str, Any] = {}
    if prompt.pixels is not None:
        made = opened.batch.features(prompt.pixels)
        marks = ids == opened.encoder.image_id
        flat = embeds.reshape(-1, embeds.shape[-1])
        flat[mx.array(np.flatnonzero(marks).astype(np.uint32))] = made.tokens.astype(flat.dtype)
        embeds = flat.reshape(embeds.shape)
        if made.deep:
            extra = {"visual_pos_masks": mx.array(marks), "deepstack_visual_embeds": list(made.deep)}
    rest = ids.shape[1] - len(prompt)
    following = np.arange(prompt.next_position, prompt.next_position + rest, dtype=np.int32)
    positions = np.concatenate([prompt.positions, np.broadcast_to(following, (3, rest))], axis=1)[:, None]
    hidden = language.model(tokens, inputs_embeds=embeds, position_ids=mx.array(positions), **extra)
    head = language.get("lm_head")
    return head(hidden) if head is not None else language.model.embed_tokens.as_linear(hidden)
