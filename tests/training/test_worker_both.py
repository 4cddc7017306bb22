"""What both workers do alike, on a tiny model: events, checkpoints, resume, stop, patience, refusals, the dry run."""

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from medeval.cases.schema import Case
from medeval.errors import MedevalError
from medeval.training.checkpoints import best, list_checkpoints, newest
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError
from medeval.training.ready import usable
from medeval.training.targets import TargetError
from medeval.training.task import TrainTask
from training.worker_world import World, again, history, losses


@pytest.fixture(scope="module", params=["torch", "mlx"])
def worker(request: pytest.FixtureRequest) -> Any:
    if request.param == "mlx":
        pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (requirements-dev.txt has it)")
    return import_module(f"medeval.training.worker_{request.param}")


@pytest.fixture(scope="module")
def whole(world: World, worker: Any) -> tuple[TrainTask, Any]:
    """One uninterrupted run with everything on."""
    facts = {"systolic": "140 mmHg", "diastolic": "90 mmHg"}
    case = Case(id="bp", prompt="血压140/90？", suite=["standard"], facts=facts)
    folder = world.root / worker.__name__
    task = world.task(folder, (case,), suite="standard", suite_tokens=8, keep_best=1, keep_last=2)
    return task, worker.train(task)


def test_a_run_reports_everything(whole: tuple[TrainTask, Any]) -> None:
    task, trained = whole
    assert trained.finished and trained.steps == 6
    found = history(task)
    assert [e["step"] for e in found.steps] == [1, 2, 3, 4, 5, 6]
    assert [e["step"] for e in found.evals] == [3, 6] and [e["step"] for e in found.clinical] == [3, 6]
    assert found.total == 6 and found.begin["modules"] == 14
    for event in found.steps:
        assert math.isfinite(event["loss"]) and event["grad_norm"] > 0 and event["memory_bytes"] > 0
        assert event["tokens_per_second"] > 0
    assert found.evals[-1]["val_loss"] < found.evals[0]["val_loss"]
    assert [e["lr"] for e in found.steps][:3] == [0.0, 0.005, 0.01]


def test_best_and_last_checkpoints_are_kept(whole: tuple[TrainTask, Any]) -> None:
    task, _ = whole
    steps = [item.step for item in list_checkpoints(task.checkpoints)]
    assert steps[-2:] == [4, 6] and len(steps) <= 3
    assert newest(task.checkpoints).step == 6 and best(task.checkpoints) is not None


def adapter_bytes(task: TrainTask) -> bytes:
    (file,) = newest(task.checkpoints).path.glob("adapter*.safetensors")
    return file.read_bytes()


@pytest.mark.parametrize("upto", [2, 4])
def test_resume_repeats_the_uninterrupted_run_exactly(world: World, worker: Any, tmp_path: Path, upto: int) -> None:
    task = world.task(tmp_path / "first", keep_last=9)
    worker.train(task)
    second = again(task, tmp_path / "second", upto)
    assert worker.train(second).finished
    assert history(second).resumed == (upto,) and not history(second).warm
    assert losses(second) == losses(task), "dropout, data order, optimizer and schedule must all go on"
    assert adapter_bytes(second) == adapter_bytes(task)


def test_stop_saves_and_the_rest_follows(world: World, worker: Any, tmp_path: Path) -> None:
    task = world.task(tmp_path / "stopped", save_every=0, eval_every=0)
    emit = task.folder.emit

    def stop_at_three(kind: str, **fields: object) -> None:
        emit(kind, **fields)
        if kind == "step" and fields["step"] == 3:
            task.folder.ask_to_stop()

    task.folder.emit = stop_at_three  # type: ignore[method-assign]
    assert worker.train(task).finished is False
    assert [item.step for item in list_checkpoints(task.checkpoints)] == [3]
    still = worker.train(task)
    assert (still.finished, still.steps) == (False, 3), "stopped again before its first step: where it stood"
    task.folder.prepare()
    assert worker.train(task).finished
    plain = world.task(tmp_path / "plain", save_every=0, eval_every=0)
    worker.train(plain)
    assert losses(task) == losses(plain)


@pytest.mark.parametrize("hurt", ["torn", "no marker", "partial"])
def test_half_written_checkpoints_are_never_used(world: World, worker: Any, tmp_path: Path, hurt: str) -> None:
    task = world.task(tmp_path / "run", keep_last=9)
    worker.train(task)
    other = again(task, tmp_path / "hurt", 4)
    last = other.checkpoints / "step-000004"
    if hurt == "torn":
        (file,) = last.glob("optimizer.*")
        file.write_bytes(file.read_bytes()[:-100])
    elif hurt == "no marker":
        (last / "complete.json").unlink()
    else:
        last.rename(other.checkpoints / ".partial-000004")
    assert newest(other.checkpoints).step == 2
    worker.train(other)
    assert history(other).resumed == (2,) and losses(other) == losses(task)
    assert [item.step for item in list_checkpoints(other.checkpoints)][-1] == 6


def test_accumulated_weighted_gradient_is_that_of_one_batch(world: World, worker: Any, tmp_path: Path) -> None:
    norms = []
    for number, shape in enumerate(({"batch_size": 4, "accumulation": 1}, {"batch_size": 2, "accumulation": 2})):
        task = world.task(tmp_path / str(number), steps=1, warmup_steps=0, dropout=0.0, **shape)
        worker.train(task)
        (step,) = history(task).steps
        norms.append((step["loss"], step["grad_norm"]))
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_preference_pairs_teach_the_preference(world: World, worker: Any, tmp_path: Path) -> None:
    data = tmp_path / "pairs"
    data.mkdir()
    rows = [{"prompt": f"问{i}", "chosen": f"好{i}", "rejected": f"坏坏{i}"} for i in range(4)]
    (data / "train.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    task = world.task(tmp_path / "dpo", data=data, method="dpo", dropout=0.0, steps=8, warmup_steps=0)
    worker.train(task)
    assert losses(task)[0] == pytest.approx(math.log(2), abs=1e-4), "the new adapter begins as its own reference"
    assert losses(task)[-1] < 0.6
    first, last = history(task).steps[0], history(task).steps[-1]
    assert (first["accuracy"], first["margin"]) == (0.5, 0.0) and (last["accuracy"], last["margin"] > 0) == (1.0, True)


BAD = {
    "target": ({"targets": ["vision_proj", "q_proj"]}, TargetError, "merger"),
    "cross": ({"targets": ["cross_attn"]}, TargetError, "near"),
    "near miss": ({"targets": ["q_porj"]}, TargetError, "q_proj"),
    "whole": ({"modules_to_save": ["embed_token"]}, TargetError, "embed_tokens"),
    "length": ({"max_length": 16}, DataError, "max_length"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence(world: World, worker: Any, tmp_path: Path, name: str) -> None:
    changes, kind, word = BAD[name]
    with pytest.raises(kind, match=word) as caught:
        worker.train(world.task(tmp_path / "run", **changes))  # type: ignore[arg-type]
    assert " / " in str(caught.value) and "\n" not in str(caught.value)


def test_missing_images_are_named_before_anything_is_loaded(world: World, worker: Any, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {"instruction": "看", "output": "答", "images": ["not-there.png"]}
    (data / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    task = world.task(tmp_path / "run", data=data)
    with pytest.raises(DataError, match=r"not-there\.png"):
        worker.train(task)
    assert task.folder.events()[0] == []


def test_a_diverging_loss_ends_the_run_with_advice(world: World, worker: Any, tmp_path: Path) -> None:
    task = world.task(tmp_path / "run")
    made = worker.prepare(task, Curriculum(task.config, usable(task)))
    recorder = made[1] if isinstance(made, tuple) else made.recorder
    with pytest.raises(MedevalError, match="learning_rate"):
        recorder.after_step(1, math.nan, 1.0, 0.1, 5)


def test_early_stop_takes_the_best_checkpoint(world: World, worker: Any, tmp_path: Path) -> None:
    task = world.task(
        tmp_path / "run", learning_rate=1.0, scheduler="constant", warmup_steps=0, steps=40, eval_every=1, save_every=1,
        early_stop=3, keep_best=1,
    )  # fmt: skip
    trained = worker.train(task)
    assert trained.finished and trained.early and trained.steps < 40
    held = {e["step"]: e["val_loss"] for e in history(task).evals}
    assert trained.checkpoint is not None
    assert int(trained.checkpoint.name.removeprefix("step-")) == min(held, key=lambda step: held[step])


def test_a_dry_run_measures_and_keeps_nothing(world: World, worker: Any, tmp_path: Path) -> None:
    task = world.task(tmp_path / "dry")
    found = worker.dry_run(task)
    assert found["steps"] == 6 and len(found["losses"]) == 3 and found["trained"] == 4864
    assert found["seconds_per_step"] > 0 and found["modules"] == 14
    assert list_checkpoints(task.checkpoints) == []
