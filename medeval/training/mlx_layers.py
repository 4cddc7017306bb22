"""LoRA layers of mlx-lm around the modules of a base, with dropout whose masks depend on the step alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from medeval.adapters.dialects import Factor
from medeval.adapters.forms import to_mlx_name
from medeval.engines.mlx.tree import AsLinear, Slot, Tree, unpacked

_SWITCH = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}


class Masks:
    """The random key of the running forward pass, given to every dropout layer.

    MLX draws dropout from one global state, and draws again where gradient checkpointing computes a layer twice. With
    keys of (seed, step, part, layer) the masks are the same then, and the same after a resume.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.key = mx.random.key(seed)

    def choose(self, step: int, part: int) -> None:
        """Takes the masks of micro-batch `part` of optimizer step `step`."""
        number = np.random.SeedSequence((self._seed, step, part)).generate_state(1, np.uint64)[0]
        self.key = mx.random.key(int(number))


class KeyedDropout(nn.Module):  # type: ignore[misc]
    """Dropout with the masks of `Masks`; `index` tells layers apart."""

    def __init__(self, share: float, masks: Masks, index: int) -> None:
        super().__init__()
        self._share, self._masks, self._index = share, masks, index

    def __call__(self, x: mx.array) -> mx.array:
        """Zeroes a share of x and scales the rest up, while training."""
        if not self.training or not self._share:
            return x
        key = mx.random.split(self._masks.key, self._index + 1)[self._index]
        kept = mx.random.bernoulli(1 - self._share, x.shape, key=key)
        return mx.where(kept, x / (1 - self._share), 0).astype(x.dtype)


@dataclass
class Places:
    """Where every trained tensor lies: its name in the adapter's file -> module and leaf."""

    found: dict[str, tuple[Any, str]] = field(default_factory=dict)
    layers: list[Any] = field(default_factory=list)
    """The LoRA layers of the new adapter."""
    modules: list[str] = field(default_factory=list)
    """Their names in the MLX dialect, for its configuration."""

    def add(self, name: str, layer: Any) -> None:
        """Takes in a LoRA layer under its module's name."""
        self.layers.append(layer)
        self.modules.append(name)
        for leaf in ("lora_a", "lora_b"):
            self.found[f"{name}.{leaf}"] = (layer, leaf)


def add_below(tree: Tree, factors: Sequence[Sequence[Factor]], dtype: mx.Dtype) -> dict[str, Any]:
    """Wraps linears in the frozen factors of the adapters below, all of a module side by side along the rank.

    Returns:
        Module name -> its new layer.
    """
    from mlx_lm.tuner.lora import LoRALinear

    by_module: dict[str, list[Factor]] = {}
    for adapter in factors:
        for factor in adapter:
            by_module.setdefault(factor.module, []).append(factor)
    made: dict[str, Any] = {}
    for name, parts in by_module.items():
        inside = tree.slots[name].module
        rows, columns = linear_shape(inside)
        layer = LoRALinear(columns, rows, sum(part.rank for part in parts), 0.0, 1.0)
        layer.linear = inside
        layer.lora_a = mx.array(np.concatenate([part.a for part in parts], axis=1)).astype(dtype)
        scaled = [part.b * np.float32(part.scale) for part in parts]
        layer.lora_b = mx.array(np.concatenate(scaled, axis=0)).astype(dtype)
        tree.wrap(name, layer)
        made[name] = layer
    return made


def add_new(tree: Tree, names: Sequence[str], below: Mapping[str, Any], sees: bool, rank: int, scale: float) -> Places:
    """Wraps linears in the factors that are trained: A drawn as PEFT and mlx-lm draw it, B zero, both float32."""
    from mlx_lm.tuner.lora import LoRALinear

    places = Places()
    for name in names:
        inside = below.get(name, tree.slots[name].module)
        rows, columns = linear_shape(tree.slots[name].module if name not in below else inside.linear)
        layer = LoRALinear(columns, rows, rank, 0.0, scale)
        layer.linear = inside
        tree.wrap(name, layer)
        places.add(to_mlx_name(name, sees), layer)
    return places


def add_experts(tree: Tree, parameters: Sequence[str], sees: bool, rank: int, scale: float, places: Places) -> None:
    """The same for fused expert parameters: MLX keeps gate, up and down in layers of their own."""
    from mlx_lm.tuner.lora import LoRASwitchLinear

    for parameter in parameters:
        stem, _, leaf = parameter.rpartition(".")
        path = to_mlx_name(stem.removesuffix("experts") + "switch_mlp", sees)
        for (slot, _), own in zip(tree.places(parameter), _SWITCH[leaf], strict=True):
            count, rows, columns = unpacked(slot.module)
            layer = LoRASwitchLinear(columns, rows, count, rank, 0.0, scale)
            layer.linear = slot.module
            slot.put(layer)
            places.add(f"{path}.{own}", layer)


def linear_shape(module: Any) -> tuple[int, int]:
    """(out, in) of a linear, packed or not, or of a tied head."""
    rows, columns = unpacked(module.embedding if isinstance(module, AsLinear) else module)
    return rows, columns


def own_copy(slot: Slot) -> Any:
    """Puts an unpacked copy of a module in its place, so that training it changes nobody who shares it."""
    from medeval.engines.mlx.tree import dense_weight, with_parameter

    module = slot.module
    made = with_parameter(module, "weight", dense_weight(module))
    if "bias" in made:
        made["bias"] = made["bias"].astype(mx.float32)
    # a shallow copy shares the set of frozen leaves
    made._no_grad = set()
    slot.put(made)
    return made
