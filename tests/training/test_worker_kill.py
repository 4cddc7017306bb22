"""kill -9 of the trainer at random moments and while it saves: every resume works and the joined curve is the same."""

import os
import random
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from medeval.training.checkpoints import list_checkpoints, newest
from medeval.training.task import TrainTask
from medeval.training.worker_torch import train
from training.worker_world import build_world, history, losses

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


def start(task: TrainTask) -> "subprocess.Popen[bytes]":
    log = task.folder.log.open("ab")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "medeval", "work", str(task.folder.path)]
    return subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=task.folder.path)


def steps_done(task: TrainTask) -> int:
    return sum(event["kind"] == "step" for event in task.folder.events()[0])


def kill_at_some_moment(task: TrainTask, chance: random.Random, saving: bool) -> str:
    """Kills a fresh worker after a few steps, or as soon as a half-written checkpoint is seen."""
    before, wanted = steps_done(task), chance.randint(1, 2)
    worker = start(task)
    found = "random"
    while worker.poll() is None and steps_done(task) < before + wanted:
        time.sleep(0.002)
    while saving and worker.poll() is None:
        if any(task.checkpoints.glob(".partial-*")) and list_checkpoints(task.checkpoints):
            found = "saving"
            break
    if not saving:
        time.sleep(chance.uniform(0.0, 0.2))
    assert worker.poll() is None, task.folder.log.read_text()[-2000:]
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    return found


KILLS = [
    pytest.param(engine, kills, steps, id=f"{engine}-{kills}", marks=[pytest.mark.heavy] if kills > 1 else [])
    for engine, kills, steps in (("torch", 1, 8), ("torch", 20, 40), ("mlx", 1, 8), ("mlx", 8, 24))
]


@pytest.mark.parametrize(("engine", "kills", "steps"), KILLS)
def test_killed_runs_go_on_exactly(tmp_path: Path, engine: str, kills: int, steps: int) -> None:
    if engine == "mlx":
        pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (requirements-dev.txt has it)")
    world = build_world(tmp_path / "world")
    changes = {"engine": engine, "steps": steps, "save_every": 1, "eval_every": 5, "keep_last": 2, "keep_best": 1}
    killed = world.task(tmp_path / "killed", **changes)
    chance = random.Random(kills)
    moments = [kill_at_some_moment(killed, chance, saving=number % 2 == 0) for number in range(kills)]
    for item in list_checkpoints(killed.checkpoints):
        assert item.step <= steps_done(killed) + 1
    assert newest(killed.checkpoints) is not None
    last = start(killed)
    assert last.wait(timeout=300) == 0, killed.folder.log.read_text()[-2000:]
    assert killed.folder.outcome() == ("done", "")
    plain = world.task(tmp_path / "plain", **changes)
    assert import_module(f"medeval.training.worker_{engine}").train(plain).finished
    joined, straight = losses(killed), losses(plain)
    assert len(joined) == len(straight) == steps
    worst = max(abs(a - b) for a, b in zip(joined, straight, strict=True))
    assert worst <= 1e-6 and not history(killed).warm
    assert [e["val_loss"] for e in history(killed).evals] == pytest.approx(
        [e["val_loss"] for e in history(plain).evals], abs=1e-6
    )
    resumes = len(history(killed).resumed)
    print(f"{kills} kills ({moments.count('saving')} while saving), {resumes} resumes, worst {worst}")


@pytest.mark.parametrize("limit", [pytest.param(22_000, id="weights", marks=pytest.mark.heavy), 40_000])
def test_a_disk_that_fills_up_ends_in_a_sentence_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    world = build_world(tmp_path / "world")
    task = world.task(tmp_path / "run", save_every=2, eval_every=0, steps=4, rank=4 if limit > 30_000 else 8)
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from pathlib import Path; from medeval.services.workers import run_job; sys.exit(run_job(Path(sys.argv[1])))"
    )
    words = [sys.executable, "-c", code, str(task.folder.path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    state, sentence = task.folder.outcome() or ("none", done.stderr)
    assert state == "failed" and "the disk is full" in sentence and "\n" not in sentence
    assert list_checkpoints(task.checkpoints) == [] and not list(task.checkpoints.glob(".partial*"))
    task.folder.prepare()
    assert train(task).finished, "room again: the run goes on"
