"""What cannot be batched: other modules stand in the base's place while one variant runs, then the base's own again.

DoRA, modules_to_save, LoRA on the vision tower, on embeddings or on experts. Modules are exchanged, never written over;
a quantised layer is unpacked for the change and stays packed in the base.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from medeval.adapters.dialects import Factor
from medeval.engines.gating import Change
from medeval.engines.mlx.tree import Slot, Tree, dense_weight, with_parameter


@contextmanager
def applied(tree: Tree, changes: Sequence[Change], dtype: mx.Dtype) -> Iterator[None]:
    """Lets the changes stand in the model inside the block."""
    originals: list[tuple[Slot, Any]] = []
    try:
        for change in changes:
            places = tree.places(change.parameter)
            weights = [dense_weight(slot.module, leaf) for slot, leaf in places]
            whole = _changed(change, mx.concatenate(weights, axis=1) if len(weights) > 1 else weights[0])
            parts = mx.split(whole, len(places), axis=1) if len(places) > 1 else [whole]
            for (slot, leaf), part in zip(places, parts, strict=True):
                originals.append((slot, slot.module))
                value = mx.contiguous(part.astype(dtype))
                mx.eval(value)
                slot.put(with_parameter(slot.module, leaf, value))
        yield
    finally:
        for slot, module in reversed(originals):
            slot.put(module)


def _changed(change: Change, weight: mx.array) -> mx.array:
    """The changed parameter in float32."""
    if change.value is not None:
        return mx.array(change.value)
    factor = change.factor
    assert factor is not None
    if factor.kind == "experts":
        return weight + _experts(factor, weight)
    delta = (mx.array(factor.a) @ mx.array(factor.b)) * factor.scale
    changed = weight + (delta if factor.kind == "embedding" else delta.T)
    if factor.magnitude is None:
        return changed
    norm = mx.linalg.norm(changed, axis=1)
    return changed * (mx.array(factor.magnitude).flatten() / norm)[:, None]


def _experts(factor: Factor, weight: mx.array) -> mx.array:
    """The change of all experts' weights [experts, out, in]; of one half of gate_up_proj where that is meant."""
    a, b, count = mx.array(factor.a), mx.array(factor.b), factor.experts
    inward = a.T.reshape(count, -1, a.shape[0])
    outward = b.T.reshape(b.shape[1], -1, count).transpose(2, 0, 1)
    delta = (outward @ inward) * factor.scale
    if not factor.half:
        return delta
    rest = mx.zeros((count, weight.shape[1] - delta.shape[1], weight.shape[2]))
    return mx.concatenate([rest, delta] if factor.half == "second" else [delta, rest], axis=1)
