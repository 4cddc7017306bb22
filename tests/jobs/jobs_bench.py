"""Jobs of a private store whose processes are the test worker, and waiting for them by ticks instead of by time."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from medeval.settings import Settings
from medeval.store import Store
from medeval.store.jobs import Job, Jobs

WORKER = Path(__file__).parent / "worker.py"
COMMAND = (sys.executable, str(WORKER), "work")


class Bench:
    """One home with its jobs."""

    def __init__(self, home: Path, grace: float = 300.0) -> None:
        self.settings = Settings(home=home)
        self.store = Store(home)
        self.jobs = Jobs(self.store, self.settings, grace, COMMAND)

    def add(self, title: str = "t", **config: object) -> Job:
        return self.jobs.add("train", title, config)

    def until(self, job: Job, wanted: Callable[[Job], bool], seconds: float = 60.0) -> Job:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.jobs.supervise()
            now = self.jobs.get(job.id)
            if wanted(now):
                return now
            time.sleep(0.02)
        log = self.jobs.folder(job.id).log
        raise AssertionError(f"still {self.jobs.get(job.id)}\n{log.read_text() if log.exists() else ''}")

    def ended(self, job: Job) -> Job:
        return self.until(job, lambda now: not now.active)

    def counting(self, job: Job) -> Job:
        return self.until(job, lambda now: now.pid is not None and bool(self.kinds(job)))

    def kinds(self, job: Job) -> list[str]:
        return [event["kind"] for event in self.jobs.folder(job.id).events()[0]]
