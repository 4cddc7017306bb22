"""The detached process of a job: starting it so that nothing of the app can end it, knowing it again, signalling it.

A process is taken for a job's own only where pid, start time and command line all agree; anything else is a stranger.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from medeval.settings import ROOT
from medeval.store.owner import alive, started
from medeval.training.progress import JobFolder

WORK = (sys.executable, "-m", "medeval", "work")
_SECRETS = ("MEDEVAL_PASSWORD", "MEDEVAL_USER")
APPEAR_SECONDS = 30.0
"""How long a started process may take until it has noted itself in its folder."""


def spawn(folder: Path, command: Sequence[str] = WORK) -> tuple["subprocess.Popen[bytes]", float]:
    """Starts `python -m medeval work FOLDER` in a session of its own, output to log.txt, input from nowhere.

    Returns:
        The handle (to reap it while this process lives) and the start time of the process.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    environment = kept | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    with JobFolder(folder).log.open("ab") as log:
        child = subprocess.Popen(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment,
            start_new_session=True, close_fds=True, umask=0o077,
        )  # fmt: skip
    try:
        return child, started(child.pid)
    except Exception:  # gone already; the outcome or its absence will tell
        return child, time.time()


def is_worker(pid: int | None, began: float | None, folder: Path) -> bool:
    """Whether `pid` lives, started at `began`, and works on `folder`."""
    if not alive(pid, began):
        return False
    import psutil

    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    # between fork and exec the child still carries its parent's words: the handle of the parent covers that moment
    return "work" in words and str(folder) in words


def find_worker(folder: Path) -> tuple[int, float] | None:
    """The living process that noted itself in `folder`, whoever started it."""
    noted = JobFolder(folder).process()
    return noted if noted is not None and is_worker(*noted, folder) else None


def ask(pid: int, began: float, folder: Path) -> None:
    """Sends SIGTERM to a job's process; to nobody where it is not that process any more."""
    _signal(pid, began, folder, signal.SIGTERM)


def end(pid: int, began: float, folder: Path) -> None:
    """Kills a job's process with everything it started (its session)."""
    if is_worker(pid, began, folder):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _signal(pid: int, began: float, folder: Path, number: signal.Signals) -> None:
    if is_worker(pid, began, folder):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
