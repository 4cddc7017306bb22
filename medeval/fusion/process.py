"""Runs a step of fusing in a fresh Python process: progress from its lines, stop by ending it, its error as ours."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from medeval.errors import EngineError
from medeval.fusion.replay import PROGRESS
from medeval.fusion.write import Stopped
from medeval.settings import ROOT

_POLL = 0.1


def run_fresh(
    module: str,
    arguments: Sequence[str],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Runs `python -m module arguments` and waits for it.

    Args:
        module: of this package; it prints `progress DONE TOTAL` lines.
        arguments: its command line.
        on_progress: called with (done, total) as lines come.
        stopped: asked while waiting; true ends the process.

    Raises:
        Stopped: `stopped` said so.
        EngineError: the process failed; with its last line.
    """
    # the package may not be installed but run from its checkout
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "out", Path(folder) / "errors"
        with out.open("wb") as stdout, errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=stdout, stderr=stderr, env=environment
            )
        try:
            read = 0
            while process.poll() is None:
                if stopped():
                    raise Stopped
                read = _tell(out, read, on_progress)
                time.sleep(_POLL)
            _tell(out, read, on_progress)
        finally:
            _end(process)
        if process.returncode:
            lines = errors.read_text("utf-8", "replace").strip().splitlines() or [f"exit {process.returncode}"]
            raise EngineError(lines[-1] if process.returncode == 1 else f"{module}: {lines[-1]}")


def _tell(out: Path, read: int, on_progress: Callable[[int, int], None]) -> int:
    """Passes the whole lines after byte `read` on; returns where to go on."""
    with out.open("rb") as handle:
        handle.seek(read)
        data = handle.read()
    end = data.rfind(b"\n") + 1
    for line in data[:end].decode("utf-8", "replace").splitlines():
        if line.startswith(PROGRESS):
            done, total = line.removeprefix(PROGRESS).split()
            on_progress(int(done), int(total))
    return read + end


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        if process.poll() is None:
            process.kill()
            process.wait()
