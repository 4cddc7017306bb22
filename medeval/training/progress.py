"""JobFolder: the folder that a job and everybody who watches it share (config, events, outcome, log, stop).

Written by one process, read by any number at any time: files are replaced whole, events are appended as whole lines.
Knows nothing of processes or of the store.
"""

import contextlib
import json
import math
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock
from typing import Any, Literal

from medeval.errors import StoreError

Outcome = Literal["done", "stopped", "failed"]
_RESERVE_BYTES = 16_384


class JobFolder:
    """One job on disk.

    Files: `config.json` (what to do), `events.jsonl` (what happened), `outcome.json` (how it ended), `log.txt`
    (what libraries printed), `stop` (somebody wants it to end), `process.json` (who works on it).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._signalled = Event()

    @property
    def log(self) -> Path:
        """What the process and its libraries print."""
        return self.path / "log.txt"

    @property
    def config(self) -> dict[str, Any]:
        """What the job was told.

        Raises:
            StoreError: config.json is missing or damaged.
        """
        return self._mapping("config.json")

    def write_config(self, values: Mapping[str, Any]) -> None:
        """Replaces config.json whole; makes the folder (mode 0700) where needed."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.path / "config.json", dict(values))

    def emit(self, kind: str, **fields: Any) -> None:
        """Appends one event; numbers that are not finite are written as null.

        Raises:
            OSError: the line could not be written whole; readers skip what is torn.
        """
        event = {"t": round(time.time(), 3), "kind": kind, **fields}
        line = json.dumps(_finite(event), ensure_ascii=False, default=str).encode() + b"\n"
        with self._lock:
            handle = os.open(self._events, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                _write_whole(handle, line)
            finally:
                os.close(handle)

    def events(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Events from byte `after` on, and where to go on reading; a torn last line is left for the next time."""
        try:
            with self._events.open("rb") as file:
                file.seek(after)
                data = file.read()
        except FileNotFoundError:
            return [], after
        end = data.rfind(b"\n") + 1
        found = (_event(line) for line in data[:end].splitlines())
        return [event for event in found if event is not None], after + end

    def ask_to_stop(self) -> None:
        """Leaves the wish to stop; the worker sees it between two steps."""
        (self.path / "stop").touch(mode=0o600)

    def stop_requested(self) -> bool:
        """Whether the job should end: the file `stop` is there, or SIGTERM came to this process."""
        return self._signalled.is_set() or (self.path / "stop").exists()

    def listen(self) -> None:
        """Takes SIGTERM and SIGINT of this process as the wish to stop; call it in the main thread."""

        def stop(number: int, frame: object) -> None:
            self._signalled.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def prepare(self) -> None:
        """Makes the folder ready for a new attempt: forgets the last outcome and the wish to stop."""
        for name in ("outcome.json", "stop", "process.json"):
            (self.path / name).unlink(missing_ok=True)

    def reserve(self) -> None:
        """Sets a little room aside, so that the outcome can be written even when the disk is full."""
        (self.path / ".reserve").write_bytes(os.urandom(_RESERVE_BYTES))

    def finish(self, outcome: Outcome, error: str = "") -> None:
        """Says how the attempt ended; durable, and the last thing a worker writes."""
        (self.path / ".reserve").unlink(missing_ok=True)
        if error:
            with contextlib.suppress(OSError):
                self.emit("error", message=error)
        write_json(self.path / "outcome.json", {"state": outcome, "error": error})

    def outcome(self) -> tuple[Outcome, str] | None:
        """How the last attempt ended and its error, or None while it has not (or was killed)."""
        try:
            plain = self._mapping("outcome.json")
        except StoreError:
            return None
        state = plain.get("state")
        return (state, str(plain.get("error") or "")) if state in ("done", "stopped", "failed") else None

    def write_process(self, pid: int, started: float) -> None:
        """Notes which process works here."""
        write_json(self.path / "process.json", {"pid": pid, "started": started})

    def process(self) -> tuple[int, float] | None:
        """Pid and start time (seconds since the epoch) of the process that works or worked here."""
        try:
            plain = self._mapping("process.json")
            return int(plain["pid"]), float(plain["started"])
        except (StoreError, KeyError, TypeError, ValueError):
            return None

    @property
    def _events(self) -> Path:
        return self.path / "events.jsonl"

    def _mapping(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"无法读取 {self.path / name} / {self.path / name} cannot be read · {error}") from error
        if not isinstance(value, dict):
            raise StoreError(f"{self.path / name} 不是 JSON 对象 / {self.path / name} is not a JSON object")
        return value


def write_json(path: Path, value: Any) -> None:
    """Replaces a JSON file whole and durably: temporary file, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(_finite(value), ensure_ascii=False, indent=1, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_whole(handle: int, line: bytes) -> None:
    size = os.lseek(handle, 0, os.SEEK_END)
    if size and os.pread(handle, 1, size - 1) != b"\n":
        line = b"\n" + line  # a killed or full predecessor left half a line
    while line:
        line = line[os.write(handle, line) :]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "kind" in value else None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
