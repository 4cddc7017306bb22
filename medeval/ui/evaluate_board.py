"""What the Evaluate tab shows, gathered from the store and the jobs; no widgets and no HTML here."""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

from medeval.engines.contract import Decoding
from medeval.errors import MedevalError, StoreError
from medeval.evaluation.against import Against, compare_runs
from medeval.evaluation.records import Cell, RunRecord
from medeval.evaluation.tables import RunTables, run_tables
from medeval.services import Services
from medeval.services.evaluating import Order, begin, make_room
from medeval.store.jobs import Job

LIMIT = 40
_KEPT = 12


@dataclass(frozen=True)
class Work:
    """An evaluation job as the page shows it: its run, and how far it is. `eta` is in seconds."""

    job: Job
    run_id: str
    done: int = 0
    total: int = 0
    failed: int = 0
    eta: float | None = None
    lost: bool = False
    """Whether it is the newest evaluation and ended before its run began, so that nothing else would tell of it."""


class Board:
    """One per server; every method may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._tables: OrderedDict[tuple[object, ...], RunTables] = OrderedDict()
        self._read: dict[str, tuple[int, Work]] = {}
        self._lock = Lock()

    def suites(self) -> list[str]:
        """Names of suites, the standard one first, `all` last."""
        names = {name for case in self.services.cases.cases.values() for name in case.suite}
        return [*sorted(names, key=lambda name: (name != "standard", name)), "all"]

    def begin(
        self, suite: str, variants: list[str], repeats: int, decoding: Decoding, reuse: bool
    ) -> tuple[str, bool]:
        """Puts an evaluation into the queue; returns its run's id, and whether the page's model was closed for it."""
        _, run_id = begin(self.services, Order(suite, tuple(variants), repeats, decoding, reuse))
        closed = make_room(self.services)
        self.services.jobs.start()
        return run_id, closed

    def stop(self, job_id: str) -> None:
        """Stops a job; what is answered stays."""
        self.services.jobs.stop(job_id)

    def resume(self, job_id: str) -> bool:
        """Puts a job into the queue again; whether the page's model was closed for it."""
        self.services.jobs.resume(job_id)
        self.services.jobs.start()
        return make_room(self.services)

    def works(self) -> list[Work]:
        """Evaluation jobs that run or wait, then those that ended without finishing, newest first."""
        jobs = [job for job in self.services.jobs.list() if job.kind == "evaluate"]
        newest = max((job.id for job in jobs), default="")
        found = [self._work(job) for job in jobs if job.state != "done"]
        return [
            replace(work, lost=work.job.id == newest and not work.job.active and self.run(work.run_id) is None)
            for work in found
        ]

    def _work(self, job: Job) -> Work:
        after, before = self._read.get(job.id, (0, Work(job, "")))
        folder = self.services.jobs.folder(job.id)
        try:
            run_id = before.run_id or str(folder.config.get("run_id", ""))
            events, after = folder.events(after)
        except (StoreError, OSError):
            run_id, events = before.run_id, []
        told = next((event for event in reversed(events) if event["kind"] == "progress"), None)
        now = Work(job, run_id, before.done, before.total, before.failed, before.eta)
        if told is not None:
            now = Work(job, run_id, told["done"], told["total"], told.get("failed", 0), told.get("eta"))
        self._read[job.id] = (after, now)
        return now

    def runs(self) -> list[RunRecord]:
        """The latest runs, newest first."""
        return self.services.store.list_runs(LIMIT)

    def run(self, run_id: str) -> RunRecord | None:
        """A run, or None where there is none (yet)."""
        try:
            return self.services.store.run(run_id) if run_id else None
        except StoreError:
            return None

    def tables(self, run: RunRecord, profile: str) -> RunTables:
        """Tables of a run, kept until an answer is added; comparisons by metric only once nobody works on it."""
        whole = run.status != "running"
        key = (run.id, run.answered, run.failed, run.finished, profile, whole)
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
        found = run_tables(run, self.services.store.cells(run.id), profile, whole=whole)
        with self._lock:
            self._tables[key] = found
            while len(self._tables) > _KEPT:
                self._tables.popitem(last=False)
        return found

    def against(self, tables: RunTables, other_id: str) -> Against | str | None:
        """The comparison with another run; a sentence where they cannot be compared; None where there is none."""
        other = self.run(other_id)
        if other is None:
            return None
        try:
            cells = self.services.store.cells(other.id)
            return compare_runs(tables.run, tables.cells, other, cells, tables.profile)
        except MedevalError as error:
            return str(error)

    def group(self, run_id: str, case_id: str, repeat: int) -> list[Cell]:
        """The answers of one case in one repeat, in column order."""
        return [c for c in self.services.store.cells(run_id) if c.case_id == case_id and c.repeat == repeat]


def pause(began: float) -> float:
    """Seconds to wait after a paint that began at `began` (monotonic), so that painting takes a fifth at most."""
    return max(1.0, 4 * (time.monotonic() - began))
