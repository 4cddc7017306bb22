"""The model under training on MLX: base (packed where asked), frozen adapters below, and the new adapter on top.

The base comes from the MLX engine's loader, so training sees what answers come from. Factors stay floating point
whatever the base's bits; nothing is fused or packed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from medeval.adapters.dialects import MLX_FILE, Factor, read_adapter
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.forms import mlx_form, to_mlx_name
from medeval.adapters.gate import check_adapter
from medeval.adapters.variant import Adapter
from medeval.engines.contract import BaseRef
from medeval.engines.gating import split
from medeval.engines.mlx.encoding import Encoder
from medeval.engines.mlx.loading import Loaded, load_base
from medeval.engines.mlx.overrides import applied
from medeval.engines.mlx.tree import AsLinear, Tree
from medeval.errors import UsageError
from medeval.training.config import TrainConfig
from medeval.training.exchanges import scaled_down
from medeval.training.mlx_data import MicroBatch
from medeval.training.mlx_layers import KeyedDropout, Masks, Places, add_below, add_experts, add_new, own_copy
from medeval.training.targets import Skeleton, Targets, find_targets

Values = dict[str, mx.array]
"""Trained tensors by their name in the adapter's file, float32."""
_GROUP = 64
_UNPACKED = ("vision", "visual", "lm_head", "embed_tokens")


@dataclass
class Trainee:
    """A model ready to be trained. `values` are the trained numbers; `put` lets them act in the model."""

    base: Loaded
    encoder: Encoder
    """For training: images scaled down to the run's size."""
    asker: Encoder
    """For answers: images as Compare shows them to the model."""
    fingerprint: str
    targets: Targets
    places: Places
    masks: Masks
    values: Values
    start: Values
    """As they were before the first step."""
    rank: int
    scale: float

    @property
    def trained(self) -> int:
        """Numbers that training changes."""
        return sum(int(value.size) for value in self.values.values())

    @property
    def device(self) -> str:
        """Where MLX works: cpu or gpu."""
        return "cpu" if mx.default_device() == mx.cpu else "gpu"

    def put(self, values: Mapping[str, mx.array]) -> None:
        """Lets these numbers act in the model; factors in float32, modules trained whole in the base's type."""
        for name, (module, leaf) in self.places.found.items():
            value = values[name]
            module[leaf] = value if leaf.startswith("lora_") else value.astype(self.base.dtype)

    @contextmanager
    def below_only(self) -> Iterator[None]:
        """Inside the block the model below the new adapter answers: no factors, modules trained whole as they were."""
        for layer in self.places.layers:
            layer.scale = 0.0
        self.put(self.start)
        try:
            yield
        finally:
            for layer in self.places.layers:
                layer.scale = self.scale

    def save(self, folder: Path) -> None:
        """Writes the adapter in the MLX dialect, as mlx-lm, mlx-vlm and both engines read it."""
        mx.save_safetensors(str(folder / MLX_FILE), self.values, metadata={"format": "mlx"})
        config = {
            "fine_tune_type": "lora", "num_layers": -1,
            "lora_parameters": {
                "rank": self.rank, "scale": self.scale, "dropout": 0.0, "keys": self.places.modules,
            },
        }  # fmt: skip
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1), "utf-8")

    def load(self, folder: Path) -> None:
        """Takes the numbers of an adapter folder of either dialect; raises UsageError where they do not fit."""
        if (folder / MLX_FILE).is_file():
            found = mx.load(str(folder / MLX_FILE))
            assert isinstance(found, dict)
        else:
            form = mlx_form(read_adapter(folder), {})
            found = {form.names[key]: mx.array(value) for key, value in form.tensors.items()}
        odd = [n for n, v in self.values.items() if n not in found or found[n].shape != v.shape]
        if odd or len(found) != len(self.values):
            raise UsageError(
                f"{folder.name} 的权重与 targets/rank 不符（{len(odd)} 处，如 {next(iter(odd), '–')}）"
                f" / the weights of {folder.name} do not fit the targets and the rank of this run"
                f" ({len(odd)} places, such as {next(iter(odd), '–')})"
            )
        self.values = {name: found[name].astype(mx.float32) for name in self.values}
        self.put(self.values)
        mx.eval(self.values)

    def logits(self, batch: MicroBatch) -> mx.array:
        """Logits of the positions that hold answers, [rows, keep, vocabulary]."""
        tokens = mx.array(batch.ids)
        if not self.base.sees:
            # families scale or cap their logits in ways of their own: the model's own call knows them
            whole: mx.array = self.base.model(tokens)
            return whole[:, -batch.keep :]
        language = self.base.model.language_model
        embeds: mx.array = language.model.embed_tokens(tokens)
        extra: dict[str, Any] = {}
        if batch.pixels:
            embeds, extra = self._seen(batch, embeds)
        hidden = language.model(tokens, inputs_embeds=embeds, position_ids=mx.array(batch.positions), **extra)
        hidden, head = hidden[:, -batch.keep :], language.get("lm_head")
        found: mx.array = head(hidden) if head is not None else language.model.embed_tokens.as_linear(hidden)
        return found

    def _seen(self, batch: MicroBatch, embeds: mx.array) -> tuple[mx.array, dict[str, Any]]:
        """Embeddings with the images in their places, and what DeepStack adds in later layers."""
        values = np.concatenate([pixels.values for pixels in batch.pixels])
        grid = np.concatenate([pixels.grid for pixels in batch.pixels]).astype(np.int32)
        made = self.base.model.vision_tower(mx.array(values).astype(self.base.dtype), mx.array(grid))
        tokens, deep = made if isinstance(made, tuple) else (made, ())
        marks = batch.ids == int(self.base.config["image_token_id"])
        flat = embeds.reshape(-1, embeds.shape[-1])
        flat[mx.array(np.flatnonzero(marks).astype(np.uint32))] = tokens.astype(embeds.dtype)
        extra = {"visual_pos_masks": mx.array(marks), "deepstack_visual_embeds": list(deep)} if len(deep) else {}
        return flat.reshape(embeds.shape), extra


def load_trainee(config: TrainConfig, reference: BaseRef, stack: Sequence[Adapter]) -> Trainee:
    """Loads everything a run trains on.

    Raises:
        EngineError: the base cannot be loaded. AdapterError: an adapter below does not fit.
        TargetError: a target matches nothing. UsageError: the base is packed in other bits already.
    """
    mx.random.seed(config.seed)
    wanted = config.dtype if config.dtype != "auto" else reference.dtype
    base = _packed(load_base(replace(reference, dtype=wanted)), config)
    fingerprint = base_fingerprint(base.folder)
    targets = find_targets(skeleton_of(base.tree), config.targets, config.modules_to_save)
    below = _read_stack(base, stack, fingerprint)
    base.model.freeze()
    scale = config.alpha / config.rank
    frozen = add_below(base.tree, below, base.dtype)
    whole = {name: own_copy(base.tree.slots[name]) for name in targets.whole}
    places = add_new(base.tree, targets.modules, frozen, base.sees, config.rank, scale)
    add_experts(base.tree, targets.parameters, base.sees, config.rank, scale, places)
    for name, module in whole.items():
        places.found |= {to_mlx_name(f"{name}.{leaf}", base.sees): (module, leaf) for leaf in _arrays(module)}
    masks = Masks(config.seed)
    _open_for_training(base, places, config, masks)
    values = {name: module[leaf].astype(mx.float32) for name, (module, leaf) in places.found.items()}
    encoder = Encoder(replace(base, image_processor=scaled_down(base.image_processor, config.image_size)))
    asker = Encoder(base)
    made = Trainee(base, encoder, asker, fingerprint, targets, places, masks, values, values, config.rank, scale)
    made.put(values)
    mx.eval(base.model.parameters(), values)
    return made


def skeleton_of(tree: Tree) -> Skeleton:
    """Names of a model that runs choose their targets from, as transformers has them."""
    shapes = tree.shapes()
    linears: dict[str, tuple[int, int]] = {}
    others: list[str] = []
    for name, slot in tree.slots.items():
        module = slot.module
        if isinstance(module, nn.Linear | nn.QuantizedLinear | AsLinear):
            rows, columns = shapes[f"{name}.weight"]
            linears[name] = (rows, columns)
        elif "weight" in module and all(value.ndim < 3 for value in module.values() if isinstance(value, mx.array)):
            others.append(name)
    return Skeleton(linears, tuple(n for n, s in shapes.items() if len(s) == 3 and "experts" in n), tuple(others))


def _arrays(module: Any) -> list[str]:
    return [leaf for leaf, value in module.items() if isinstance(value, mx.array)]


def _read_stack(base: Loaded, stack: Sequence[Adapter], fingerprint: str) -> list[list[Factor]]:
    """Factors of each adapter below; what is no low-rank change of a linear is put into the model in memory."""
    shapes, linears = base.tree.shapes(), base.tree.linears()
    found = []
    for adapter in stack:
        factors, changes, _ = split(check_adapter(adapter, shapes, fingerprint), linears)
        # never taken back: the process ends with the run
        ExitStack().enter_context(applied(base.tree, changes, base.dtype))
        found.append(factors)
    return found


def _packed(base: Loaded, config: TrainConfig) -> Loaded:
    """The base packed in memory: linears of the text stack, but neither head, embedding nor a router."""
    wanted = {"4bit": 4, "8bit": 8}.get(config.quantization)
    if wanted is None or base.bits == wanted:
        return base
    if base.bits:
        raise UsageError(
            f"基础模型已是 {base.bits} 位，请用 --set quantization=none / the base is {base.bits}-bit already:"
            " set quantization=none"
        )

    def choose(path: str, module: Any) -> bool:
        fits = hasattr(module, "to_quantized") and module["weight"].shape[-1] % _group(module) == 0
        return fits and not any(word in path for word in _UNPACKED) and not path.endswith("mlp.gate")

    for group in (_GROUP, 32):
        nn.quantize(base.model, group, wanted, class_predicate=lambda p, m, g=group: choose(p, m) and _group(m) == g)
    return replace(base, bits=wanted)


def _group(module: Any) -> int:
    return _GROUP if module["weight"].shape[-1] % _GROUP == 0 else 32


def _open_for_training(base: Loaded, places: Places, config: TrainConfig, masks: Masks) -> None:
    for index, layer in enumerate(places.layers):
        layer.freeze()
        layer.dropout = KeyedDropout(config.dropout, masks, index)
        layer.unfreeze(keys=["lora_a", "lora_b"], recurse=False, strict=True)
    for module, leaf in places.found.values():
        if not leaf.startswith("lora_"):
            module.unfreeze(keys=[leaf], recurse=False)
    if config.gradient_checkpointing:
        from mlx_vlm.trainer.common.utils import enable_gradient_checkpointing

        enable_gradient_checkpointing(base.model.layers)
