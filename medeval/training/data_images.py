"""The intake for thousands of images: the same decoder and bounds, one bounded process for many files.

Run as `python -m medeval.training.data_images TARGET_FOLDER` with one path per line on stdin; prints one JSON document
per image as soon as it is done. A file that ends the process is then given to the single intake, which says why.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.cases.images import intake
from medeval.cases.limits import Limits
from medeval.errors import ImageError

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 64


@dataclass(frozen=True)
class Cleaned:
    """One image after the intake: where its clean form is, or one sentence why there is none."""

    path: Path | None
    fault: str = ""


def clean_images(
    paths: Sequence[Path], folder: Path, told: Callable[[int, int], None] = lambda done, total: None
) -> dict[Path, Cleaned]:
    """Decodes every file into `folder` as `<sha256>.png`; never raises for a bad image.

    Args:
        paths: untrusted files.
        folder: where clean images go; made (mode 0700) if need be.
        told: called with (done, total) as images are done.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found: dict[Path, Cleaned] = {}
    waiting = [path for path in dict.fromkeys(paths) if not _plainly_wrong(path, found)]
    while waiting:
        batch = waiting[:BATCH]
        done = _decode_batch(batch, folder)
        if len(done) < len(batch):
            # The one that ended or stalled the process, alone and with its own sentence.
            path = batch[len(done)]
            done[path] = _alone(path, folder)
        found |= done
        waiting = waiting[len(done) :]
        told(len(found), len(set(paths)))
    return found


def _plainly_wrong(path: Path, found: dict[Path, Cleaned]) -> bool:
    limits = Limits()
    if not path.is_file():
        found[path] = Cleaned(None, f"{path.name}: 没有这个文件 / there is no such file")
    elif path.stat().st_size > limits.file_bytes:
        has = f"{path.stat().st_size / 1e6:.1f} MB"
        found[path] = Cleaned(None, f"{path.name}: 文件有 {has}，太大 / the file has {has}, too large")
    return path in found


def _alone(path: Path, folder: Path) -> Cleaned:
    try:
        return Cleaned(intake(path, folder).path)
    except ImageError as error:
        return Cleaned(None, str(error))


def _decode_batch(batch: Sequence[Path], folder: Path) -> dict[Path, Cleaned]:
    """The results of the first images of `batch`, up to where the process ended."""
    places = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    environment = {**os.environ, "PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"}
    lines = "".join(json.dumps(str(path.resolve())) + "\n" for path in batch)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".intake-") as private:
        try:
            ended = subprocess.run(
                [sys.executable, "-P", "-m", "medeval.training.data_images", private],
                input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environment, timeout=Limits().wall_seconds + len(batch), check=False,
            )  # fmt: skip
            printed = ended.stdout
        except subprocess.TimeoutExpired as error:
            printed = error.stdout or b""
        whole = printed[: printed.rfind(b"\n") + 1].splitlines()
        return {
            path: _kept(path, json.loads(line), Path(private) / f"{number}.png", folder)
            for number, (path, line) in enumerate(zip(batch, whole, strict=False))
        }


def _kept(path: Path, document: dict[str, str], clean: Path, folder: Path) -> Cleaned:
    if "error" in document:
        return Cleaned(None, f"{path.name}：{document['error']}")
    target = folder / f"{hashlib.sha256(clean.read_bytes()).hexdigest()}.png"
    os.replace(clean, target)
    return Cleaned(target)


def main(arguments: list[str]) -> int:
    """Entry of the bounded process: TARGET_FOLDER, paths on stdin."""
    from medeval.cases.decode import decode

    folder = Path(arguments[0])
    paths = [Path(json.loads(line)) for line in sys.stdin]
    limits = Limits()
    _bound(limits, len(paths))
    os.umask(0o077)
    for number, path in enumerate(paths):
        try:
            decode(path, folder / f"{number}.png", limits)
            print("{}", flush=True)
        except ImageError as error:
            print(json.dumps({"error": str(error)}), flush=True)
    return 0


def _bound(limits: Limits, images: int) -> None:
    try:
        import resource
    except ImportError:
        return
    seconds = limits.cpu_seconds + images
    for what, most in ((resource.RLIMIT_AS, limits.memory_bytes), (resource.RLIMIT_CPU, seconds)):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
