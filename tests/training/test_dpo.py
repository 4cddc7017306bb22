"""DPO: the loss against hand-made numbers, its gradient, its reference, resume, and what events and card say."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from medeval.adapters.catalogue import find_variants
from medeval.training.checkpoints import newest
from medeval.training.config import ConfigError
from medeval.training.curriculum import Curriculum
from medeval.training.ready import usable
from medeval.training.record import figures
from medeval.training.torch_dpo import (
    answer_logps,
    below_only,
    dpo_losses,
    preference,
    weighted_preference,
)
from medeval.training.torch_model import NEW
from medeval.training.worker_torch import prepare, train
from training.worker_world import World, again, history, losses

LOG2 = math.log(2)


@pytest.fixture(scope="module")
def pairs(world: World) -> Path:
    """Six text pairs and one with an image, two of them tagged; two for validation."""
    folder = world.root / "pairs"
    folder.mkdir()
    shutil.copy(world.data / "a.png", folder)
    rows: list[dict[str, Any]] = [
        {"prompt": f"问{i}", "chosen": f"好{i}", "rejected": f"坏坏{i}"}
        | ({"meta": {"dimension": "precision"}} if i < 2 else {})
        for i in range(6)
    ]
    rows.append({"prompt": "看", "images": ["a.png"], "chosen": "心影大", "rejected": "正常"})
    held = [{"prompt": f"新{i}", "chosen": f"好{i}", "rejected": f"坏坏{i}"} for i in range(2)]
    for name, part in (("train", rows), ("valid", held)):
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in part), "utf-8")
    return folder


DPO: dict[str, Any] = {"method": "dpo", "dropout": 0.0, "warmup_steps": 0}


# (policy c, policy r, reference c, reference r, beta, smoothing, loss, margin), worked out by hand
CASES = {
    "as the reference": (-12.0, -7.0, -12.0, -7.0, 0.1, 0.0, 0.6931471805599453, 0.0),
    "chosen up": (-10.0, -7.0, -12.0, -7.0, 0.1, 0.0, 0.5981388693815918, 0.2),
    "rejected down": (-12.0, -9.0, -12.0, -7.0, 0.1, 0.0, 0.5981388693815918, 0.2),
    "both up alike": (-10.0, -5.0, -12.0, -7.0, 0.1, 0.0, 0.6931471805599453, 0.0),
    "the wrong way": (-13.0, -6.0, -12.0, -7.0, 0.5, 0.0, 1.3132616875182228, -1.0),
    "smoothed": (-11.0, -8.0, -12.0, -7.0, 0.5, 0.1, 0.9 * 0.31326168751822286 + 0.1 * 1.3132616875182228, 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_loss_by_hand(name: str) -> None:
    pc, pr, rc, rr, beta, smoothing, loss, margin = CASES[name]
    found = dpo_losses(torch.tensor([pc, pr]), torch.tensor([rc, rr]), beta, smoothing)
    assert float(found.losses) == pytest.approx(loss, abs=1e-6)
    assert float(found.margins) == pytest.approx(margin, abs=1e-6)


def test_only_answer_tokens_count() -> None:
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[-100, -100, 3, 1, -100], [-100, 2, 0, 5, 6]])
    plain = torch.log_softmax(logits, dim=-1)
    by_hand = [plain[0, 1, 3] + plain[0, 2, 1], plain[1, 0, 2] + plain[1, 1, 0] + plain[1, 2, 5] + plain[1, 3, 6]]
    assert answer_logps(logits, labels).tolist() == pytest.approx([float(value) for value in by_hand], abs=1e-5)


def test_a_weighted_pair_pulls_as_hard_as_its_weight() -> None:
    found = dpo_losses(torch.tensor([-1.0, -2.0, -3.0, -4.0]), torch.zeros(4), 0.1)
    weights = torch.tensor([2.0, 0.5, 2.0, 0.5])
    assert float(weighted_preference(found, weights)) == pytest.approx(
        (2.0 * float(found.losses[0]) + 0.5 * float(found.losses[1])) / 2
    )


def test_events_figures() -> None:
    assert figures([]) == {}
    assert figures([0.0, 0.2, -0.4, 0.6]) == pytest.approx({"margin": 0.1, "accuracy": 2.5 / 4})


def ready(world: World, pairs: Path, folder: Path, **changes: Any) -> Any:
    task = world.task(folder, data=pairs, **(DPO | changes))
    trainer, _ = prepare(task, Curriculum(task.config, usable(task)))
    return trainer


def logps_alone(trainer: Any, row: int, batch: dict[str, Any]) -> float:
    """Log-probability of one answer, from the plain model and a softmax of one unpadded row."""
    keep = batch["attention_mask"][row].bool()
    ids, labels = batch["input_ids"][row][keep][None], batch["labels"][row][keep]
    with torch.no_grad():
        logits = trainer.trainee.model(input_ids=ids).logits[0]
    plain = torch.log_softmax(logits.float(), dim=-1)
    return sum(float(plain[i - 1, token]) for i, token in enumerate(labels.tolist()) if token != -100)


def test_loss_on_the_model_equals_that_of_single_rows(world: World, pairs: Path, tmp_path: Path) -> None:
    trainer = ready(world, pairs, tmp_path / "run", dpo_beta=0.3)
    trainee, batch = trainer.trainee, next(b for b in trainer.train_dataset if "pixel_values" not in b)
    start = preference(trainee, trainee.model, batch, trainer._config)
    assert start.losses.tolist() == pytest.approx([LOG2] * 2, abs=1e-6), "a fresh adapter is its own reference"
    before = [logps_alone(trainer, row, batch) for row in range(4)]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in trainee.model.named_parameters():
            if f"lora_B.{NEW}" in name:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    after = [logps_alone(trainer, row, batch) for row in range(4)]
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) > 0.05
    margins = [0.3 * ((after[i] - after[i + 2]) - (before[i] - before[i + 2])) for i in range(2)]
    found = preference(trainee, trainee.model, batch, trainer._config)
    assert found.margins.tolist() == pytest.approx(margins, abs=2e-4)
    assert found.losses.tolist() == pytest.approx([math.log1p(math.exp(-m)) for m in margins], abs=2e-4)


def test_a_step_moves_chosen_up_against_rejected(world: World, pairs: Path, tmp_path: Path) -> None:
    trainer = ready(world, pairs, tmp_path / "run")
    trainee, batch = trainer.trainee, next(b for b in trainer.train_dataset if "pixel_values" in b)
    below = {n: p.clone() for n, p in trainee.model.named_parameters() if "below0" in n}
    learned = [p for p in trainee.model.parameters() if p.requires_grad]
    for _ in range(2):
        found = preference(trainee, trainee.model, batch, trainer._config)
        weighted_preference(found, batch["weights"]).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for value in learned:
                value -= 0.5 * (value.grad if value.grad is not None else 0)
                value.grad = None
    after = preference(trainee, trainee.model, batch, trainer._config)
    assert all(margin > 0 for margin in after.margins.tolist())
    now = dict(trainee.model.named_parameters())
    assert below and all(torch.equal(now[name], value) for name, value in below.items())


@pytest.mark.parametrize(
    "changes",
    [{}, {"modules_to_save": ["lm_head"], "trained_on": []}, {"modules_to_save": ["embed_tokens"]}],
    ids=["stack", "whole", "whole on a stack"],
)
def test_the_reference_is_what_lies_below(world: World, pairs: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    trainer = ready(world, pairs, tmp_path / "run", **changes)
    trainee, ids = trainer.trainee, torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        start = trainee.model(input_ids=ids).logits
        for value in (p for p in trainee.model.parameters() if p.requires_grad):
            value += 0.05
        moved = trainee.model(input_ids=ids).logits
        with below_only(trainee):
            assert torch.allclose(trainee.model(input_ids=ids).logits, start, atol=1e-6)
        assert torch.equal(trainee.model(input_ids=ids).logits, moved) and not torch.allclose(moved, start, atol=1e-2)


def test_gradient_checkpointing_changes_nothing(world: World, pairs: Path, tmp_path: Path) -> None:
    # layers are run anew on the way back, after the reference's turn: the new adapter must be on again by then
    changes = DPO | {"steps": 3, "eval_every": 0, "save_every": 0, "learning_rate": 1e-2}
    plain = world.task(tmp_path / "plain", data=pairs, **changes)
    spared = world.task(tmp_path / "spared", data=pairs, **changes, gradient_checkpointing=True)
    train(plain)
    train(spared)
    assert losses(spared) == pytest.approx(losses(plain), rel=1e-4) and losses(plain)[-1] < losses(plain)[0]


def test_resume_repeats_the_uninterrupted_run_exactly(world: World, pairs: Path, tmp_path: Path) -> None:
    changes = DPO | {"dropout": 0.1, "keep_last": 9, "log_every": 3}
    task = world.task(tmp_path / "first", data=pairs, **changes)
    train(task)
    second = again(task, tmp_path / "second", 4)
    assert train(second).finished and history(second).resumed == (4,)
    ours, theirs = history(second), history(task)
    assert losses(second) == losses(task)
    assert [e["margin"] for e in ours.steps] == [e["margin"] for e in theirs.steps]
    weights = [newest(t.checkpoints).path / "adapter_model.safetensors" for t in (second, task)]  # type: ignore[union-attr]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_events_and_card_tell_margin_and_accuracy(world: World, pairs: Path, tmp_path: Path) -> None:
    from medeval.services.training import work
    from medeval.settings import Settings

    adapters = tmp_path / "adapters"
    shutil.copytree(world.adapters, adapters)
    task = world.task(tmp_path / "run", data=pairs, **(DPO | {"steps": 9}))
    work(task.folder, Settings(base=str(world.base), adapters=adapters, home=tmp_path / "home"))
    found = history(task)
    assert found.steps[0]["loss"] == pytest.approx(1.25 * LOG2, rel=0.3), "weights 2 and 1 of the tagged pairs"
    assert found.steps[0]["margin"] == pytest.approx(0, abs=1e-5)
    assert found.steps[-1]["accuracy"] == 1.0 and found.evals[-1]["accuracy"] == 1.0
    assert found.evals[-1]["margin"] > 0 and found.evals[-1]["val_loss"] < LOG2
    assert [item.name for item in find_variants(adapters)["new"].stack] == ["v2", "new"], "a column on the same stack"
    card = (adapters / "new" / "README.md").read_text("utf-8")
    assert "DPO，beta 0.1" in card and "reference: base + v2" in card and "100%（2 对 / pairs）" in card


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"dpo_beta": 0}, "dpo_beta"),
        ({"dpo_smoothing": 0.5}, "dpo_smoothing"),
        ({"dpo_smoothing": 0.1, "engine": "mlx"}, "torch"),
    ],
)
def test_wrong_settings_are_refused(world: World, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        world.config(**(DPO | changes))
