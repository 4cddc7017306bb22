"""The MLX worker on a tiny model: the same numbers as torch, exact resume, packed bases, adapters for both engines."""

from pathlib import Path

import numpy as np
import pytest
import torch

from medeval.adapters.catalogue import find_variants
from medeval.engines.contract import BaseRef
from medeval.errors import UsageError
from medeval.training.checkpoints import newest
from medeval.training.curriculum import Curriculum
from medeval.training.losses import IGNORE
from medeval.training.losses import weighted_loss as torch_loss
from medeval.training.task import TrainTask
from training.worker_world import World, again, history, losses

pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (requirements-dev.txt has it)")

import mlx.core as mx

from medeval.training.mlx_data import micro_batches
from medeval.training.mlx_losses import weighted_loss
from medeval.training.ready import usable
from medeval.training.worker_mlx import prepare, train

ROOT = Path(__file__).resolve().parents[2]


def started(task: TrainTask):  # type: ignore[no-untyped-def]
    return prepare(task, Curriculum(task.config, usable(task)))


def test_the_weighted_loss_is_that_of_torch() -> None:
    chance = np.random.default_rng(3)
    logits = chance.normal(0, 4, (4, 9, 50)).astype(np.float32)
    labels = np.where(chance.random((4, 9)) < 0.5, chance.integers(0, 50, (4, 9)), IGNORE)
    labels[2] = IGNORE  # a row that teaches nothing counts as a sample all the same
    weights = np.array([3.0, 0.8, 1.0, 0.0], dtype=np.float32)
    theirs = float(torch_loss(torch.tensor(logits), torch.tensor(labels), torch.tensor(weights)))
    ours = np.array(weighted_loss(mx.array(logits), mx.array(labels.astype(np.int32)), mx.array(weights)))
    assert abs(float(ours) - theirs) < 1e-5 and theirs > 1


RUNS: dict[str, dict[str, object]] = {
    "on a stack": {},
    "merger and head": {
        "targets": ["q_proj", "visual.merger.linear_fc2"], "modules_to_save": ["lm_head"], "trained_on": [],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_a_run_follows_the_torch_run_from_the_same_start(world: World, tmp_path: Path, name: str) -> None:
    from medeval.training import worker_torch
    from medeval.training.torch_trainer import save_weights

    changes: dict[str, object] = {"dropout": 0.0, "weight_decay": 0.1, **RUNS[name]}
    theirs = world.task(tmp_path / "torch", **changes)
    trainer, _ = worker_torch.prepare(theirs, Curriculum(theirs.config, usable(theirs)))
    start = tmp_path / "start"
    start.mkdir()
    save_weights(trainer.trainee, start)
    worker_torch.train(theirs)
    ours = world.task(tmp_path / "mlx", init_from=str(start), **changes)
    train(ours)
    assert losses(ours)[0] == pytest.approx(losses(theirs)[0], abs=1e-5), "the same batch, the same weighted loss"
    assert losses(ours) == pytest.approx(losses(theirs), abs=1e-3)
    for key in ("grad_norm", "lr"):
        assert [e[key] for e in history(ours).steps] == pytest.approx([e[key] for e in history(theirs).steps], abs=1e-3)
    assert history(ours).evals[-1]["val_loss"] == pytest.approx(history(theirs).evals[-1]["val_loss"], abs=1e-3)


def test_only_the_answer_is_learned(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "run")
    run = started(task)
    tokenizer = run.trainee.base.tokenizer
    answers = {sample.answer for sample in task.data.train}
    for batch in micro_batches(run._lessons, run._curriculum, 0):
        assert (batch.labels[:, -batch.keep + 1 :] != IGNORE).sum() == (batch.labels != IGNORE).sum()
        for ids, labels in zip(batch.ids, batch.labels, strict=True):
            text = tokenizer.decode(ids[labels != IGNORE])
            assert text.endswith("<|im_end|>") and text.removesuffix("<|im_end|>") in answers


def test_the_vision_side_and_whole_modules_resume_exactly_too(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "first", keep_last=9, **RUNS["merger and head"])
    train(task)
    second = again(task, tmp_path / "second", 4)
    assert train(second).finished
    assert losses(second) == losses(task)
    ours, theirs = (newest(t.checkpoints).path / "adapters.safetensors" for t in (second, task))
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_checkpoint_of_torch_is_taken_over_and_called_warm(world: World, tmp_path: Path) -> None:
    from medeval.training import worker_torch

    task = world.task(tmp_path / "torch", keep_last=9)
    worker_torch.train(task)
    second = again(task, tmp_path / "mlx", 4)
    assert train(second).finished
    found = history(second)
    assert found.resumed == (4,) and found.warm
    assert found.steps[4]["loss"] != history(task).steps[4]["loss"], "another dropout, a fresh optimizer"


def test_layers_computed_twice_drop_the_same_numbers(world: World, tmp_path: Path) -> None:
    found = []
    for checkpointing in (False, True):
        task = world.task(tmp_path / str(checkpointing), dropout=0.3, steps=3, gradient_checkpointing=checkpointing)
        train(task)
        found.append([(e["loss"], e["grad_norm"]) for e in history(task).steps])
    assert found[0] == [pytest.approx(pair, abs=1e-6) for pair in found[1]]
    plain = world.task(tmp_path / "plain", dropout=0.0, steps=3)
    train(plain)
    assert losses(plain)[2] != found[0][2][0], "dropout does something once B is not zero"


def packed_weights(run) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    from mlx.utils import tree_flatten

    return [np.array(v) for n, v in tree_flatten(run.trainee.base.model.parameters()) if v.dtype == mx.uint32]


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_a_packed_base_trains_and_stays_as_it_is(world: World, tmp_path: Path, bits: str) -> None:
    task = world.task(tmp_path / "run", quantization=bits, steps=12, dropout=0.0)
    run = started(task)
    before = packed_weights(run)
    assert len(before) == 14 and len(run.trainee.values) == 28
    run.go()
    assert all((a == b).all() for a, b in zip(before, packed_weights(run), strict=True))
    held = history(task).evals
    assert held[-1]["val_loss"] < held[0]["val_loss"] and held[-1]["val_loss"] < 6


def test_the_stack_below_acts_stays_and_is_not_saved(world: World, tmp_path: Path) -> None:
    from medeval.engines.mlx.opening import open_base

    task = world.task(tmp_path / "run", dropout=0.0)
    run = started(task)
    opened = open_base(BaseRef(str(world.base)), list(find_variants(world.adapters).values()))
    ids = np.array([opened.base.tokenizer.encode("血压140/90")], dtype=np.int32)
    opened.batch.plan.assign(["v2"], prefill=True)
    expected = np.array(opened.batch.logits(ids))
    tokens, positions = mx.array(ids), mx.broadcast_to(mx.arange(ids.shape[1]), (3, *ids.shape))
    language = run.trainee.base.model.language_model
    fresh = np.array(language.lm_head(language.model(tokens, position_ids=positions)))
    assert np.abs(fresh - expected).max() < 1e-4, "a fresh adapter on [v2] is v2"
    below = [layer.linear for layer in run.trainee.places.layers]
    kept = [(np.array(layer.lora_a), np.array(layer.lora_b)) for layer in below]
    run.go()
    for layer, (a, b) in zip(below, kept, strict=True):
        assert (np.array(layer.lora_a) == a).all() and (np.array(layer.lora_b) == b).all()
    saved = mx.load(str(newest(task.checkpoints).path / "adapters.safetensors"))
    assert len(saved) == 28 and {value.shape[0 if n.endswith("b") else 1] for n, value in saved.items()} == {4}


BAD = {
    "full": ({"method": "full", "trained_on": []}, UsageError, "engine=torch"),
    "trackio": ({"trackers": ["trackio"]}, UsageError, "swanlab"),
    "start": ({"init_from": "/no/such/folder"}, UsageError, "init_from"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence(world: World, tmp_path: Path, name: str) -> None:
    changes, kind, word = BAD[name]
    with pytest.raises(kind, match=word) as caught:
        train(world.task(tmp_path / "run", **changes))  # type: ignore[arg-type]
    assert " / " in str(caught.value) and "\n" not in str(caught.value)


def test_a_start_of_another_rank_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rank"):
        train(world.task(tmp_path / "run", trained_on=[], rank=3, init_from=str(world.adapters / "v2")))
