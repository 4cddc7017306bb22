"""Rows of jobs and of the supervisor's lease, inside a transaction that the caller holds."""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from medeval.errors import StoreError
from medeval.store.owner import alive, started
from medeval.store.tables import job_lease, jobs

JobKind = Literal["train", "evaluate", "fuse"]
JobState = Literal["queued", "running", "stopping", "stopped", "done", "failed", "interrupted"]
ACTIVE: tuple[JobState, ...] = ("running", "stopping")
_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Job:
    """One piece of background work. Times are UTC, ISO 8601; `pid` is set while a process works on it."""

    id: str
    kind: JobKind
    title: str
    state: JobState
    folder: Path
    created: str
    started: str | None = None
    ended: str | None = None
    pid: int | None = None
    error: str | None = None
    place: int = 0
    """Place in the queue, 1 is next; 0 where it does not wait."""

    @property
    def active(self) -> bool:
        """Whether it waits or runs, so that news may come."""
        return self.state in ("queued", "running", "stopping")


@dataclass(frozen=True)
class Tracked:
    """A job with what only the supervisor needs: who its process is and when stopping was asked."""

    job: Job
    process_started: float | None
    stop_asked: float | None


def now() -> str:
    """The time as stored."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id() -> str:
    """A fresh id, such as `20261123-0140-k3f9`."""
    tail = "".join(secrets.choice(_ID_LETTERS) for _ in range(4))
    return f"{datetime.now(UTC):%Y%m%d-%H%M}-{tail}"


def insert_job(connection: Connection, job_id: str, kind: JobKind, title: str) -> None:
    """Adds a queued job at the end of the queue."""
    row = {"id": job_id, "kind": kind, "title": title[:200], "state": "queued", "created": now()}
    connection.execute(insert(jobs).values(**row, position=_last(connection) + 1))


def requeue(connection: Connection, job_id: str) -> None:
    """Puts a job at the end of the queue again, with no trace of its last process."""
    blank = {"pid": None, "process_started": None, "stop_asked": None, "ended": None, "error": None}
    change(connection, job_id, state="queued", position=_last(connection) + 1, **blank)


def change(connection: Connection, job_id: str, **values: Any) -> None:
    """Updates columns of one job."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def remove(connection: Connection, job_id: str) -> None:
    """Forgets one job."""
    connection.execute(delete(jobs).where(jobs.c.id == job_id))


def read_all(connection: Connection, root: Path) -> list[Tracked]:
    """Every job: what runs, then what waits in order, then the others, newest first."""
    rows = connection.execute(select(jobs).order_by(jobs.c.position)).all()
    places = {row.id: place for place, row in enumerate((r for r in rows if r.state == "queued"), 1)}
    found = [_tracked(row, root, places.get(row.id, 0)) for row in rows]
    busy = [item for item in found if item.job.state in ACTIVE]
    waiting = [item for item in found if item.job.state == "queued"]
    over = [item for item in reversed(found) if not item.job.active]
    return [*busy, *waiting, *over]


def read_one(connection: Connection, root: Path, job_id: str) -> Tracked:
    """One job.

    Raises:
        StoreError: there is none; the latest ones are named.
    """
    found = read_all(connection, root)
    for item in found:
        if item.job.id == job_id:
            return item
    known = ", ".join(item.job.id for item in found[:5]) or "–"
    raise StoreError(f"没有任务 {job_id!r}；最近的有：{known} / no such job {job_id!r}; the latest: {known}")


def take_lease(connection: Connection) -> bool:
    """Whether this process may supervise: nobody does, or whoever did is gone."""
    row = connection.execute(select(job_lease)).first()
    if row is not None and row.owner_pid != os.getpid() and alive(row.owner_pid, row.owner_started):
        return False
    mine = started(os.getpid())
    if row is None or row.owner_pid != os.getpid() or row.owner_started != mine:
        connection.execute(delete(job_lease))
        connection.execute(insert(job_lease).values(id=1, owner_pid=os.getpid(), owner_started=mine))
    return True


def drop_lease(connection: Connection) -> None:
    """Gives the lease back, where this process holds it."""
    connection.execute(delete(job_lease).where(job_lease.c.owner_pid == os.getpid()))


def lease_owner(connection: Connection) -> int | None:
    """Pid of the living process that supervises, or None."""
    row = connection.execute(select(job_lease)).first()
    return row.owner_pid if row is not None and alive(row.owner_pid, row.owner_started) else None


def _last(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(jobs.c.position), 0))).scalar_one())


def _tracked(row: Row[Any], root: Path, place: int) -> Tracked:
    job = Job(
        row.id, cast(JobKind, row.kind), row.title, cast(JobState, row.state), root / row.id, row.created,
        row.started, row.ended, row.pid, row.error, place,
    )  # fmt: skip
    return Tracked(job, row.process_started, row.stop_asked)
