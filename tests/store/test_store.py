"""The store: what is saved is there, once, privately, also while others read and write; its errors are sentences."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from run_samples import RECEIPT, ScriptedEngine, make_cases, make_cell, make_spec

from medeval.engines.contract import Decoding
from medeval.errors import StoreError
from medeval.evaluation.records import Cell, CellKey
from medeval.evaluation.run import run_suite
from medeval.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def test_run_comes_back_as_it_went_in(store: Store) -> None:
    spec = make_spec(make_cases(2), packages={"medeval": "0"}, commit="abc", decoding=Decoding(seed=4))
    run_id = store.create_run(spec)
    run = store.run(run_id)
    assert (run.spec, run.status, run.answered, run.failed, run.missing) == (spec, "interrupted", 0, 0, 6)
    assert len(run_id) == 18 and run_id[8] == run_id[13] == "-"


def test_cell_comes_back_as_it_went_in(store: Store) -> None:
    run_id = store.create_run(make_spec(make_cases(2)))
    cells = [
        make_cell("c0", "base", 0.5, text="血\x00压\u2028😀"),
        Cell("c0", "v1", 0, None, "坏了 \ud800"),
        make_cell("c1", "v2", None),
    ]
    sink = store.sink(run_id)
    for cell in reversed(cells):
        sink.save(cell)
    found = store.cells(run_id)
    assert [found[0], found[2]] == [cells[0], cells[2]] and found[1].error == "坏了 ?"
    assert sink.done() == {CellKey("c0", "base"), CellKey("c1", "v2")}
    assert (store.run(run_id).answered, store.run(run_id).failed) == (2, 1)


def test_a_finished_answer_is_never_overwritten_and_a_failure_is(store: Store) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    sink = store.sink(run_id)
    sink.save(Cell("c0", "base", 0, None, "坏了"))
    sink.save(make_cell("c0", "base", 0.4))
    sink.save(make_cell("c0", "base", 0.9))
    sink.save(Cell("c0", "base", 0, None, "坏了"))
    assert store.cells(run_id) == [replace(make_cell("c0", "base", 0.4), attempts=2)]


def test_a_retry_is_counted(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    store.sink(run_id).save(Cell("c0", "base", 0, None, "坏了"))
    store.sink(run_id).save(make_cell("c0", "base", 0.4))
    with sqlite3.connect(home / "medeval.sqlite") as raw:
        assert raw.execute("SELECT attempts FROM cells").fetchall() == [(2,)]


def test_a_run_goes_from_interrupted_to_running_to_done(store: Store) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    with store.sink(run_id):
        assert store.run(run_id).status == "running"
    assert store.run(run_id).status == "interrupted"
    store.finish_run(run_id)
    assert store.run(run_id).status == "done" and store.run(run_id).finished


def test_two_workers_never_share_a_run(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    with store.sink(run_id), pytest.raises(StoreError, match="is working on run"), Store(home).sink(run_id):
        pytest.fail("the second worker got in")
    with store.sink(run_id):
        pass


def test_a_claim_of_a_dead_or_reused_process_does_not_hold(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, started in ((gone.pid, 1.0), (os.getpid(), 1.0)):
        with sqlite3.connect(home / "medeval.sqlite") as raw:
            raw.execute("UPDATE runs SET owner_pid=?, owner_started=?", (pid, started))
        raw.close()
        assert store.run(run_id).status == "interrupted"
        with store.sink(run_id):
            pass


def test_runs_are_listed_newest_first_and_unknown_ones_name_them(store: Store) -> None:
    ids = [store.create_run(make_spec(make_cases(1))) for _ in range(3)]
    assert sorted(run.id for run in store.list_runs()) == sorted(ids)
    with pytest.raises(StoreError, match=ids[0]):
        store.run("20990101-0000-none")


def test_a_deleted_run_takes_its_answers_along(store: Store) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    store.sink(run_id).save(make_cell("c0", "base", 0.4))
    store.delete_run(run_id)
    assert store.list_runs() == []
    with pytest.raises(StoreError):
        store.cells(run_id)


def test_exchanges_come_back_newest_first(store: Store) -> None:
    case = make_cases(1)[0]
    first = store.save_exchange(case, [make_cell("c0", "base", 0.4), Cell("c0", "v1", 0, None, "坏了")], RECEIPT)
    second = store.save_exchange(case, [], None)
    found = store.exchanges()
    assert [item.id for item in found] == [second, first]
    assert found[1].case == case and found[1].receipt == RECEIPT and found[1].cells[1].error == "坏了"


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_file_is_private(store: Store, home: Path) -> None:
    store.create_run(make_spec(make_cases(1)))
    modes = {stat.S_IMODE(file.stat().st_mode) for file in home.glob("medeval.sqlite*")}
    assert modes == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    (home / "medeval.sqlite").chmod(0o644)
    Store(home)
    assert stat.S_IMODE((home / "medeval.sqlite").stat().st_mode) == 0o600


def test_writes_are_durable_and_readers_do_not_wait(store: Store) -> None:
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_another_process_reads_while_one_writes(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(1)))
    code = (
        "import sys; from pathlib import Path; from medeval.store import Store\n"
        "print(len(Store(Path(sys.argv[1])).cells(sys.argv[2])))"
    )
    with store._database.writing() as connection:  # the write lock is held all the while
        connection.exec_driver_sql("UPDATE runs SET created = created")
        done = subprocess.run([sys.executable, "-c", code, home, run_id], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_a_locked_store_says_busy(store: Store, home: Path) -> None:
    hasty = Store(home, busy_seconds=0.1)
    run_id = store.create_run(make_spec(make_cases(1)))
    with store._database.writing(), pytest.raises(StoreError, match="busy"):
        hasty.sink(run_id).save(make_cell("c0", "base", 0.1))
    hasty.sink(run_id).save(make_cell("c0", "base", 0.1))


def test_writers_wait_for_each_other(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(40)))

    def write(variant: str) -> None:
        sink = (store if variant == "v2" else Store(home)).sink(run_id)
        assert store.run(run_id).id == run_id  # one Store serves many threads
        for i in range(40):
            sink.save(make_cell(f"c{i}", variant, 0.5))

    threads = [threading.Thread(target=write, args=(name,)) for name in ("base", "v1", "v2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.run(run_id).answered == 120


@pytest.mark.parametrize(
    ("content", "said"),
    [pytest.param(b"this is not a database, but long enough to look at" * 40, "damaged", id="garbage")],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "medeval.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=said):
        Store(tmp_path)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="MEDEVAL_HOME"):
        Store(tmp_path / "file" / "home")


def test_a_full_disk_is_a_sentence_and_loses_nothing(store: Store, home: Path) -> None:
    run_id = store.create_run(make_spec(make_cases(400)))
    sink = store.sink(run_id)
    sink.save(make_cell("c0", "base", 0.5))
    with store._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    store.close()
    full = Store(home)
    with full._database.reading() as connection:  # the pool hands the same connection to the next block
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="disk is full"):
        for i in range(1, 400):
            full.sink(run_id).save(make_cell(f"c{i}", "base", 0.5, text="长" * 2000))
    full.close()
    assert Store(home).cells(run_id)[0] == make_cell("c0", "base", 0.5)


def test_the_loop_and_the_store_together(store: Store) -> None:
    cases = make_cases(3)
    spec = make_spec(cases, ["base", "v1"])
    run_id = store.create_run(spec)
    for engine, asked in ((ScriptedEngine(lambda r: None if r.case_id == "c1" else "好"), 6), (ScriptedEngine(), 2)):
        with store.sink(run_id) as sink:
            run_suite(engine, cases, spec.variants, 1, spec.decoding, sink, threading.Event())
        assert len(engine.asked) == asked
    assert store.run(run_id).missing == 0
