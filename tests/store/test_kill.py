"""kill -9 at random moments: no finished answer is lost or doubled, and at most one is asked again per kill."""

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

from medeval.store import Store

WORKER = Path(__file__).parent / "killed_worker.py"
ROOT = Path(__file__).resolve().parents[2]
CASES, VARIANTS = 30, ("base", "v1", "v2", "v3")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "many.yaml").write_text("\n".join(f"- {{id: c{i}, prompt: 问题{i}}}" for i in range(CASES)), "utf-8")
    monkeypatch.setenv("MEDEVAL_CASES", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    lines = [
        json.dumps({"case": f"c{i}", "variant": name, "answer": f"{name} 回答 {i}", "tokens": 4, "seconds": 0.1})
        for i in range(CASES)
        for name in VARIANTS
    ]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    return file


class Chaos:
    """Starts the worker again and again, kills it, and compares the store before and after."""

    def __init__(self, home: Path, answers: Path, log: Path, pause: float) -> None:
        self.home, self.answers, self.log, self.pause = home, answers, log, pause
        self.run_id = "new"
        self.killed = 0

    def start(self) -> "subprocess.Popen[str]":
        words = [sys.executable, WORKER, self.run_id, self.answers, self.log, str(self.pause)]
        worker = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        self.run_id = worker.stdout.readline().strip()
        assert self.run_id
        return worker

    def saved(self) -> dict[tuple[str, ...], str]:
        with sqlite3.connect(self.home / "medeval.sqlite") as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = raw.execute("SELECT case_id, variant, saved FROM cells WHERE answer IS NOT NULL").fetchall()
        raw.close()
        return {row[:2]: row[2] for row in found}

    def asked(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def kill_after(self, answers: int, seconds: float) -> None:
        """Kills the worker once it has asked for so many more answers, and a moment later still."""
        wanted = len(self.asked()) + answers
        worker = self.start()
        while worker.poll() is None and len(self.asked()) < wanted:
            time.sleep(0.001)
        time.sleep(seconds)
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
            self.killed += 1
        worker.communicate()


@pytest.mark.parametrize(
    ("kills", "pause"), [pytest.param(5, 0.005, id="5"), pytest.param(50, 0.005, id="50", marks=pytest.mark.heavy)]
)
def test_killed_runs_lose_and_double_nothing(
    home: Path, tmp_path: Path, answers: Path, kills: int, pause: float
) -> None:
    chaos = Chaos(home, answers, tmp_path / "asked.log", pause)
    chance = random.Random(kills)
    before: dict[tuple[str, ...], str] = {}
    for _ in range(kills):
        chaos.kill_after(chance.randint(0, 100 // kills), chance.uniform(0.0, 0.03))
        after = chaos.saved()
        assert before.items() <= after.items(), "a finished answer was lost or written again"
        before = after
    reached, began = len(before), time.monotonic()
    last = chaos.start()
    out, _ = last.communicate(timeout=60)
    took = time.monotonic() - began
    assert out.split()[-1] == "finished" and last.returncode == 0
    store = Store(home)
    cells = store.cells(chaos.run_id)
    assert len(cells) == len({cell.key for cell in cells}) == CASES * len(VARIANTS)
    assert all(cell.answer is not None and cell.answer.text.startswith(cell.variant) for cell in cells)
    asked = chaos.asked()
    assert len(set(asked)) == len(cells)
    assert len(asked) - len(cells) <= chaos.killed, "more than one answer asked again per kill"
    assert chaos.killed > kills / 2 and reached > len(cells) / 4, "the kills came too early or late to mean anything"
    print(f"{chaos.killed} kills at {reached} answers, {len(asked) - len(cells)} asked again, resumed in {took:.1f} s")


def test_a_killed_worker_frees_its_run_at_once(home: Path, tmp_path: Path, answers: Path) -> None:
    chaos = Chaos(home, answers, tmp_path / "asked.log", 0.05)
    worker = chaos.start()
    deadline = time.monotonic() + 20
    while Store(home).run(chaos.run_id).status != "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Store(home).run(chaos.run_id).status == "running"
    worker.send_signal(signal.SIGKILL)
    # not reaped yet: a zombie must not hold the run either
    while Store(home).run(chaos.run_id).status == "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Store(home).run(chaos.run_id).status == "interrupted"
    worker.communicate()
