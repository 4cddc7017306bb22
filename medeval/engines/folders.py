"""A base model's folder: found or downloaded, its tokenizer and image processor; no weights are read here."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from medeval.engines.contract import BaseRef
from medeval.errors import EngineError

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]


def find_folder(base: BaseRef) -> Path:
    """The folder of a base: as given, or the downloaded snapshot of a repo id.

    Raises:
        EngineError: neither a folder nor a repo that can be had, or it holds no model.
    """
    if base.path.lower().startswith(("http://", "https://")):
        raise EngineError(
            "服务器的模型没有本地权重：训练、融合、检验适配器和测速需要本地的基础模型（--base 文件夹）"
            " / a server gives no weights: training, fusing, checking adapters and bench need a local base (--base DIR)"
        )
    path = Path(base.path).expanduser()
    folder = path if path.is_dir() else _download(base)
    if not (folder / "config.json").is_file():
        raise EngineError(
            f"{folder} 里没有 config.json，不是模型文件夹"
            f" / {folder} holds no config.json: no model folder"
        )
    if not any(folder.glob("*.safetensors")):
        raise EngineError(
            f"{folder} 里没有 *.safetensors（不读取其他权重格式）"
            f" / {folder} holds no safetensors weights"
        )
    return folder


def _download(base: BaseRef) -> Path:
    if base.path.startswith((".", "/", "~")) or base.path.count("/") != 1:
        raise EngineError(f"找不到模型文件夹 {base.path}，请检查 --base / no model folder {base.path}, check --base")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(base.path, allow_patterns=_WANTED, local_files_only=base.offline))
    except Exception as error:
        hint = "离线且未下载过 / offline and not downloaded before" if base.offline else str(error).splitlines()[0]
        raise EngineError(f"无法取得模型 {base.path} / cannot get the model {base.path} · {hint}") from error


def load_tokenizer(folder: Path) -> Any:
    """The transformers tokenizer with its chat template; never remote code."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if not tokenizer.chat_template:
        # Some checkpoints keep the template with the processor only.
        tokenizer.chat_template = read_json(folder / "chat_template.json").get("chat_template")
    return tokenizer


def load_image_processor(folder: Path) -> Any:
    """The transformers image processor on Pillow and numpy: the same pixels with and without torchvision."""
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False, local_files_only=True)


def template_digest(tokenizer: Any) -> str:
    """`sha256:` + 64 hex digits of the chat template."""
    template = str(getattr(tokenizer, "chat_template", None) or "")
    return f"sha256:{hashlib.sha256(template.encode()).hexdigest()}"


def ids_of(values: Iterable[Any]) -> frozenset[int]:
    """Token ids from configuration values: a number, a list of them, or nothing."""
    found: list[Any] = []
    for value in values:
        found.extend(value if isinstance(value, list | tuple) else [value])
    return frozenset(int(i) for i in found if i is not None)


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The text model's part of a config.json."""
    part = config.get("text_config")
    return part if isinstance(part, Mapping) else config


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of the packages that an answer depends on, as far as installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file, or an empty one where it is missing."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
