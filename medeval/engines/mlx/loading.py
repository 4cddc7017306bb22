"""Loads a base for MLX: Qwen-VL-family models as mlx-vlm builds them, text models as mlx-lm does; never remote code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn

from medeval.engines.contract import BaseRef
from medeval.engines.folders import (
    find_folder,
    ids_of,
    load_image_processor,
    load_tokenizer,
    read_json,
    template_digest,
    text_part,
)
from medeval.engines.mlx.tree import Tree, count_parameters
from medeval.errors import EngineError

_SMALL = 64_000_000
_DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}


@dataclass(frozen=True)
class Loaded:
    """A loaded base; `image_processor` is None for a text-only model."""

    folder: Path
    config: Mapping[str, Any]
    model: Any
    tree: Tree
    tokenizer: Any
    image_processor: Any
    dtype: mx.Dtype
    """Of activations and factors; quantised weights stay packed."""
    bits: int | None
    stop_ids: frozenset[int]
    template_sha256: str

    @property
    def sees(self) -> bool:
        """Whether the model can be asked about an image."""
        return self.image_processor is not None

    @property
    def dtype_name(self) -> str:
        """For people: `float32`, or `bfloat16 (4-bit)`."""
        name = str(self.dtype).removeprefix("mlx.core.")
        return f"{name} ({self.bits}-bit)" if self.bits else name

    @property
    def layers(self) -> int:
        """Decoder layers."""
        return len(self.model.layers)


def load_base(base: BaseRef) -> Loaded:
    """Loads a model with its tokenizer and, where it sees, its image processor.

    Raises:
        EngineError: with one sentence that says what is missing or unsupported.
    """
    folder = find_folder(base)
    _choose_device(base)
    try:
        config = read_json(folder / "config.json")
        if config.get("model_file"):
            raise EngineError(
                f"{folder.name} 带有自己的代码，不会运行"
                f" / {folder.name} brings its own code, which is never run"
            )
        sees = bool(config.get("vision_config"))
        model = _load_vision_model(folder, config) if sees else _load_text_model(folder)
        tree = Tree(model)
        dtype = _choose_dtype(base, model, tree)
        tokenizer = load_tokenizer(folder)
        processor = load_image_processor(folder) if sees else None
    except EngineError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineError(
            f"MLX 无法加载 {folder.name}，可试 --engine torch"
            f" / MLX cannot load {folder.name}, try --engine torch · {first}"
        ) from error
    eos = [getattr(tokenizer, "eos_token_id", None), text_part(config).get("eos_token_id")]
    eos.append(read_json(folder / "generation_config.json").get("eos_token_id"))
    bits = (config.get("quantization") or {}).get("bits")
    return Loaded(
        folder, config, model, tree, tokenizer, processor, dtype, int(bits) if bits else None, ids_of(eos),
        template_digest(tokenizer),
    )  # fmt: skip


def _choose_device(base: BaseRef) -> None:
    from mlx_lm.utils import can_run_metal, maybe_set_recommended_wired_limit

    if base.device != "cpu" and can_run_metal():
        # Large models are paged out between tokens otherwise.
        maybe_set_recommended_wired_limit()
    if base.device == "cpu":
        mx.set_default_device(mx.cpu)
    elif base.device != "auto" and mx.default_device() == mx.cpu:
        raise EngineError(
            f"这台机器上的 MLX 没有 {base.device}，请用 auto 或 cpu"
            f" / MLX has no {base.device} here: use auto or cpu"
        )


def _choose_dtype(base: BaseRef, model: Any, tree: Tree) -> mx.Dtype:
    """Casts the floating parameters; `auto` is float32 on a CPU and for small models, else as stored."""
    small = count_parameters(tree.shapes()) < _SMALL
    if base.dtype != "auto":
        wanted = _DTYPES[base.dtype]
    elif small or mx.default_device() == mx.cpu:
        wanted = mx.float32
    else:
        stored = tree.slots[next(n for n in tree.slots if n.endswith("norm"))].module["weight"].dtype
        wanted = stored if mx.issubdtype(stored, mx.floating) else mx.float32
    model.set_dtype(wanted)
    mx.eval(model.parameters())
    return wanted


def _load_text_model(folder: Path) -> Any:
    from mlx_lm.models.cache import make_prompt_cache
    from mlx_lm.utils import load_model

    model, _ = load_model(folder)
    check_cache(make_prompt_cache(model), model)
    return model


def check_cache(layers: Sequence[Any], model: Any) -> None:
    """Refuses caches whose rows cannot leave and join (sliding windows, recurrent states); raises EngineError."""
    from mlx_lm.models.cache import KVCache

    odd = sorted({type(layer).__name__ for layer in layers if type(layer) is not KVCache})
    if odd:
        kind = getattr(model, "model_type", type(model).__name__)
        raise EngineError(
            f"还不支持 {kind} 的注意力缓存：{', '.join(odd)}"
            f" / the cache of {kind} is not supported yet: {', '.join(odd)}"
        )


def _load_vision_model(folder: Path, config: dict[str, Any]) -> Any:
    kind = _vision_kind(folder, config)
    from mlx_vlm.utils import load_config, load_model_weights, sanitize_weights, update_module_configs

    family = import_module(f"mlx_vlm.models.{kind}")
    settings = load_config(folder)
    settings.setdefault("audio_config", {})
    made = family.ModelConfig.from_dict(settings)
    made = update_module_configs(made, family, settings, ["text", "vision"])
    model = family.Model(made)
    if hasattr(model.language_model, "make_cache") or not hasattr(model.language_model, "get_rope_index"):
        raise EngineError(f"还不支持 {kind} 的注意力缓存 / its cache is not supported yet: {kind}")
    weights = sanitize_weights(model, _read_weights(folder, settings))
    weights = sanitize_weights(family.VisionModel, weights, made.vision_config)
    weights = sanitize_weights(family.LanguageModel, weights, made.text_config)
    if not any(name.startswith("vision_tower.") for name in weights):
        raise EngineError(f"{folder.name} 缺少视觉部分的权重 / {folder.name} lacks the weights of the vision tower")
    loaded = load_model_weights(model, settings, weights, folder)
    if kind == "qwen3_vl_moe":
        _mend_activations(loaded.vision_tower)
    return loaded


def _vision_kind(folder: Path, config: Mapping[str, Any]) -> str:
    """The model type, where this engine can load it; raises EngineError with what to do instead."""
    if find_spec("mlx_vlm") is None:
        raise EngineError("看图的模型需要 mlx-vlm / models that see need it: pip install mlx-vlm")
    kind = str(config.get("model_type") or "")
    if "qwen" not in kind or find_spec(f"mlx_vlm.models.{kind}") is None:
        raise EngineError(
            f"{kind or folder.name} 不是 Qwen-VL 系列"
            f" / {kind or folder.name} is not of the Qwen-VL family, which alone may see images"
        )
    foreign = (config.get("quantization_config") or {}).get("quant_method")
    if foreign and not config.get("quantization"):
        raise EngineError(
            f"{folder.name} 是 {foreign} 量化，请先转换"
            f" / {folder.name} is quantised by {foreign}: use mlx_vlm.convert"
        )
    return kind


def _mend_activations(tower: Any) -> None:
    """Sets GELU as Qwen3-VL has it: tanh form in the blocks, exact form in the mergers.

    mlx-vlm 0.7.10 has them the other way round in qwen3_vl_moe/vision.py, not in qwen3_vl/vision.py; image features
    are off by 1e-4 of their size there.
    """
    for block in tower.blocks:
        block.mlp.act_fn = nn.GELU(approx="tanh")
    for merger in (tower.merger, *tower.deepstack_merger_list):
        merger.act_fn = nn.GELU()


def _read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, mx.array]:
    """All tensors of the folder; experts in the order of the published checkpoints, which mlx-vlm expects.

    transformers writes gate_up_proj as [experts, 2 x inner, hidden]; published is [experts, hidden, 2 x inner].
    """
    weights: dict[str, mx.array] = {}
    named = read_json(folder / "model.safetensors.index.json").get("weight_map") or {}
    files = [folder / name for name in sorted(set(named.values()))] or sorted(folder.glob("*.safetensors"))
    for file in files:
        held = mx.load(str(file))
        assert isinstance(held, dict)
        weights.update(held)
    text = text_part(config)
    hidden, inner = text.get("hidden_size"), text.get("moe_intermediate_size")
    for name, value in weights.items():
        written = {".experts.gate_up_proj": (2 * (inner or 0), hidden), ".experts.down_proj": (hidden, inner)}
        shape = next((s for end, s in written.items() if name.endswith(end)), None)
        # A square one is read as transformers reads it: in its own order.
        if shape is not None and tuple(value.shape[1:]) == shape:
            weights[name] = value.swapaxes(1, 2)
    return weights
