"""The SQLite file: opening it privately, bringing its schema up to date, and turning its errors into sentences.

What the rows mean is not known here.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from medeval.errors import StoreError

HEAD = "0003"
"""The newest schema version; kept here so that opening an up-to-date file does not import Alembic."""

BUSY_SECONDS = 10.0
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One SQLite file; safe to share between threads, and with other processes."""

    def __init__(self, file: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.file = file
        with self._sentences():
            _create_private(file)
            self._engine = _engine(file, busy_seconds)
            self._prepare()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view of the file; never waits for a writer."""
        with self._sentences(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start and is on disk when the block ends.

        Raises:
            StoreError: another process writes for longer than the busy time, the disk is full, the file is damaged.
        """
        with self._sentences(), self._engine.connect() as connection:
            writer = connection.execution_options(write=True)
            with writer.begin():
                yield writer

    def close(self) -> None:
        """Closes every connection; may be called twice."""
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            if _version(connection) == HEAD:
                return
        _to_wal(self.file)
        with self.writing() as connection:
            _migrate(connection, self.file)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise StoreError(_sentence(str(error.orig), self.file)) from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreError(_sentence(str(error), self.file)) from error


def _create_private(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _engine(file: Path, busy_seconds: float) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, record: Any) -> None:
        # the driver must not begin transactions of its own, or BEGIN IMMEDIATE below comes too late
        raw.isolation_level = None
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _to_wal(file: Path) -> None:
    # the switch does not wait for the busy time by itself where two processes open a new file at once
    for attempt in range(50):
        raw = sqlite3.connect(file, timeout=1)
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if attempt == 49:
                raise
            time.sleep(0.05)
        finally:
            raw.close()


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection, file: Path) -> None:
    found = _version(connection)
    if found == HEAD:  # another process was quicker
        return
    if found is not None and found > HEAD:
        raise StoreError(
            f"{file} 由更新版本的 medeval 写成（{found}）：请升级 medeval"
            f" / {file} was written by a newer medeval ({found}): upgrade it"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _sentence(detail: str, file: Path) -> str:
    low = detail.lower()
    if "locked" in low or "busy" in low:
        return (
            f"数据库正忙：另一个进程正在写 {file}，请稍后再试"
            f" / the store is busy: another process writes {file}, try again"
        )
    if "full" in low or "no space" in low:
        return f"磁盘已满，无法写入 {file}：请腾出空间 / the disk is full, {file} cannot be written: free some space"
    if "malformed" in low or "not a database" in low:
        return (
            f"{file} 已损坏，不是可读的数据库：请移开它或恢复备份"
            f" / {file} is damaged: move it away or restore a backup"
        )
    if any(word in low for word in ("readonly", "unable to open", "permission", "not a directory", "file exists")):
        return (
            f"无法写入 {file}：请检查权限或设置 MEDEVAL_HOME"
            f" / {file} cannot be written: check rights or set MEDEVAL_HOME"
        )
    return f"数据库 {file} 出错：{detail} / the store {file} failed: {detail}"
