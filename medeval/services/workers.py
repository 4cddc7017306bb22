"""What a job's own process does: claim the folder, run the worker of its kind, say how it ended, start the next job."""

import contextlib
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from medeval.errors import MedevalError, UsageError
from medeval.settings import Settings
from medeval.training.disk import full_sentence, is_full
from medeval.training.progress import JobFolder

WORKERS: dict[str, str] = {
    "train": "medeval.services.training:work",
    "evaluate": "medeval.services.evaluating:work",
    "fuse": "medeval.services.fusing:work",
}
"""Kind of job -> `module:function`, imported when needed; the function is `work(folder, settings) -> None`."""


def run_job(path: Path) -> int:
    """Works on the job folder `path` in this process; returns the exit code (0 done or stopped, 1 failed).

    Raises:
        UsageError: it is no job folder, or another process works on it.
    """
    from filelock import FileLock, Timeout

    if not (path / "config.json").is_file():
        raise UsageError(f"{path} 不是任务文件夹：没有 config.json / {path} is not a job folder: no config.json")
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"{path.name} 已有进程在工作，同一任务只能运行一次"
            f" / another process already works on {path.name}: a job runs once at a time"
        ) from None
    with lock:
        return _claimed(JobFolder(path))


def _claimed(folder: JobFolder) -> int:
    from medeval.store.owner import started

    folder.listen()
    settings: Settings | None = None
    try:
        folder.write_process(os.getpid(), started(os.getpid()))
        folder.reserve()
        config = folder.config
        settings = Settings(**config.get("settings", {}))
        _worker(str(config.get("kind")), folder, settings)
        code = 0
        folder.finish("stopped" if folder.stop_requested() and not _finished(folder) else "done")
    except Exception as error:
        code = 1
        traceback.print_exc()
        folder.finish("failed", _sentence(error, folder))
    if settings is not None:
        with contextlib.suppress(MedevalError):
            _start_next(folder, settings)
    sys.stdout.flush()
    return code


def _worker(kind: str, folder: JobFolder, settings: Settings) -> None:
    if kind not in WORKERS:
        raise UsageError(
            f"不认识的任务类型 {kind!r}；有：{', '.join(WORKERS)}"
            f" / unknown kind of job {kind!r}; known: {', '.join(WORKERS)}"
        )
    module, _, function = WORKERS[kind].partition(":")
    getattr(import_module(module), function)(folder, settings)


def _finished(folder: JobFolder) -> bool:
    """Whether the work was complete although a stop was asked at the very end: its last event is a `result`."""
    events, _ = folder.events()
    return bool(events) and events[-1]["kind"] == "result"


def _sentence(error: Exception, folder: JobFolder) -> str:
    if is_full(error):
        return full_sentence(folder.path)
    if isinstance(error, MedevalError):
        return str(error)
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    return f"意外错误，详情见日志 / unexpected error, the log has the details · {type(error).__name__}: {first}"


def _start_next(folder: JobFolder, settings: Settings) -> None:
    """Where no app supervises, the next job that waits begins now."""
    from medeval.store import Store
    from medeval.store.jobs import Jobs

    if folder.path.parent != settings.home / "jobs":
        return
    store = Store(settings.home)
    try:
        Jobs(store, settings).supervise(leaving=folder.path.name)
    finally:
        store.close()
