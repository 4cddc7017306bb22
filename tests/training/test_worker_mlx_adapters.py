"""Adapters that the MLX worker makes: used by both engines and by mlx-vlm itself; preference pairs; no torch."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event as Cancel

import numpy as np
import pytest
import torch
from tiny_models import build_base

from medeval.adapters.catalogue import find_variants
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef, Decoding, Done, Message, Request
from medeval.training.checkpoints import newest
from medeval.training.curriculum import Curriculum
from medeval.training.losses import IGNORE
from medeval.training.task import TrainTask
from training.worker_world import World, history

pytest.importorskip("mlx_vlm", reason="mlx-vlm is not installed (requirements-dev.txt has it)")

import mlx.core as mx

from medeval.training.mlx_answers import ask
from medeval.training.mlx_data import micro_batches
from medeval.training.ready import usable
from medeval.training.worker_mlx import prepare

ROOT = Path(__file__).resolve().parents[2]


def started(task: TrainTask):  # type: ignore[no-untyped-def]
    return prepare(task, Curriculum(task.config, usable(task)))


def test_a_job_ends_in_a_column_that_both_engines_answer_alike(world: World, tmp_path: Path) -> None:
    from medeval.engines.mlx import MLXEngine
    from medeval.engines.torch import TorchEngine

    task = world.task(tmp_path / "jobs" / "x", engine="mlx")
    adapters = tmp_path / "adapters"
    shutil.copytree(world.adapters, adapters)
    config = task.folder.config
    config["settings"]["adapters"] = str(adapters)
    task.folder.write_config(config)
    words = [sys.executable, "-m", "medeval", "work", str(task.folder.path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert task.folder.outcome() == ("done", "") and history(task).result["adapter"] == "new"
    sidecar = json.loads((adapters / "new" / "medeval.json").read_text())
    assert sidecar["trained_on"] == ["v2"] and sidecar["base_fingerprint"] == history(task).begin["base_fingerprint"]
    assert "medeval" in sidecar["producer"] and "<svg" in (adapters / "new" / "README.md").read_text()
    for name in ("adapter_config.json", "training_config.json", "metrics_history.json"):
        json.loads((adapters / "new" / name).read_text())
    cases = [Case(id="c", prompt="问3"), Case(id="d", prompt="看", images=[world.data / "a.png"])]
    requests = [
        Request(c.id, c.id, "new", (Message("user", c.prompt, tuple(c.images)),), Decoding(max_tokens=12))
        for c in cases
    ]
    told = []
    for engine in (TorchEngine(), MLXEngine()):
        receipt = engine.open(BaseRef(str(world.base)), list(find_variants(adapters).values()))
        assert receipt.refused == {}
        badge = next(item for item in receipt.variants if item.variant == "new")
        assert badge.logit_change and badge.tensors_matched == badge.tensors_expected == 56
        told.append({e.request_id: e.answer.text for e in engine.generate(requests, Cancel()) if isinstance(e, Done)})
        engine.close()
    assert told[0] == told[1] and set(told[0]) == {"c", "d"}
    run = started(task)
    run.restore(newest(task.checkpoints).path, 6)
    assert ask(run.trainee, cases, 12, lambda: False) == (told[0], []), "as it answered in training"


SHAPES: dict[str, dict[str, object]] = {
    "saved whole": {"modules_to_save": ["lm_head"], "trained_on": []},
    "saved whole on a stack": {"modules_to_save": ["embed_tokens", "norm"]},
    "merger": {"targets": ["q_proj", "visual.merger.linear_fc1"]},
    "head": {"targets": ["q_proj", "lm_head"], "quantization": "4bit"},
    "half base": {"dtype": "bfloat16"},
    "half adapter": {"adapter_dtype": "bfloat16"},
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_adapter_becomes_a_usable_column(world: World, tmp_path: Path, name: str) -> None:
    shutil.copytree(world.adapters, tmp_path / "adapters")
    usable_by_both(world.base, world.task(tmp_path / "run", **SHORT, **SHAPES[name]), tmp_path)


SHORT: dict[str, object] = {"engine": "mlx", "steps": 2, "warmup_steps": 0, "eval_every": 0}
BASES: dict[str, tuple[str, list[str], bool]] = {
    "text": ("text", ["q_proj", "v_proj"], False),
    "experts": ("moe", ["q_proj", "experts.gate_up_proj", "experts.down_proj"], False),
    "tied": ("vl", ["q_proj", "lm_head"], True),
}


@pytest.mark.parametrize("name", BASES)
def test_other_architectures_train(world: World, tmp_path: Path, name: str) -> None:
    kind, targets, tied = BASES[name]
    base = build_base(tmp_path / "base", kind, tied=tied)  # type: ignore[arg-type]
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.jsonl").write_text(json.dumps({"instruction": "问", "output": "答"}, ensure_ascii=False), "utf-8")
    task = world.task(tmp_path / "run", data=data, targets=targets, trained_on=[], **SHORT)
    (tmp_path / "adapters").mkdir()
    usable_by_both(base, replace(task, base=BaseRef(str(base))), tmp_path)


def usable_by_both(base: Path, task: TrainTask, root: Path) -> None:
    """Trains, and both engines open the result with the same effect on the probe."""
    from medeval.engines.mlx.opening import open_base as open_mlx
    from medeval.engines.torch.opening import open_base as open_torch
    from medeval.services.training import work
    from medeval.settings import Settings

    adapters = root / "adapters"
    work(task.folder, Settings(base=str(base), adapters=adapters, home=root / "home"))
    changes = []
    for opened in (open_torch, open_mlx):
        receipt = opened(BaseRef(str(base)), list(find_variants(adapters).values())).receipt
        assert receipt.refused == {}
        badge = next(item for item in receipt.variants if item.variant == "new")
        assert badge.tensors_matched == badge.tensors_expected
        changes.append(badge.logit_change)
    assert changes[0] > 0 and changes[0] == pytest.approx(changes[1], abs=1e-3)


def test_mlx_vlm_itself_loads_the_adapter(world: World, tmp_path: Path) -> None:
    from mlx_vlm.trainer.peft.utils import apply_lora_layers
    from mlx_vlm.utils import load_model

    task = world.task(tmp_path / "run", trained_on=[], dropout=0.0)
    run = started(task)
    run.go()
    ids = mx.array([list(range(10, 60, 3))])
    theirs = apply_lora_layers(load_model(world.base), newest(task.checkpoints).path)
    theirs.eval()
    run.trainee.base.model.eval()
    difference = np.array(theirs(ids).logits) - np.array(run.trainee.base.model(ids).logits)
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_preference_losses_are_those_of_torch(smoothing: float) -> None:
    from medeval.training.mlx_losses import likelihoods, preference_losses
    from medeval.training.torch_dpo import answer_logps, dpo_losses

    chance = np.random.default_rng(4)
    logits = chance.normal(0, 3, (2, 4, 9, 30)).astype(np.float32)
    labels = np.where(chance.random((4, 9)) < 0.5, chance.integers(0, 30, (4, 9)), IGNORE)
    policy, reference = (answer_logps(torch.tensor(part), torch.tensor(labels)) for part in logits)
    theirs = dpo_losses(policy, reference, 0.3, smoothing)
    mine, other = (likelihoods(mx.array(part), mx.array(labels.astype(np.int32))) for part in logits)
    found, margins = preference_losses(mine - other, 0.3, smoothing)
    assert np.array(found) == pytest.approx(theirs.losses.numpy(), abs=1e-4)
    assert np.array(margins) == pytest.approx(theirs.margins.numpy(), abs=1e-4)


def test_the_reference_has_its_own_whole_modules(world: World, tmp_path: Path) -> None:
    data = tmp_path / "pairs"
    data.mkdir()
    row = {"prompt": "问", "chosen": "好", "rejected": "坏坏"}
    (data / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    run = started(world.task(tmp_path / "dpo", data=data, method="dpo", modules_to_save=["lm_head"], warmup_steps=0))
    (batch,) = micro_batches(run._lessons, run._curriculum, 0)[:1]
    with run.trainee.below_only():
        before = np.array(run.trainee.logits(batch))
    run.go(2)
    with run.trainee.below_only():
        assert (np.array(run.trainee.logits(batch)) == before).all()
    run.trainee.put(run.trainee.values)
    assert not (np.array(run.trainee.logits(batch)) == before).all()


def test_preflight_measures_mlx_too(world: World, tmp_path: Path) -> None:
    from medeval.services.training import work
    from medeval.settings import Settings

    task = world.task(tmp_path / "dry", engine="mlx")
    task.folder.write_config(task.folder.config | {"dry": True})
    work(task.folder, Settings(base=str(world.base), adapters=world.adapters, home=tmp_path / "home"))
    assert history(task).result["modules"] == 14 and not task.checkpoints.exists()


def test_no_torch_is_needed(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "run", steps=2, warmup_steps=0, engine="mlx")
    code = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from medeval.services.workers import run_job; sys.exit(run_job(Path(sys.argv[2])))"
    )
    adapters = tmp_path / "adapters"
    shutil.copytree(world.adapters, adapters)
    config = task.folder.config
    config["settings"]["adapters"] = str(adapters)
    task.folder.write_config(config)
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(task.folder.path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    assert (adapters / "new" / "adapters.safetensors").is_file()
