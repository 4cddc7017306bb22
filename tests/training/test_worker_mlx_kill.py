"""kill -9 of the MLX trainer at random moments and while it saves: it goes on, and the joined curve is the same."""

import os
import random

import pytest

from medeval.training.checkpoints import newest
from training.test_worker_kill import kill_at_some_moment, start
from training.worker_world import build_world, history, losses

pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (requirements-dev.txt has it)")

from medeval.training.worker_mlx import train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


@pytest.mark.parametrize("kills", [pytest.param(1, id="1"), pytest.param(8, id="8", marks=pytest.mark.heavy)])
def test_killed_runs_go_on_exactly(tmp_path, kills: int) -> None:  # type: ignore[no-untyped-def]
    world = build_world(tmp_path / "world")
    changes = {"engine": "mlx", "steps": 24 if kills > 2 else 8, "save_every": 1, "eval_every": 5, "keep_last": 2}
    killed = world.task(tmp_path / "killed", **changes)
    chance = random.Random(kills)
    moments = [kill_at_some_moment(killed, chance, saving=not number % 2) for number in range(kills)]
    assert newest(killed.checkpoints) is not None
    last = start(killed)
    assert last.wait(timeout=300) == 0, killed.folder.log.read_text()[-2000:]
    assert killed.folder.outcome() == ("done", "")
    plain = world.task(tmp_path / "plain", **changes)
    assert train(plain).finished
    joined, straight = losses(killed), losses(plain)
    assert len(joined) == len(straight) == changes["steps"]
    worst = max(abs(a - b) for a, b in zip(joined, straight, strict=True))
    assert worst <= 1e-6 and not history(killed).warm
    held = [[e["val_loss"] for e in history(task).evals] for task in (killed, plain)]
    assert held[0] == pytest.approx(held[1], abs=1e-6)
    resumes = len(history(killed).resumed)
    print(f"{kills} kills ({moments.count('saving')} while saving), {resumes} resumes, worst {worst}")
