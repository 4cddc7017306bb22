"""Loads a base by folder or repo id: model, tokenizer, image processor; never remote code, only safetensors."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder, ids_of, load_image_processor, load_tokenizer, template_digest
from medeval.errors import EngineError

_SMALL = 64_000_000


@dataclass(frozen=True)
class Loaded:
    """A loaded base; `image_processor` is None for a text-only model."""

    folder: Path
    model: Any
    tokenizer: Any
    image_processor: Any
    device: torch.device
    dtype: torch.dtype
    stop_ids: frozenset[int]
    template_sha256: str

    @property
    def sees(self) -> bool:
        """Whether the model can be asked about an image."""
        return self.image_processor is not None


def choose_device(base: BaseRef) -> tuple[torch.device, torch.dtype]:
    """Device and dtype: cuda bfloat16, mps bfloat16, cpu float32, unless the reference says otherwise."""
    name = base.device
    if name == "auto":
        mps = platform.system() == "Darwin" and torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if base.dtype == "auto":
        dtype = torch.float32 if name == "cpu" else torch.bfloat16
    else:
        dtype = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[base.dtype]
    return torch.device(name), dtype


def load_base(base: BaseRef) -> Loaded:
    """Loads a causal or Qwen-VL-family model with its tokenizer and, where it sees, its image processor.

    Raises:
        EngineError: with one sentence that says what is missing or unsupported.
    """
    folder = find_folder(base)
    device, dtype = choose_device(base)
    try:
        model, sees = _load_model(folder, device, dtype)
        tokenizer = load_tokenizer(folder)
        processor = load_image_processor(folder) if sees else None
    except EngineError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineError(f"无法加载模型 {folder.name} / cannot load the model {folder.name} · {first}") from error
    if device.type == "cpu" and sum(p.numel() for p in model.parameters()) < _SMALL:
        # Measured: on busy cores two threads wait for each other for milliseconds at every tiny matmul.
        torch.set_num_threads(1)
    stops = stop_ids(model, tokenizer)
    return Loaded(folder, model, tokenizer, processor, device, dtype, stops, template_digest(tokenizer))


def _load_model(folder: Path, device: torch.device, dtype: torch.dtype) -> tuple[Any, bool]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    sees = hasattr(config, "vision_config")
    loader: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model = loader.from_pretrained(
        folder, config=config, dtype=dtype, attn_implementation="sdpa", use_safetensors=True,
        trust_remote_code=False, local_files_only=True,
    )  # fmt: skip
    _check_supported(model, sees)
    model.requires_grad_(False)
    return model.to(device).eval(), sees


def _check_supported(model: Any, sees: bool) -> None:
    from transformers.cache_utils import DynamicCache, DynamicLayer

    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    if kinds - {DynamicLayer}:
        names = ", ".join(sorted(k.__name__ for k in kinds))
        raise EngineError(
            f"还不支持 {model.config.model_type} 的注意力缓存：{names}"
            f" / the cache of {model.config.model_type} is not supported yet: {names}"
        )
    inner = getattr(model, "model", None)
    if sees and not (hasattr(inner, "get_rope_index") and hasattr(inner, "get_image_features")):
        raise EngineError(
            f"{model.config.model_type} 不是 Qwen-VL 系列"
            f" / {model.config.model_type} is not of the Qwen-VL family, which alone may see images"
        )


def stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer, from the tokenizer and both configurations of a model."""
    configs = (getattr(model, "generation_config", None), model.config.get_text_config())
    return ids_of([getattr(part, "eos_token_id", None) for part in (tokenizer, *configs)])


def batchable_linears(model: nn.Module) -> list[str]:
    """Names of the linears of the text stack, whose rows may carry different adapters."""
    decoder = model.get_decoder()  # type: ignore[operator]
    inside = {id(m) for m in decoder.modules()}
    head = model.get_output_embeddings()  # type: ignore[operator]
    return [
        name
        for name, module in model.named_modules()
        if type(module) is nn.Linear and (id(module) in inside or module is head)
    ]
