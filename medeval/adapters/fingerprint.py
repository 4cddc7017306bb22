"""Fingerprint of a base model folder: tells a same-shaped other base apart without reading every byte."""

import hashlib
import json
import struct
from pathlib import Path

from medeval.errors import EngineError

_SAMPLE = 4096
_MAX_HEADER = 100 * 1024 * 1024
_IGNORED_CONFIG = {"_name_or_path", "transformers_version", "torch_dtype", "dtype"}


def base_fingerprint(folder: Path | str) -> str:
    """Hash of config.json and of the head of every tensor of every safetensors file.

    Args:
        folder: a model folder with config.json and *.safetensors.

    Returns:
        `sha256:` followed by 64 hex digits; equal for a copy, different for other weights of the same shapes.

    Raises:
        EngineError: the folder holds no config.json or no safetensors file, or one is damaged.
    """
    root = Path(folder)
    files = sorted(root.glob("*.safetensors"))
    if not (root / "config.json").is_file() or not files:
        raise EngineError(f"{root} 不是模型文件夹：需要 config.json 和 *.safetensors / {root} is not a model folder")
    config = json.loads((root / "config.json").read_text("utf-8"))
    kept = {k: v for k, v in config.items() if k not in _IGNORED_CONFIG}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for file in files:
        _add_tensors(digest, file)
    return f"sha256:{digest.hexdigest()}"


def _add_tensors(digest: "hashlib._Hash", file: Path) -> None:
    with file.open("rb") as handle:
        head = handle.read(8)
        size = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER + 1
        if size > _MAX_HEADER:
            raise EngineError(f"{file} 损坏：文件头不完整 / {file} has a damaged safetensors header")
        header = json.loads(handle.read(size))
        for name in sorted(k for k in header if k != "__metadata__"):
            entry = header[name]
            digest.update(f"{name}{entry['dtype']}{entry['shape']}".encode())
            begin, end = entry["data_offsets"]
            handle.seek(8 + size + begin)
            digest.update(handle.read(min(_SAMPLE, end - begin)))
