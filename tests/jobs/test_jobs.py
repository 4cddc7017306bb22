"""The queue with real processes: order, stop, resume, kills of the worker and of the app, strangers, full disks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jobs_bench import COMMAND, Bench
from sqlalchemy import update

from medeval.errors import StoreError, UsageError
from medeval.store.jobs import Jobs, process
from medeval.store.tables import jobs as table

HERE = Path(__file__).parent
LONG_AGO = "2026-01-01T00:00:00+00:00"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are told apart and signalled as POSIX does")


def test_jobs_run_one_at_a_time_in_their_visible_order(bench: Bench) -> None:
    first, second, third = (bench.add(name, count=3, pause=0.02) for name in "abc")
    assert [(job.title, job.place) for job in bench.jobs.list()] == [("a", 1), ("b", 2), ("c", 3)]
    seen: list[list[str]] = []

    def over(job: object) -> bool:
        seen.append([item.title for item in bench.jobs.list() if item.state == "running"])
        return not bench.jobs.get(third.id).active

    bench.until(third, over)
    assert all(len(running) <= 1 for running in seen)
    assert {job.state for job in map(bench.ended, (first, second, third))} == {"done"}
    assert bench.jobs.get(first.id).started <= bench.jobs.get(second.id).started <= bench.jobs.get(third.id).started  # type: ignore[operator]


def test_the_process_is_detached_private_and_logs_to_a_file(bench: Bench) -> None:
    job = bench.counting(bench.add(count=200, pause=0.02))
    assert job.pid is not None
    assert os.getsid(job.pid) == job.pid != os.getsid(0)
    assert os.readlink(f"/proc/{job.pid}/fd/0") == "/dev/null" if sys.platform == "linux" else True
    folder = bench.jobs.folder(job.id)
    assert "begins at 0" in folder.log.read_text()
    assert {oct(path.stat().st_mode & 0o077) for path in [folder.path, *folder.path.iterdir()]} == {"0o0"}


def test_stop_saves_and_resume_goes_on_from_there(bench: Bench) -> None:
    job = bench.counting(bench.add(count=400, pause=0.01))
    assert bench.jobs.stop(job.id).state == "stopping"
    assert bench.ended(job).state == "stopped"
    saved = int((job.folder / "saved").read_text())
    assert bench.jobs.resume(job.id).place == 1
    bench.until(job, lambda now: now.pid is not None)
    bench.until(job, lambda now: f"begins at {saved}" in (job.folder / "log.txt").read_text())


def test_a_waiting_job_leaves_the_queue_at_once(bench: Bench) -> None:
    job = bench.add()
    assert bench.jobs.stop(job.id).state == "stopped"
    assert bench.jobs.stop(job.id).state == "stopped", "stopping twice is harmless"


def test_a_deaf_job_is_killed_after_the_grace_only(home: Path) -> None:
    bench = Bench(home, grace=0.3)
    job = bench.counting(bench.add(count=10_000, pause=0.05, deaf=True))
    bench.until(job, lambda now: now.pid is not None)
    bench.jobs.stop(job.id)
    assert bench.ended(job).state == "stopped"
    assert not psutil.pid_exists(job.pid or -1)


def test_a_failure_is_one_sentence_and_can_be_resumed(bench: Bench) -> None:
    job = bench.ended(bench.add(fail="数据缺图 / image missing"))
    assert (job.state, job.error) == ("failed", "数据缺图 / image missing")
    assert bench.kinds(job)[-1] == "error"
    assert bench.jobs.resume(job.id).state == "queued"


def test_kill_9_of_the_worker_is_interrupted_and_resumable(bench: Bench) -> None:
    job = bench.counting(bench.add(count=1000, pause=0.02))
    os.kill(job.pid or 0, signal.SIGKILL)
    after = bench.ended(job)
    assert after.state == "interrupted" and "/" in (after.error or "")
    assert bench.jobs.resume(job.id).state == "queued"


def test_kill_9_of_the_app_leaves_the_worker_which_a_new_app_shows_and_stops(bench: Bench, home: Path) -> None:
    job = bench.add(count=2000, pause=0.02)
    app = subprocess.Popen([sys.executable, HERE / "app.py", home], stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None and app.stdout.readline() == "ready\n"
    limit = time.monotonic() + 60
    while bench.jobs.supervisor() != app.pid and time.monotonic() < limit:
        time.sleep(0.05)
    while not bench.kinds(job) and time.monotonic() < limit:
        assert not bench.jobs.supervise(), "a second app must not take over"
        time.sleep(0.05)
    app.send_signal(signal.SIGKILL)
    app.communicate()
    pid = bench.jobs.get(job.id).pid
    assert pid is not None and psutil.pid_exists(pid)
    before = len(bench.kinds(job))
    fresh = Jobs(bench.store, bench.settings, command=COMMAND)
    assert fresh.supervise(), "nobody supervises any more"
    assert fresh.get(job.id).state == "running" and fresh.get(job.id).pid == pid
    while len(bench.kinds(job)) <= before:
        time.sleep(0.02)
    fresh.stop(job.id)
    assert bench.ended(job).state == "stopped"


def test_a_worker_whose_app_died_before_noting_it_is_found(bench: Bench) -> None:
    job = bench.counting(bench.add(count=2000, pause=0.02))
    with bench.store.database.writing() as connection:
        connection.execute(update(table).values(pid=None, process_started=None))
    fresh = Jobs(bench.store, bench.settings, command=COMMAND)
    fresh.supervise()
    assert fresh.get(job.id).pid == job.pid


@pytest.mark.parametrize("same_start", [False, True], ids=["later start", "same start, other words"])
def test_pid_reuse_harms_no_stranger(bench: Bench, same_start: bool) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    job = bench.add()
    began = psutil.Process(stranger.pid).create_time() - (0 if same_start else 3600)
    with bench.store.database.writing() as connection:
        values = {"state": "running", "pid": stranger.pid, "process_started": began}
        connection.execute(update(table).where(table.c.id == job.id).values(started=LONG_AGO, **values))
    bench.jobs.stop(job.id)
    process.ask(stranger.pid, began, job.folder)
    process.end(stranger.pid, began, job.folder)
    bench.jobs.supervise(start=False)
    assert bench.jobs.get(job.id).state == "stopped"
    assert stranger.poll() is None, "a stranger was harmed"
    stranger.kill()
    stranger.communicate()


def test_a_second_process_on_one_folder_is_refused(bench: Bench) -> None:
    job = bench.counting(bench.add(count=1000, pause=0.02))
    again = subprocess.run([sys.executable, "-m", "medeval", "work", job.folder], capture_output=True, text=True)
    assert again.returncode == 2 and again.stderr.count("\n") == 1 and "another process" in again.stderr
    assert bench.jobs.get(job.id).state == "running"


def test_the_end_of_a_job_starts_the_next_without_an_app(bench: Bench) -> None:
    first, second = bench.add(count=2), bench.add(count=2)
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from jobs_bench import Bench; Bench(Path(sys.argv[1])).jobs.supervise()"
    )
    subprocess.run([sys.executable, "-c", script, bench.settings.home, HERE], check=True)
    bench_home = bench.settings.home
    limit = time.monotonic() + 60
    while not (bench_home / "jobs" / first.id / "outcome.json").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    while bench.jobs.get(first.id).state == "running" and time.monotonic() < limit:
        time.sleep(0.05)
    while bench.jobs.get(second.id).state == "queued" and time.monotonic() < limit:
        time.sleep(0.05)
    # the test's worker starts the product's own command for what follows, which has the real worker of the kind
    assert bench.jobs.get(first.id).state == "done"
    assert bench.jobs.get(second.id).state != "queued"


def test_clone_changes_and_delete(bench: Bench) -> None:
    job = bench.ended(bench.add(count=1, train={"rank": 8, "steps": 5}))
    twin = bench.jobs.clone(job.id, {"train": {"rank": 16}, "count": 2})
    config = bench.jobs.folder(twin.id).config
    assert config["train"] == {"rank": 16, "steps": 5} and config["count"] == 2 and config["kind"] == "train"
    bench.jobs.delete(job.id)
    assert not job.folder.exists()
    with pytest.raises(StoreError, match=twin.id):
        bench.jobs.get(job.id)


def test_what_runs_is_not_deleted_and_what_is_done_not_resumed(bench: Bench) -> None:
    job = bench.counting(bench.add(count=1000, pause=0.02))
    with pytest.raises(UsageError, match="stop it first"):
        bench.jobs.delete(job.id)
    with pytest.raises(UsageError, match="running"):
        bench.jobs.resume(job.id)


def test_a_full_disk_is_a_failure_in_one_sentence_and_keeps_the_events(bench: Bench) -> None:
    limited = (
        "import resource, sys, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rsplit('/', 1)[0])\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = (sys.executable, "-c", limited, *COMMAND[1:])
    bench.jobs = Jobs(bench.store, bench.settings, command=command)
    job = bench.ended(bench.add(fill=3_000_000))
    assert job.state == "failed" and "disk is full" in (job.error or "") and "\n" not in (job.error or "")


def test_secrets_stay_out_of_the_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDEVAL_PASSWORD", "canary-word")
    bench = Bench(home)
    job = bench.ended(bench.add(count=1))
    text = "".join(path.read_text(errors="replace") for path in job.folder.iterdir() if path.is_file())
    assert "canary-word" not in text
    assert json.loads((job.folder / "config.json").read_text())["settings"]["home"] == str(home)
