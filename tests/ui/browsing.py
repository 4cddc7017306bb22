"""What the browser tests share: the installed browser and an app in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medeval.settings import ROOT, Settings

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT = 120_000
"""Milliseconds that a page may take on a busy machine."""

# CI has to have a browser: there the tests fail instead of being skipped
needs_browser = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium or Chrome is installed"
)
needs_demo = pytest.mark.skipif(
    not Path(Settings().base, "config.json").is_file(), reason="models/demo is not built here"
)


@contextmanager
def running_app(folder: Path, *words: str, **places: str) -> Iterator[str]:
    """An app with its home and log in `folder`; yields its address.

    Args:
        folder: of the test.
        words: what Python runs, app.py by default; `PORT` among them stands for the port.
        places: environment of the app.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, *(port if word == "PORT" else word for word in words or (str(ROOT / "app.py"),))]
    environment = {**os.environ, "MEDEVAL_HOME": str(folder / "home"), "MEDEVAL_PORT": port, **places}
    with (folder / "log.txt").open("wb") as log:
        app = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/", app, folder / "log.txt")
            yield f"http://127.0.0.1:{port}/"
        finally:
            app.terminate()
            app.wait(timeout=20)


def _wait_for(url: str, app: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until and app.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=60).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the app did not come up: {log.read_text()[-2000:]}")


@contextmanager
def open_browser() -> Iterator[Any]:
    """The browser; not longer than a file of tests, because playwright keeps an event loop running."""
    from playwright.sync_api import sync_playwright

    assert BROWSER is not None, "CI must have Chromium installed"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=ARGS)
        yield started
        started.close()
