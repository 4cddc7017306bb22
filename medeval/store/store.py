"""Store: runs with their cells, and the exchanges of the Compare page (design/store.md).

Rows hold JSON of the plain values of `medeval.evaluation.records`; times are UTC. One process works on a run at a
time, any number may read.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from medeval.cases.schema import Case
from medeval.engines.contract import Receipt
from medeval.errors import StoreError
from medeval.evaluation.records import (
    Cell,
    CellKey,
    RunRecord,
    RunSpec,
    RunStatus,
    cell_from,
    receipt_from,
    spec_from,
    to_plain,
)
from medeval.store.database import BUSY_SECONDS, Database
from medeval.store.owner import alive, started
from medeval.store.tables import cells, exchanges, runs

_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Exchange:
    """One question of the Compare page with all its answers."""

    id: int
    created: str
    case: Case
    cells: tuple[Cell, ...]
    receipt: Receipt | None


class Store:
    """The store of one home folder. Every write is on disk when the call returns."""

    def __init__(self, home: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self._database = Database(home / "medeval.sqlite", busy_seconds)

    @property
    def database(self) -> Database:
        """The file, for the parts of the store that have tables of their own."""
        return self._database

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._database.close()

    @staticmethod
    def new_run_id() -> str:
        """A fresh id, such as `20261122-2215-k3f9`."""
        tail = "".join(secrets.choice(_ID_LETTERS) for _ in range(4))
        return f"{datetime.now(UTC):%Y%m%d-%H%M}-{tail}"

    def create_run(self, spec: RunSpec, run_id: str | None = None) -> str:
        """Stores what is going to be asked and returns the run's id: `run_id`, or a new one."""
        now = datetime.now(UTC)
        run_id = run_id or self.new_run_id()
        row = {"id": run_id, "created": now.isoformat(timespec="seconds"), "spec": _dump(to_plain(spec))}
        with self._database.writing() as connection:
            connection.execute(insert(runs).values(**row))
        return run_id

    def has_run(self, run_id: str) -> bool:
        """Whether there is a run of that id."""
        with self._database.reading() as connection:
            return connection.execute(select(runs.c.id).where(runs.c.id == run_id)).first() is not None

    def run(self, run_id: str) -> RunRecord:
        """The run called `run_id`.

        Raises:
            StoreError: there is none; the latest ones are named.
        """
        with self._database.reading() as connection:
            row = connection.execute(_runs_query().where(runs.c.id == run_id)).first()
            if row is None:
                raise StoreError(_unknown_run(connection, run_id))
        return _record(row)

    def list_runs(self, limit: int = 200) -> list[RunRecord]:
        """The latest runs, newest first."""
        query = _runs_query().order_by(runs.c.created.desc(), runs.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def cells(self, run_id: str) -> list[Cell]:
        """All cells saved so far, in the order of the run's cases, repeats and variants."""
        order = {key: place for place, key in enumerate(self.run(run_id).spec.keys())}
        with self._database.reading() as connection:
            rows = connection.execute(select(cells).where(cells.c.run_id == run_id)).all()
        found = [_cell(row._mapping) for row in rows]
        return sorted(found, key=lambda cell: (order.get(cell.key, len(order)), cell.key))

    def cell(self, run_id: str, key: CellKey) -> Cell | None:
        """One cell of a run, or None where it is not there yet."""
        at = {"run_id": run_id, "case_id": key.case_id, "variant": key.variant, "repeat": key.repeat}
        with self._database.reading() as connection:
            row = connection.execute(select(cells).filter_by(**at)).first()
        return None if row is None else _cell(row._mapping)

    def sink(self, run_id: str) -> "RunSink":
        """Where the loop saves; use as `with store.sink(run_id) as sink`, which claims the run for this process."""
        self.run(run_id)
        return RunSink(self._database, run_id)

    def finish_run(self, run_id: str) -> None:
        """Marks the run done; it stays resumable while cells are missing or failed."""
        with self._database.writing() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(finished=_now()))

    def delete_run(self, run_id: str) -> None:
        """Forgets a run and its answers."""
        with self._database.writing() as connection:
            connection.execute(delete(runs).where(runs.c.id == run_id))

    def save_exchange(self, asked: Case, answers: Sequence[Cell], receipt: Receipt | None = None) -> int:
        """Keeps one question with its answers and returns its number."""
        row = {
            "created": _now(),
            "case": _dump(asked.model_dump(mode="json")),
            "cells": _dump([to_plain(cell) for cell in answers]),
            "receipt": None if receipt is None else _dump(to_plain(receipt)),
        }
        with self._database.writing() as connection:
            key = connection.execute(insert(exchanges).values(**row)).inserted_primary_key
        return int(key[0]) if key else 0

    def exchanges(self, limit: int = 100) -> list[Exchange]:
        """The latest exchanges, newest first."""
        query = select(exchanges).order_by(exchanges.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_exchange(row._mapping) for row in connection.execute(query)]


class RunSink:
    """The `Sink` of one run. Entering it claims the run, so that two processes never work on the same one."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self.run_id = run_id

    def __enter__(self) -> "RunSink":
        with self._database.writing() as connection:
            row = connection.execute(select(runs).where(runs.c.id == self.run_id)).one()
            if alive(row.owner_pid, row.owner_started):
                raise StoreError(
                    f"评测 {self.run_id} 正由进程 {row.owner_pid} 进行：请等它结束或先停止它"
                    f" / process {row.owner_pid} is working on run {self.run_id}: wait for it or stop it"
                )
            mine = {"owner_pid": os.getpid(), "owner_started": started(os.getpid()), "finished": None}
            connection.execute(update(runs).where(runs.c.id == self.run_id).values(**mine))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._database.writing() as connection:
            free = {"owner_pid": None, "owner_started": None}
            connection.execute(update(runs).where(runs.c.id == self.run_id).values(**free))

    def done(self) -> set[CellKey]:
        """Keys of the finished answers; failed cells are left out, so they are asked again."""
        query = select(cells.c.case_id, cells.c.variant, cells.c.repeat).where(
            cells.c.run_id == self.run_id, cells.c.answer.is_not(None)
        )
        with self._database.reading() as connection:
            return {CellKey(*row) for row in connection.execute(query)}

    def save(self, cell: Cell) -> None:
        """Writes the cell durably; replaces an earlier failure, never a finished answer."""
        row = {
            "answer": None if cell.answer is None else _dump(to_plain(cell.answer)),
            "error": None if cell.error is None else cell.error.encode("utf-8", "replace").decode(),
            "scores": _dump({name: to_plain(score) for name, score in cell.scores.items()}),
            "profiles": _dump({name: to_plain(score) for name, score in cell.profiles.items()}),
            "saved": _now(),
        }
        key = {"run_id": self.run_id, "case_id": cell.case_id, "variant": cell.variant, "repeat": cell.repeat}
        statement = upsert(cells).values(**key, **row, attempts=1)
        statement = statement.on_conflict_do_update(
            index_elements=list(key), set_={**row, "attempts": cells.c.attempts + 1}, where=cells.c.answer.is_(None)
        )
        with self._database.writing() as connection:
            connection.execute(statement)


def _runs_query() -> Any:
    counts = (
        select(
            cells.c.run_id,
            func.count(cells.c.answer).label("answered"),
            func.sum(case((cells.c.answer.is_(None), 1), else_=0)).label("failed"),
        )
        .group_by(cells.c.run_id)
        .subquery()
    )
    return select(
        runs, func.coalesce(counts.c.answered, 0).label("answered"), func.coalesce(counts.c.failed, 0).label("failed")
    ).outerjoin(counts, counts.c.run_id == runs.c.id)


def _record(row: Row[Any]) -> RunRecord:
    spec = spec_from(json.loads(row.spec))
    status: RunStatus = "running" if alive(row.owner_pid, row.owner_started) else "interrupted"
    if row.finished is not None:
        status = "done"
    return RunRecord(row.id, spec, row.created, row.finished, status, row.answered, row.failed)


def _unknown_run(connection: Connection, run_id: str) -> str:
    latest = connection.execute(select(runs.c.id).order_by(runs.c.created.desc()).limit(5)).scalars().all()
    known = ", ".join(latest) or "–"
    return f"没有评测 {run_id!r}；最近的有：{known} / no such run {run_id!r}; the latest: {known}"


def _cell(row: Mapping[Any, Any]) -> Cell:
    parts = {name: json.loads(row[name] or "null") for name in ("answer", "scores", "profiles")}
    return cell_from({**row, **parts})


def _exchange(row: Mapping[Any, Any]) -> Exchange:
    asked = Case.model_validate(json.loads(row["case"]))
    kept = tuple(cell_from(item) for item in json.loads(row["cells"]))
    receipt = None if row["receipt"] is None else receipt_from(json.loads(row["receipt"]))
    return Exchange(row["id"], row["created"], asked, kept, receipt)


def _dump(plain: Any) -> str:
    return json.dumps(plain, allow_nan=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
