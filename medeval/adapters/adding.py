"""Adds an adapter to the folder of adapters: only safetensors and its JSON files, copied whole or not at all."""

import re
import shutil
import unicodedata
import uuid
from collections.abc import Sequence
from pathlib import Path

from medeval.adapters.catalogue import describe
from medeval.adapters.convert import ORIGINALS
from medeval.adapters.dialects import MLX_FILE, PEFT_FILE, weights_file
from medeval.adapters.sidecar import SIDECAR
from medeval.adapters.variant import BASE_NAME, Adapter
from medeval.errors import AdapterError, UsageError

_JSON = ("adapter_config.json", SIDECAR, "training_config.json", "metrics_history.json")
_MORE = ("README.md", ORIGINALS)
_MAX_JSON = 64 * 1024 * 1024
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}


def safe_name(name: str) -> str:
    """`name` as the name of a folder on any system: letters, digits, `.`, `-`, `_`, at most 64 characters.

    Raises:
        UsageError: nothing usable is left, or the name is reserved.
    """
    plain = unicodedata.normalize("NFKC", name).strip()
    kept = re.sub(r"[^\w.-]+", "-", plain).strip("-._ ")[:64].rstrip("-._ ")
    if not kept or kept.lower() in _RESERVED or kept.lower() == BASE_NAME:
        raise UsageError(f"名字 {name!r} 不能用，请换一个 / {name!r} cannot be used as a name, choose another")
    return kept


def add(source: Path | Sequence[Path], folder: Path, name: str | None = None) -> Adapter:
    """Copies an adapter into `folder` under a safe name.

    The copy is made beside its place under a hidden name, checked as the catalogue would, and moved in at once.

    Args:
        source: a folder with weights and adapter_config.json, its weights file, or the uploaded files themselves.
        folder: the folder of adapters; made where it is missing.
        name: what to call it; the source folder's own name by default.

    Raises:
        AdapterError: no safetensors weights, or files that cannot be read; with every problem.
        UsageError: the name is taken or unusable, or there is no such source.
    """
    files = _files(source)
    if name is None:
        name = (source.resolve() if isinstance(source, Path) and source.is_dir() else files[0].resolve().parent).name
    chosen = safe_name(name)
    target = folder / chosen
    if target.exists():
        raise UsageError(
            f"{chosen} 已存在，请用 --name 换一个名字"
            f" / {chosen} exists already: choose another with --name"
        )
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{chosen}.{uuid.uuid4().hex[:8]}.partial"
    # the catalogue judges by the name the adapter will have
    checked = partial / chosen
    checked.mkdir(parents=True)
    try:
        for file in files:
            _copy(file, checked)
        describe(checked)
        checked.rename(target)
    except OSError as error:
        raise UsageError(
            f"无法写入 {target}：{error.strerror}"
            f" / {target} cannot be written: {error.strerror}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return describe(target)


def _files(source: Path | Sequence[Path]) -> list[Path]:
    if not isinstance(source, Path):
        return list(source)
    root = source if source.is_dir() else source.parent
    if not source.exists():
        raise UsageError(f"没有 {source} / no such file or folder: {source}")
    weights = weights_file(root)
    return [weights, *(root / n for n in (*_JSON, *_MORE) if (root / n).is_file())]


def _copy(file: Path, target: Path) -> None:
    """Copies one file whose name the catalogue knows; anything else of an upload is refused, never opened."""
    if file.name not in (PEFT_FILE, MLX_FILE, *_JSON, *_MORE):
        known = f"{PEFT_FILE}, {MLX_FILE}, {_JSON[0]}"
        raise AdapterError([f"{file.name}: 不认识的文件，只收：{known} / unknown file, only: {known}"])
    if file.suffix != ".safetensors" and file.stat().st_size > _MAX_JSON:
        raise AdapterError([f"{file.name}: 太大 / is too large"])
    shutil.copyfile(file, target / file.name)
