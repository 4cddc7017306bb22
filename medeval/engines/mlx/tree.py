"""The modules of an MLX model under the names transformers gives them, so that one gate serves every engine.

mlx-vlm says `language_model.model.layers.0…`, `vision_tower…` and `mlp.switch_mlp.gate_proj`; transformers says
`model.language_model.layers.0…`, `model.visual…` and `mlp.experts.gate_up_proj` (gate above up, [experts, out, in]).
mlx-lm's text models are named as in transformers, experts apart.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx import nn

_PREFIXES = (
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head", "lm_head"),
    ("vision_tower.", "model.visual."),
)
_HEAD = "lm_head"
_PACKED = ("scales", "biases")


@dataclass(frozen=True)
class Slot:
    """The place of a module in the model: what holds it, and the key it is held under."""

    parent: Any
    key: str | int

    @property
    def module(self) -> Any:
        """The module that stands here now."""
        return self.parent[self.key]

    def put(self, module: Any) -> None:
        """Puts another module here."""
        self.parent[self.key] = module


class AsLinear(nn.Module):  # type: ignore[misc]
    """The head of a tied model: the embedding used as a linear, a module of its own so that it can be adapted."""

    def __init__(self, embedding: Any) -> None:
        super().__init__()
        self.embedding = embedding

    def __call__(self, x: mx.array) -> mx.array:
        """Logits of hidden states; x [..., in]."""
        logits: mx.array = self.embedding.as_linear(x)
        return logits


class Tied(nn.Module):  # type: ignore[misc]
    """A tied embedding whose two uses can change apart: a saved head leaves the embedding alone."""

    def __init__(self, embedding: Any) -> None:
        super().__init__()
        self.embedding = embedding
        self.head = AsLinear(embedding)

    def __call__(self, ids: mx.array) -> mx.array:
        """Embeddings of token ids."""
        embeddings: mx.array = self.embedding(ids)
        return embeddings

    def as_linear(self, x: mx.array) -> mx.array:
        """Logits of hidden states; x [..., in]."""
        logits: mx.array = self.head(x)
        return logits


class Tree:
    """Every module of a model by transformers' name.

    Args:
        model: as mlx-vlm or mlx-lm built it; a tied embedding is taken apart.
    """

    def __init__(self, model: Any) -> None:
        self.slots: dict[str, Slot] = {}
        self._experts: dict[str, tuple[Slot, ...]] = {}
        for path, slot in list(_walk(model)):
            self.slots[transformers_name(path)] = slot
        self._untie()
        self._gather_experts()
        self._homes = dict(self.slots)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter name -> shape as transformers lays it out, packed weights counted unpacked."""
        found: dict[str, tuple[int, ...]] = {}
        for name, slots in self._experts.items():
            count, rows, columns = unpacked(slots[0].module)
            found[name] = (count, rows * len(slots), columns)
        for name, slot in self.slots.items():
            module = slot.module
            if isinstance(module, AsLinear):
                found[f"{name}.weight"] = unpacked(module.embedding)
                continue
            for leaf, value in module.items():
                if isinstance(value, mx.array) and leaf not in (_PACKED if is_packed(module) else ()):
                    shape = unpacked(module) if leaf == "weight" else tuple(value.shape)
                    found[f"{name}.{leaf}"] = _channels_second(shape)
        return found

    def linears(self) -> list[str]:
        """Modules of the text stack whose rows may carry different adapters."""
        return [
            name
            for name, slot in self.slots.items()
            if isinstance(slot.module, nn.Linear | nn.QuantizedLinear | AsLinear) and "visual" not in name
        ]

    def places(self, parameter: str) -> list[tuple[Slot, str]]:
        """Where a parameter lies: module and leaf; the fused experts' gate_up_proj lies in two modules."""
        if parameter in self._experts:
            return [(slot, "weight") for slot in self._experts[parameter]]
        module, _, leaf = parameter.rpartition(".")
        return [(self.slots[module], leaf)]

    def wrap(self, name: str, module: Any) -> None:
        """Puts `module` around the one called `name`; the inner one keeps its name and must lie under `linear`."""
        self._homes[name].put(module)
        self.slots[name] = Slot(module, "linear")

    def _untie(self) -> None:
        if any(name == _HEAD or name.startswith(f"{_HEAD}.") for name in self.slots):
            return
        name = next((n for n in self.slots if n.endswith("model.embed_tokens") or n.endswith(".embed_tokens")), None)
        if name is None:
            return
        slot = self.slots[name]
        tied = Tied(slot.module)
        slot.put(tied)
        self.slots[name], self.slots[_HEAD] = Slot(tied, "embedding"), Slot(tied, "head")

    def _gather_experts(self) -> None:
        for name in [n for n in self.slots if n.endswith(".switch_mlp")]:
            stem = f"{name.removesuffix('switch_mlp')}experts"
            gate, up, down = (self.slots.pop(f"{name}.{leaf}") for leaf in ("gate_proj", "up_proj", "down_proj"))
            self._experts[f"{stem}.gate_up_proj"] = (gate, up)
            self._experts[f"{stem}.down_proj"] = (down,)


def _walk(module: Any, path: str = "") -> Iterator[tuple[str, Slot]]:
    entries = module.items() if isinstance(module, dict) else enumerate(module)
    for key, value in entries:
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(value, nn.Module):
            yield inner, Slot(module, key)
        if isinstance(value, nn.Module | dict | list):
            yield from _walk(value, inner)


def transformers_name(path: str) -> str:
    """What transformers calls the module at `path`."""
    for ours, theirs in _PREFIXES:
        if path.startswith(ours):
            return theirs + path.removeprefix(ours)
    return path


def is_packed(module: Any) -> bool:
    """Whether the module's weight is quantised."""
    return "scales" in module and hasattr(module, "bits")


def unpacked(module: Any) -> tuple[int, ...]:
    """Shape of a module's weight, quantised or not."""
    shape = tuple(int(n) for n in module["weight"].shape)
    return (*shape[:-1], shape[-1] * 32 // int(module.bits)) if is_packed(module) else shape


def _channels_second(shape: tuple[int, ...]) -> tuple[int, ...]:
    # MLX keeps the input channels of a convolution last.
    return (shape[0], shape[-1], *shape[1:-1]) if len(shape) > 3 else shape


def dense_weight(module: Any, leaf: str = "weight") -> mx.array:
    """A parameter in float32, unpacked where the module is quantised, as transformers lays it out."""
    if isinstance(module, AsLinear):
        return dense_weight(module.embedding)
    if leaf == "weight" and is_packed(module):
        packed = {"group_size": module.group_size, "bits": module.bits, "mode": getattr(module, "mode", "affine")}
        weight = mx.dequantize(module["weight"], module["scales"], module.get("biases"), **packed)
        return weight.astype(mx.float32)
    value = module[leaf].astype(mx.float32)
    return mx.moveaxis(value, -1, 1) if value.ndim > 3 else value


def with_parameter(module: Any, leaf: str, value: mx.array) -> Any:
    """A copy of a module that holds `value` (as transformers lays it out) as parameter `leaf`; a packed one unpacks."""
    value = mx.moveaxis(value, 1, -1) if value.ndim > 3 else value
    if leaf == "weight" and isinstance(module, AsLinear):
        return _plain(nn.Linear(1, 1, bias=False), module, value)
    if leaf == "weight" and is_packed(module):
        if isinstance(module, nn.QuantizedEmbedding):
            return _plain(nn.Embedding(1, 1), module, value)
        if value.ndim == 3:
            return _plain(sys.modules[type(module).__module__].SwitchLinear(1, 1, 1, bias=False), module, value)
        return _plain(nn.Linear(1, 1, bias=False), module, value)
    changed = copy.copy(module)
    changed[leaf] = value
    return changed


def _plain(empty: Any, module: Any, weight: mx.array) -> Any:
    empty["weight"] = weight
    if "bias" in module:
        empty["bias"] = module["bias"]
    return empty.eval()


def count_bytes(model: Any) -> int:
    """Memory of a model's arrays, shared ones counted once."""
    seen: dict[int, int] = {}

    def visit(value: Any) -> None:
        if isinstance(value, mx.array):
            seen[id(value)] = int(value.nbytes)
        elif isinstance(value, dict):
            for inner in value.values():
                visit(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                visit(inner)

    visit(model)
    return sum(seen.values())


def count_parameters(shapes: dict[str, tuple[int, ...]]) -> int:
    """Numbers in all parameters together."""
    return sum(math.prod(shape) for shape in shapes.values())
