"""Checkpoints: folders that exist whole or not at all, with hashes, and the rule which of them are kept.

A checkpoint is written under a hidden name, synced, given its marker (`complete.json`) last, and renamed. Whatever
lacks the marker or differs from its hashes is never used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.training.disk import require_space
from medeval.training.progress import sync_folder, write_json

MARKER = "complete.json"
_ROOM = 1.1


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint. `facts` is what the worker noted with it; `score` says how good, higher is better."""

    path: Path
    step: int
    score: float | None
    facts: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())


def save_checkpoint(
    root: Path, step: int, write: Callable[[Path], None], facts: Mapping[str, Any], score: float | None = None
) -> Checkpoint:
    """Writes the checkpoint of `step`; a complete one of the same step is replaced.

    Args:
        root: folder of all checkpoints of the run.
        step: optimizer steps done.
        write: puts the files into the folder it is given.
        facts: JSON-ready; kept in the marker.
        score: of the latest evaluation at this very step, else None.

    Raises:
        DiskFullError: less is free than the last checkpoint took. OSError: it could not be written; the others stand.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    last = newest(root, verify=False)
    require_space(root, int((last.size if last else 1_000_000) * _ROOM))
    clear_partial(root)
    target = root / f"step-{step:06d}"
    partial = root / f".partial-{step:06d}"
    partial.mkdir(mode=0o700)
    try:
        write(partial)
        hashes = {file.name: _sync_and_hash(file) for file in sorted(partial.iterdir())}
        write_json(partial / MARKER, {"step": step, "score": score, "files": hashes, "facts": dict(facts)})
        sync_folder(partial)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(root)
    return Checkpoint(target, step, score, dict(facts))


def list_checkpoints(root: Path) -> list[Checkpoint]:
    """Every checkpoint with a marker, oldest step first; hashes are not compared."""
    if not root.is_dir():
        return []
    found = [_read(path) for path in sorted(root.glob("step-*"))]
    return sorted((item for item in found if item is not None), key=lambda item: item.step)


def newest(root: Path, verify: bool = True) -> Checkpoint | None:
    """The latest checkpoint whose files are what its marker says; damaged ones are passed over."""
    for item in reversed(list_checkpoints(root)):
        if not verify or intact(item):
            return item
    return None


def best(root: Path) -> Checkpoint | None:
    """The intact checkpoint with the highest score; the later of two that are equal; None where none has one."""
    scored = [item for item in list_checkpoints(root) if item.score is not None]
    for item in sorted(scored, key=lambda item: (item.score or 0.0, item.step), reverse=True):
        if intact(item):
            return item
    return None


def intact(item: Checkpoint) -> bool:
    """Whether every file is there with the hash it was written with."""
    try:
        files = json.loads((item.path / MARKER).read_text("utf-8"))["files"]
        return all(_hash(item.path / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError):
        return False


def prune(root: Path, keep_best: int, keep_last: int) -> list[int]:
    """Removes all but the best and the last ones; returns the steps removed."""
    found = list_checkpoints(root)
    scored = sorted((c for c in found if c.score is not None), key=lambda c: (c.score or 0.0, c.step), reverse=True)
    kept = {c.step for c in [*scored[:keep_best], *found[-keep_last:]]}
    gone = [item for item in found if item.step not in kept]
    for item in gone:
        # the marker goes first, so that a kill in between leaves nothing that looks complete
        (item.path / MARKER).unlink(missing_ok=True)
        shutil.rmtree(item.path, ignore_errors=True)
    return [item.step for item in gone]


def forget_after(root: Path, step: int) -> None:
    """Removes checkpoints later than `step`, which a resumed run will write anew."""
    for item in list_checkpoints(root):
        if item.step > step:
            (item.path / MARKER).unlink(missing_ok=True)
            shutil.rmtree(item.path, ignore_errors=True)


def clear_partial(root: Path) -> None:
    """Removes what killed writers left: hidden folders, and folders without a marker."""
    if not root.is_dir():
        return
    for path in root.iterdir():
        if path.is_dir() and (path.name.startswith(".partial") or not (path / MARKER).is_file()):
            shutil.rmtree(path, ignore_errors=True)


def _read(path: Path) -> Checkpoint | None:
    try:
        plain = json.loads((path / MARKER).read_text("utf-8"))
        return Checkpoint(path, int(plain["step"]), plain["score"], plain["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sync_and_hash(file: Path) -> str:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return _hash(file)


def _hash(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
