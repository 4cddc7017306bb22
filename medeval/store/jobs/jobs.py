"""Jobs: a durable queue of background work, one at a time, each a detached process that nothing of the app can end.

The row says what should be, the folder says what happened; a tick of `supervise` brings them together. Only the process
that holds the lease starts and reaps jobs; everybody may add, stop and read.
"""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from medeval.errors import MedevalError, StoreError, UsageError
from medeval.settings import Settings
from medeval.store.jobs import process, rows
from medeval.store.jobs.rows import ACTIVE, Job, JobKind, JobState, Tracked
from medeval.store.store import Store
from medeval.training.disk import require_space
from medeval.training.progress import JobFolder

if TYPE_CHECKING:
    import subprocess

__all__ = ["Job", "JobKind", "JobState", "Jobs"]

GRACE_SECONDS = 300.0
"""From the wish to stop to SIGKILL: a large model may need minutes to finish its step and its checkpoint."""
TICK_SECONDS = 1.0
_START_BYTES = 20_000_000
_SECRET = {"password", "user", "tls_cert", "tls_key", "hosts"}


class Jobs:
    """The jobs of one store.

    Args:
        store: where the rows are.
        settings: handed to each job's process with its config (without password and keys).
        grace_seconds: how long a job may take to stop before its process is killed.
        command: what is run with the job's folder as last word; its words hold `work`.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        grace_seconds: float = GRACE_SECONDS,
        command: Sequence[str] = process.WORK,
    ) -> None:
        self._store, self._settings, self._grace, self._command = store, settings, grace_seconds, tuple(command)
        self._root = settings.home.expanduser().absolute() / "jobs"
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._closing = Event()
        self._thread: Thread | None = None

    def add(self, kind: JobKind, title: str, config: Mapping[str, Any]) -> Job:
        """Puts a job at the end of the queue.

        Args:
            kind: train, evaluate or fuse.
            title: for people.
            config: what the worker reads beside `kind` and `settings`.

        Raises:
            DiskFullError: hardly any room is left. StoreError: the store cannot be written.
        """
        require_space(self._root, _START_BYTES)
        job_id = rows.new_id()
        folder = JobFolder(self._root / job_id)
        folder.write_config({"kind": kind, "settings": self._plain_settings(), **config})
        folder.log.touch(mode=0o600)
        with self._store.database.writing() as connection:
            rows.insert_job(connection, job_id, kind, title)
        return self.get(job_id)

    def list(self) -> "list[Job]":
        """Every job: what runs, what waits in its order, then the rest, newest first."""
        with self._store.database.reading() as connection:
            return [item.job for item in rows.read_all(connection, self._root)]

    def get(self, job_id: str) -> Job:
        """One job; raises StoreError where there is none."""
        with self._store.database.reading() as connection:
            return rows.read_one(connection, self._root, job_id).job

    def folder(self, job_id: str) -> JobFolder:
        """The folder of a job: config, events, log."""
        return JobFolder(self.get(job_id).folder)

    def stop(self, job_id: str) -> Job:
        """Asks a job to save and end; one that waits leaves the queue at once. Harmless where it has ended."""
        with self._store.database.writing() as connection:
            found = rows.read_one(connection, self._root, job_id)
            if found.job.state == "queued":
                rows.change(connection, job_id, state="stopped", ended=rows.now())
            elif found.job.state in ACTIVE:
                JobFolder(found.job.folder).ask_to_stop()
                rows.change(connection, job_id, state="stopping", stop_asked=found.stop_asked or time.time())
        if found.job.state in ACTIVE:
            self._ask(found)
        return self.get(job_id)

    def resume(self, job_id: str) -> Job:
        """Puts a stopped, failed or interrupted job into the queue again; it goes on from what it saved.

        Raises:
            UsageError: it runs, waits, or is done.
        """
        with self._store.database.writing() as connection:
            found = rows.read_one(connection, self._root, job_id)
            if found.job.state not in ("stopped", "failed", "interrupted"):
                raise UsageError(
                    f"任务 {job_id} 的状态是 {found.job.state}，不能续跑"
                    f" / only a stopped, failed or interrupted job can be resumed, {job_id} is {found.job.state}"
                )
            if process.find_worker(found.job.folder):
                raise UsageError(
                    f"任务 {job_id} 的进程还没有结束，请稍候"
                    f" / the process of job {job_id} has not ended yet: wait"
                )
            JobFolder(found.job.folder).prepare()
            rows.requeue(connection, job_id)
        return self.get(job_id)

    def clone(self, job_id: str, changes: Mapping[str, Any], title: str | None = None) -> Job:
        """A new job told the same as `job_id` but for `changes`; a mapping changes a mapping key by key."""
        source = self.get(job_id)
        config = {key: value for key, value in JobFolder(source.folder).config.items() if key != "settings"}
        for key, value in changes.items():
            old = config.get(key)
            config[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
        return self.add(source.kind, title or source.title, {k: v for k, v in config.items() if k != "kind"})

    def delete(self, job_id: str) -> None:
        """Removes a job with its folder.

        Raises:
            UsageError: it still runs.
        """
        with self._store.database.writing() as connection:
            found = rows.read_one(connection, self._root, job_id)
            if found.job.state in ACTIVE or process.find_worker(found.job.folder):
                raise UsageError(f"任务 {job_id} 正在运行，请先停止 / job {job_id} is running: stop it first")
            rows.remove(connection, job_id)
        shutil.rmtree(found.job.folder, ignore_errors=True)

    def supervisor(self) -> int | None:
        """Pid of the living process that starts and reaps the jobs of this store, or None."""
        with self._store.database.reading() as connection:
            return rows.lease_owner(connection)

    def supervise(self, leaving: str | None = None, start: bool = True) -> bool:
        """One tick: knows processes again, records how ended ones ended, starts the next that waits.

        Args:
            leaving: id of the job whose process is calling just before it exits; it counts as ended.
            start: whether to hold the lease and start a waiting job; else what ended is noted, if nobody supervises.

        Returns:
            Whether this process may supervise; where another one does, nothing was touched.
        """
        self._reap_children()
        with self._store.database.writing() as connection:
            if not (rows.take_lease(connection) if start else rows.lease_owner(connection) in (None, os.getpid())):
                return False
            found = rows.read_all(connection, self._root)
            busy = False
            for item in (one for one in found if one.job.state in ACTIVE):
                values = self._look(item, leaving)
                busy = busy or values.get("state", item.job.state) in ACTIVE
                if values:
                    rows.change(connection, item.job.id, **values)
            following = next((item.job for item in found if item.job.state == "queued"), None)
            if busy or following is None or not start:
                return True
            # noted before it is started: an app killed in between leaves no process that nobody knows
            blank = {"pid": None, "process_started": None, "ended": None, "error": None}
            rows.change(connection, following.id, state="running", started=rows.now(), **blank)
        self._launch(following)
        return True

    def start(self) -> None:
        """Ticks each second in a background thread; may be called twice."""
        if self._thread is None or not self._thread.is_alive():
            self._closing.clear()
            self._thread = Thread(target=self._run, name="medeval-jobs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends the thread and gives the lease back; processes of jobs go on."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with contextlib.suppress(StoreError), self._store.database.writing() as connection:
            rows.drop_lease(connection)

    def _run(self) -> None:
        while True:
            try:
                self.supervise()
            except MedevalError as error:  # busy store, full disk: the next tick tries again
                print(f"medeval jobs: {error}", file=sys.stderr)
            if self._closing.wait(TICK_SECONDS):
                return

    def _launch(self, job: Job) -> None:
        try:
            child, began = process.spawn(job.folder, self._command)
        except OSError as error:
            failure = f"无法启动任务进程：{error.strerror} / the job's process could not be started: {error.strerror}"
            with self._store.database.writing() as connection:
                rows.change(connection, job.id, state="failed", ended=rows.now(), error=failure)
            return
        self._children[job.id] = child
        with self._store.database.writing() as connection:
            rows.change(connection, job.id, pid=child.pid, process_started=began)

    def _look(self, item: Tracked, leaving: str | None) -> dict[str, Any]:
        """What has to be changed in the row of a job that should be running."""
        job = item.job
        outcome = JobFolder(job.folder).outcome()
        if job.id != leaving and self._lives(item):
            noted = process.find_worker(job.folder)
            if item.stop_asked and time.time() - item.stop_asked > self._grace:
                self._kill(item)
            return {} if job.pid or noted is None else {"pid": noted[0], "process_started": noted[1]}
        ended = {"ended": rows.now(), "pid": None, "process_started": None, "stop_asked": None}
        if outcome is not None:
            return {"state": outcome[0], "error": outcome[1] or None, **ended}
        if job.state == "stopping":
            return {"state": "stopped", "error": None, **ended}
        lost = (
            "进程意外结束（被杀死、断电或崩溃），可以续跑；详情见日志"
            " / the process ended unexpectedly; resume it, the log may say why"
        )
        return {"state": "interrupted", "error": lost, **ended}

    def _lives(self, item: Tracked) -> bool:
        job = item.job
        child = self._children.get(job.id)
        if child is not None:
            return child.poll() is None
        if job.pid is not None:
            return process.is_worker(job.pid, item.process_started, job.folder)
        if process.find_worker(job.folder) is not None:
            return True
        # started by an app that was killed before it could note the process: give that a moment to show itself
        return JobFolder(job.folder).outcome() is None and _seconds_since(job.started) < process.APPEAR_SECONDS

    def _ask(self, item: Tracked) -> None:
        found = self._identity(item)
        if found is not None:
            process.ask(*found, item.job.folder)

    def _kill(self, item: Tracked) -> None:
        found = self._identity(item)
        if found is not None:
            process.end(*found, item.job.folder)

    def _identity(self, item: Tracked) -> tuple[int, float] | None:
        if item.job.pid is not None and item.process_started is not None:
            return item.job.pid, item.process_started
        return process.find_worker(item.job.folder)

    def _reap_children(self) -> None:
        with self._store.database.reading() as connection:
            active = {item.job.id for item in rows.read_all(connection, self._root) if item.job.state in ACTIVE}
        for job_id in [name for name, child in self._children.items() if child.poll() is not None]:
            if job_id not in active:
                del self._children[job_id]

    def _plain_settings(self) -> dict[str, Any]:
        plain = self._settings.model_dump(mode="json", exclude=_SECRET)
        for name, value in plain.items():
            # the worker stands in another folder, so a path must not depend on where the app was started
            folder = name == "base" and Path(value).expanduser().is_dir()
            if folder or isinstance(getattr(self._settings, name), Path):
                plain[name] = str(Path(value).expanduser().absolute())
        return plain


def _seconds_since(stamp: str | None) -> float:
    from datetime import UTC, datetime

    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() if stamp else float("inf")
