"""Deploys a proven model into LM Studio's folder: two levels, copied whole, read back byte by byte, tried if it runs.

LM Studio keeps models as `<home>/models/<publisher>/<model>/` (lmstudio.ai/docs, "Import Models"); its own command line
finds `<home>` through `~/.lmstudio-home-pointer`, then `~/.cache/lm-studio`, then `~/.lmstudio`, on all systems alike.
"""

import hashlib
import json
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medeval.adapters.adding import safe_name
from medeval.errors import EngineError, UsageError
from medeval.fusion.placing import place
from medeval.fusion.report import JSON
from medeval.fusion.write import sync

SERVER = "http://127.0.0.1:1234"
PUBLISHER = "medeval"
_QUESTION = "血压140/90，需要担心吗？"


@dataclass(frozen=True)
class Smoke:
    """What LM Studio's own server said: it does not run, does not list the model yet, answered, or failed."""

    state: Literal["not running", "not listed", "answered", "failed"]
    text: str = ""


@dataclass(frozen=True)
class Deployed:
    """Where the model lies now, the backup of what stood there, and how many files were read back equal."""

    path: Path
    backup: Path | None
    files: int
    bytes: int


def lmstudio_home(user: Path | None = None) -> Path:
    """LM Studio's home of this user, whether or not it is there."""
    root = user or Path.home()
    pointer = root / ".lmstudio-home-pointer"
    if pointer.is_file():
        written = pointer.read_text("utf-8", "replace").strip()
        if written and Path(written).is_absolute():
            return Path(written)
    older = root / ".cache" / "lm-studio"
    return older if older.is_dir() else root / ".lmstudio"


def models_folder(home: Path) -> Path:
    """Where that LM Studio keeps its models: the folder chosen in its settings, or `models`."""
    try:
        chosen = json.loads((home / "settings.json").read_text("utf-8")).get("downloadsFolder")
    except (OSError, ValueError, AttributeError):
        chosen = None
    return Path(chosen) if isinstance(chosen, str) and Path(chosen).is_absolute() else home / "models"


def deploy(
    model: Path, home: Path | None = None, publisher: str = PUBLISHER, name: str | None = None, replace: bool = False
) -> Deployed:
    """Copies a fused model that passed its proof into LM Studio's folder and reads it back.

    Args:
        model: the fused folder, with its `fuse_report.json`.
        home: LM Studio's home; found by itself where None.
        publisher: first level of the folder.
        name: second level; the model folder's own name by default.
        replace: keep what stands there as a backup instead of refusing.

    Raises:
        UsageError: the place is taken, a name cannot be used, or LM Studio has no folder here.
        EngineError: the model did not pass its proof, the disk is too full, or a byte differs.
    """
    _check_proven(model)
    found = home or lmstudio_home()
    if home is None and not found.is_dir():
        raise UsageError(
            f"没有找到 LM Studio（{found}），用 --lmstudio-home 指定"
            f" / LM Studio was not found ({found}): give --lmstudio-home"
        )
    level = models_folder(found) / safe_name(publisher)
    target = level / safe_name(name or model.name)
    if target.exists() and not replace:
        raise UsageError(
            f"{target} 已存在；加 --replace 则旧的保留为备份"
            f" / {target} exists already: --replace keeps the old one as a backup"
        )
    level.mkdir(parents=True, exist_ok=True)
    size = sum(p.stat().st_size for p in model.rglob("*") if p.is_file())
    if shutil.disk_usage(level).free < size:
        raise EngineError(
            f"{level} 空间不足，需要 {size / 1e9:.1f} GB"
            f" / not enough disk space in {level}: {size / 1e9:.1f} GB needed"
        )
    partial = level / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(model, partial)
        sync(partial)
        count = _read_back(model, partial)
        path, backup = place(partial, target, replace)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Deployed(path, _aside(backup, found), count, size)


def _aside(backup: Path | None, home: Path) -> Path | None:
    """Moves a backup out of the models folder, where LM Studio would list it as one more model."""
    if backup is None:
        return None
    target = home / "medeval-backups" / backup.parent.name / backup.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(backup, target)
    return target


def _check_proven(model: Path) -> None:
    try:
        report = json.loads((model / JSON).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{model} 没有 {JSON}，未经核对，不部署"
            f" / {model} has no {JSON}, so it is not deployed"
        ) from error
    if not isinstance(report, dict) or report.get("ok") is not True:
        raise EngineError(f"{model} 未通过核对，不部署 / {model} did not pass its proof, so it is not deployed")


def _read_back(source: Path, copy: Path) -> int:
    """Compares every file's hash; returns how many there are."""
    names = sorted(p.relative_to(source) for p in source.rglob("*") if p.is_file())
    found = sorted(p.relative_to(copy) for p in copy.rglob("*") if p.is_file())
    wrong = [str(n) for n in names if n not in found or _digest(source / n) != _digest(copy / n)]
    if wrong or names != found:
        raise EngineError(
            f"写入后读回不一致：{', '.join(wrong) or copy}"
            f" / differs when read back: {', '.join(wrong) or copy}"
        )
    return len(names)


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def smoke_test(name: str, server: str = SERVER, seconds: float = 120) -> Smoke:
    """Asks LM Studio's server on this machine one question of the new model; never anything but this machine."""
    listed = _call(f"{server}/v1/models", None, 3)
    if listed is None:
        return Smoke("not running")
    ids = [str(item.get("id")) for item in listed.get("data", []) if isinstance(item, dict)]
    wanted = next((i for i in ids if i.lower().rpartition("/")[2] == name.lower()), None)
    if wanted is None:
        return Smoke("not listed")
    body = {"model": wanted, "messages": [{"role": "user", "content": _QUESTION}], "max_tokens": 48, "temperature": 0}
    answer = _call(f"{server}/v1/chat/completions", body, seconds)
    try:
        text = str(answer["choices"][0]["message"]["content"]) if answer else ""
    except (KeyError, IndexError, TypeError):
        text = ""
    return Smoke("answered", text) if text.strip() else Smoke("failed")


def _call(url: str, body: dict[str, Any] | None, seconds: float) -> dict[str, Any] | None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    # no proxy: this machine is asked, nothing else
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as response:
            value = json.loads(response.read(10_000_000))
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return value if isinstance(value, dict) else None
