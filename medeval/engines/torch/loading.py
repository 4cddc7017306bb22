"""Loads a base by folder or repo id: model, tokenizer, image processor; never remote code, only safetensors."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medeval.engines.contract import BaseRef
from medeval.errors import EngineError

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]
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


def find_folder(base: BaseRef) -> Path:
    """The folder of a base: as given, or the downloaded snapshot of a repo id.

    Raises:
        EngineError: neither a folder nor a repo that can be had.
    """
    path = Path(base.path).expanduser()
    if path.is_dir():
        return path
    if base.path.startswith((".", "/", "~")) or base.path.count("/") != 1:
        raise EngineError(f"找不到模型文件夹 {base.path}，请检查 --base / no model folder there, check --base")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(base.path, allow_patterns=_WANTED, local_files_only=base.offline))
    except Exception as error:
        hint = "离线且未下载过 / offline and not downloaded before" if base.offline else str(error).splitlines()[0]
        raise EngineError(f"无法取得模型 {base.path} / cannot get the model: {hint}") from error


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
    if not (folder / "config.json").is_file():
        raise EngineError(f"{folder} 里没有 config.json，不是模型文件夹 / holds no config.json")
    if not any(folder.glob("*.safetensors")):
        raise EngineError(f"{folder} 里没有 *.safetensors（不读取其他权重格式） / holds no safetensors weights")
    try:
        model, sees = _load_model(folder, device, dtype)
        tokenizer = _load_tokenizer(folder)
        processor = _load_image_processor(folder) if sees else None
    except EngineError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineError(f"无法加载模型 {folder.name} / cannot load the model: {first}") from error
    if device.type == "cpu" and sum(p.numel() for p in model.parameters()) < _SMALL:
        # Measured: on busy cores two threads wait for each other for milliseconds at every tiny matmul.
        torch.set_num_threads(1)
    template = str(getattr(tokenizer, "chat_template", None) or "")
    digest = f"sha256:{hashlib.sha256(template.encode()).hexdigest()}"
    return Loaded(folder, model, tokenizer, processor, device, dtype, _stop_ids(model, tokenizer), digest)


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
        raise EngineError(f"还不支持 {model.config.model_type} 的注意力缓存 / its cache is not supported yet: {names}")
    inner = getattr(model, "model", None)
    if sees and not (hasattr(inner, "get_rope_index") and hasattr(inner, "get_image_features")):
        raise EngineError(f"{model.config.model_type} 不是 Qwen-VL 系列 / only Qwen-VL-family models may see images")


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if not tokenizer.chat_template:
        # Some checkpoints keep the template with the processor only.
        tokenizer.chat_template = read_json(folder / "chat_template.json").get("chat_template")
    return tokenizer


def _load_image_processor(folder: Path) -> Any:
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    found: list[Any] = [getattr(tokenizer, "eos_token_id", None)]
    for config in (getattr(model, "generation_config", None), model.config.get_text_config()):
        value = getattr(config, "eos_token_id", None)
        found.extend(value if isinstance(value, list | tuple) else [value])
    return frozenset(int(i) for i in found if i is not None)


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


def package_versions() -> dict[str, str]:
    """Versions of the packages that an answer depends on."""
    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "tokenizers", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, or an empty one where it is missing."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
