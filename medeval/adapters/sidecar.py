"""`medeval.json` beside an adapter's weights: title, notes, lineage, hashes, generation settings."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIDECAR = "medeval.json"


def read_sidecar(folder: Path) -> dict[str, Any]:
    """The sidecar of an adapter folder, empty where there is none; raises ValueError where it is malformed."""
    path = folder / SIDECAR
    if not path.is_file():
        return {}
    value = json.loads(path.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("不是 JSON 对象 / not a JSON object")
    if not isinstance(value.get("trained_on") or [], list):
        raise ValueError("trained_on 应是列表 / trained_on must be a list of adapter names")
    return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object whole or not at all, and to the disk itself."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, ensure_ascii=False, indent=2)
        handle.write("\n")
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as `sha256:` + 64 hex digits."""
    with path.open("rb") as handle:
        return f"sha256:{hashlib.file_digest(handle, 'sha256').hexdigest()}"
