"""The intake of images: an untrusted file in, a clean PNG out, decoded in a process of its own.

What comes out has 8 bits, is upright, holds no metadata and is named by its content. Decoding itself is
`medeval.cases.decode`; decisions are in design/intake.md.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medeval.cases.formats import HEAD_BYTES, sniff
from medeval.cases.limits import Limits
from medeval.errors import ImageError

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Intake:
    """A clean image: `path` is `<sha256>.png`; `notes` say in both languages what was changed."""

    path: Path
    width: int
    height: int
    sha256: str
    notes: tuple[str, ...] = ()


def intake(source: Path, folder: Path, limits: Limits | None = None) -> Intake:
    """Decodes `source` and keeps it in `folder` as a clean PNG named by the SHA-256 of its bytes.

    Args:
        source: An untrusted file; its name and ending mean nothing.
        folder: Where the clean image goes; made (mode 0700) if need be. The same picture is kept once.
        limits: Bounds other than the usual ones.

    Raises:
        ImageError: One sentence in both languages, beginning with the name of the file.
    """
    limits = limits or Limits()
    name = _shown(source.name)
    try:
        _check_file(source, limits)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".intake-") as private:
            clean = Path(private) / "clean.png"
            done = _decode_apart(source, clean, limits)
            digest = hashlib.sha256(clean.read_bytes()).hexdigest()
            path = folder / f"{digest}.png"
            os.replace(clean, path)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
    except OSError as error:
        raise ImageError(
            f"{name}: 无法读写文件：{error.strerror}"
            f" / cannot be read or written: {error.strerror}"
        ) from error
    return Intake(path, done["width"], done["height"], digest, tuple(done["notes"]))


def _check_file(source: Path, limits: Limits) -> None:
    if not source.exists():
        raise ImageError("没有这个文件 / there is no such file")
    if not source.is_file():
        raise ImageError("不是普通文件 / this is not a regular file")
    size = source.stat().st_size
    if size > limits.file_bytes:
        has, most = f"{size / 1e6:.1f} MB", f"{limits.file_bytes / 1e6:g} MB"
        raise ImageError(f"文件有 {has}，上限 {most} / the file has {has}, at most {most} is read")
    with source.open("rb") as file:
        sniff(file.read(HEAD_BYTES))  # What is no image at all is refused without starting a process.


def _decode_apart(source: Path, clean: Path, limits: Limits) -> dict[str, Any]:
    """Runs the decoder; returns its document, or raises the sentence it gave or its death means."""
    arguments = [str(source.resolve()), str(clean), json.dumps(asdict(limits))]
    paths = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    # A single thread of linear algebra: each would reserve address space that the limit counts.
    environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "medeval.cases.decode", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, timeout=limits.wall_seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ImageError("解码超时，请换一个文件 / decoding took too long; use another file") from None
    try:
        document = json.loads(ended.stdout)
    except ValueError:
        raise ImageError(
            "解码进程中止（文件损坏，或需要太多内存或时间） / "
            "the decoder stopped: the file is damaged, or needs too much memory or time"
        ) from None
    if "error" in document:
        raise ImageError(document["error"])
    return dict(document)


def _shown(name: str) -> str:
    """A file name as it may stand in a sentence: printable, without marks that turn the text around, short."""
    plain = "".join(c for c in name if c.isprintable() and unicodedata.category(c) != "Cf")
    return plain if len(plain) <= 60 else f"{plain[:40]}…{plain[-16:]}"
