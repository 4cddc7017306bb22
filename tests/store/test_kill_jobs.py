"""kill -9 of the app or of the process of its job at random moments of an evaluation: nothing is lost or doubled."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medeval.settings import Settings
from medeval.store import Store
from medeval.store.jobs import Job, Jobs

APP = Path(__file__).parent / "killed_app.py"
ROOT = Path(__file__).resolve().parents[2]
CASES, VARIANTS = 30, ("base", "v1", "v2", "v3")
TOTAL = CASES * len(VARIANTS)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


class House:
    """An app and the job it supervises; both can be killed, the app is started again as people do."""

    def __init__(self, home: Path, answers: Path, log: Path) -> None:
        self.home, self.log, self.killed = home, log, {"app": 0, "worker": 0}
        self.app = self._start(answers)
        assert self.app.stdout is not None
        self.job_id, self.run_id = self.app.stdout.readline().split()
        self.jobs = Jobs(Store(home), Settings(home=home))

    def _start(self, *words: object) -> "subprocess.Popen[str]":
        command = [sys.executable, str(APP), *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def job(self) -> Job:
        return self.jobs.get(self.job_id)

    def asked(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def saved(self) -> dict[tuple[str, str], str]:
        with sqlite3.connect(self.home / "medeval.sqlite") as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = raw.execute("SELECT case_id, variant, saved FROM cells WHERE answer IS NOT NULL").fetchall()
        raw.close()
        return {(row[0], row[1]): row[2] for row in found}

    def go_on(self, wanted: int, deadline: float) -> None:
        """Lets it work until so many answers were asked for; an interrupted job is resumed, a killed app restarted."""
        while (len(self.asked()) < wanted or self.job().state == "queued") and self.job().state != "done":
            assert time.monotonic() < deadline, (self.job(), (self.job().folder / "log.txt").read_text()[-2000:])
            if self.app.poll() is not None:
                self.app = self._start()
            if self.job().state == "interrupted":
                self.jobs.resume(self.job_id)
            time.sleep(0.005)

    def kill(self, who: str) -> bool:
        """Kills the app or the job's process; False where it is not there."""
        job = self.job()
        if who == "worker" and job.pid is not None and job.state == "running":
            os.kill(job.pid, signal.SIGKILL)
        elif who == "app" and self.app.poll() is None:
            self.app.kill()
            self.app.communicate()
        else:
            return False
        self.killed[who] += 1
        return True


@pytest.mark.parametrize("kills", [pytest.param(4, id="4"), pytest.param(50, id="50", marks=pytest.mark.heavy)])
def test_killing_app_or_worker_loses_and_doubles_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "many.yaml").write_text("\n".join(f"- {{id: c{i}, prompt: 问题{i}}}" for i in range(CASES)), "utf-8")
    rows = [{"case": f"c{i}", "variant": v, "answer": f"{v} 回答 {i}"} for i in range(CASES) for v in VARIANTS]
    answers = tmp_path / "answers.jsonl"
    answers.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    for name, value in (("MEDEVAL_CASES", folder), ("KILL_LOG", tmp_path / "asked.log"), ("KILL_PAUSE", "0.01")):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    chance, deadline = random.Random(kills), time.monotonic() + 30 + 20 * kills
    house = House(home, answers, tmp_path / "asked.log")
    try:
        before: dict[tuple[str, str], str] = {}
        for _ in range(kills):
            house.go_on(len(house.asked()) + chance.randint(1, max(1, 80 // kills)), deadline)
            time.sleep(chance.uniform(0, 0.02))
            first, second = chance.sample(["app", "worker"], 2)
            assert house.kill(first) or house.kill(second)
            after = house.saved()
            assert before.items() <= after.items(), "a finished answer was lost or written again"
            before = after
        house.go_on(10**9, deadline)
        assert house.job().state == "done"
        run, cells = Store(home).run(house.run_id), Store(home).cells(house.run_id)
        assert (run.status, len(cells), len({cell.key for cell in cells})) == ("done", TOTAL, TOTAL)
        assert all(cell.answer is not None and cell.answer.text.startswith(cell.variant) for cell in cells)
        again = len(house.asked()) - TOTAL
        assert 0 <= again <= house.killed["worker"], "more than one answer asked again per kill of the worker"
        assert min(house.killed.values()) > 0, house.killed
        print(f"{house.killed} kills, {again} asked again")
    finally:
        house.kill("app")
        house.kill("worker")
