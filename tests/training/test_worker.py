"""The torch worker on a tiny model: what it learns from, the stack below, weights, checkpoints, resume, outputs."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Cancel

import pytest
import torch

from medeval.adapters.catalogue import find_variants
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef, Decoding, Done, Message, Request
from medeval.errors import MedevalError
from medeval.training.checkpoints import best, list_checkpoints, newest
from medeval.training.config import ConfigError
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError
from medeval.training.losses import IGNORE
from medeval.training.targets import TargetError
from medeval.training.worker_torch import prepare, train, usable
from training.worker_world import World, again, build_world, history, losses


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield build_world(tmp_path_factory.mktemp("world"))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(world: World):  # type: ignore[no-untyped-def]
    """One uninterrupted run with everything on."""
    facts = {"systolic": "140 mmHg", "diastolic": "90 mmHg"}
    case = Case(id="bp", prompt="血压140/90？", suite=["standard"], facts=facts)
    task = world.task(world.root / "whole", (case,), suite="standard", suite_tokens=8, keep_best=1, keep_last=2)
    return task, train(task)


def test_a_run_reports_everything(whole) -> None:  # type: ignore[no-untyped-def]
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


def test_best_and_last_checkpoints_are_kept(whole) -> None:  # type: ignore[no-untyped-def]
    task, _ = whole
    steps = [item.step for item in list_checkpoints(task.checkpoints)]
    assert steps[-2:] == [4, 6] and len(steps) <= 3
    assert newest(task.checkpoints).step == 6 and best(task.checkpoints) is not None


@pytest.mark.parametrize("upto", [2, 4])
def test_resume_repeats_the_uninterrupted_run_exactly(world: World, tmp_path: Path, upto: int) -> None:
    task = world.task(tmp_path / "first", keep_last=9)
    train(task)
    second = again(task, tmp_path / "second", upto)
    assert train(second).finished
    assert history(second).resumed == (upto,)
    assert losses(second) == losses(task), "dropout, data order, optimizer and schedule must all go on"
    ours, theirs = (newest(t.checkpoints).path / "adapter_model.safetensors" for t in (second, task))
    assert ours.read_bytes() == theirs.read_bytes()


def test_stop_saves_and_the_rest_follows(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "stopped", save_every=0, eval_every=0)
    emit = task.folder.emit

    def stop_at_three(kind: str, **fields: object) -> None:
        emit(kind, **fields)
        if kind == "step" and fields["step"] == 3:
            task.folder.ask_to_stop()

    task.folder.emit = stop_at_three  # type: ignore[method-assign]
    assert train(task).finished is False
    assert [item.step for item in list_checkpoints(task.checkpoints)] == [3]
    task.folder.prepare()
    assert train(task).finished
    plain = world.task(tmp_path / "plain", save_every=0, eval_every=0)
    train(plain)
    assert losses(task) == losses(plain)


@pytest.mark.parametrize("hurt", ["torn", "no marker", "partial"])
def test_half_written_checkpoints_are_never_used(world: World, tmp_path: Path, hurt: str) -> None:
    task = world.task(tmp_path / "run", keep_last=9)
    train(task)
    other = again(task, tmp_path / "hurt", 4)
    last = other.checkpoints / "step-000004"
    if hurt == "torn":
        file = last / "optimizer.pt"
        file.write_bytes(file.read_bytes()[:-100])
    elif hurt == "no marker":
        (last / "complete.json").unlink()
    else:
        last.rename(other.checkpoints / ".partial-000004")
    assert newest(other.checkpoints).step == 2
    train(other)
    assert history(other).resumed == (2,) and losses(other) == losses(task)
    assert [item.step for item in list_checkpoints(other.checkpoints)][-1] == 6


def test_only_the_answer_is_learned(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "run")
    trainer, _ = prepare(task, Curriculum(task.config, usable(task)))
    tokenizer = trainer.trainee.base.tokenizer
    for index in range(6):
        batch = trainer.train_dataset[index]
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            learned = ids[labels != IGNORE]
            text = tokenizer.decode(learned)
            assert text.endswith("<|im_end|>") and text.removesuffix("<|im_end|>") in {
                s.answer for s in task.data.train
            }
            assert (labels[labels != IGNORE] == learned).all()


def test_accumulated_weighted_gradient_is_that_of_one_batch(world: World, tmp_path: Path) -> None:
    shapes = ({"batch_size": 4, "accumulation": 1}, {"batch_size": 2, "accumulation": 2})
    norms = []
    for number, shape in enumerate(shapes):
        task = world.task(tmp_path / str(number), steps=1, warmup_steps=0, dropout=0.0, **shape)
        train(task)
        (step,) = history(task).steps
        norms.append((step["loss"], step["grad_norm"]))
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_the_stack_below_acts_stays_and_is_not_saved(world: World, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    task = world.task(tmp_path / "run", dropout=0.0)
    trainer, _ = prepare(task, Curriculum(task.config, usable(task)))
    trainee = trainer.trainee
    below = {n: p.clone() for n, p in trainee.model.named_parameters() if "below0" in n}
    assert len(below) == 28 and not any(p.requires_grad for n, p in trainee.model.named_parameters() if "below0" in n)
    ids = torch.tensor([trainee.base.tokenizer.encode("血压140/90")])
    with torch.no_grad():
        start = trainee.base.model(input_ids=ids).logits
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    plain = AutoModelForImageTextToText.from_pretrained(world.base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(plain, world.adapters / "v2").merge_and_unload()
    with torch.no_grad():
        assert torch.allclose(start, merged(input_ids=ids).logits, atol=1e-3), "a fresh adapter on [v2] is v2"
    trainer.train()
    after = dict(trainee.model.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in below.items())
    saved = load_file(newest(task.checkpoints).path / "adapter_model.safetensors")
    assert len(saved) == 28 and not any("below" in name for name in saved)


def test_the_finished_adapter_answers_in_the_engine_as_it_did_in_training(world: World, tmp_path: Path) -> None:
    from medeval.engines.torch import TorchEngine
    from medeval.services.training import make_task, work
    from medeval.settings import Settings
    from medeval.training.torch_clinical import _answers
    from medeval.training.torch_trainer import load_weights

    adapters = tmp_path / "adapters"
    task = world.task(tmp_path / "jobs" / "x")
    import shutil

    shutil.copytree(world.adapters, adapters)
    settings = Settings(base=str(world.base), adapters=adapters, home=tmp_path / "home")
    work(task.folder, settings)
    result = history(task).result
    assert result["adapter"] == "new" and (adapters / "new" / "README.md").is_file()
    for name in ("adapter_config.json", "medeval.json", "training_config.json", "metrics_history.json"):
        json.loads((adapters / "new" / name).read_text())
    card = (adapters / "new" / "README.md").read_text()
    assert "<svg" in card and task.data.fingerprint in card and "medeval train" in card
    variants = find_variants(adapters)
    assert [a.name for a in variants["new"].stack] == ["v2", "new"]
    engine = TorchEngine()
    receipt = engine.open(BaseRef(str(world.base)), list(variants.values()))
    assert receipt.refused == {}
    cases = [Case(id="c", prompt="问3"), Case(id="d", prompt="看", images=[world.data / "a.png"])]
    asked = {c.id: (Message("user", c.prompt, tuple(c.images)),) for c in cases}
    requests = [Request(name, name, "new", turns, Decoding(max_tokens=12)) for name, turns in asked.items()]
    told = {e.request_id: e.answer.text for e in engine.generate(requests, Cancel()) if isinstance(e, Done)}
    engine.close()
    again_task = make_task(settings, task.folder)
    trainer, _ = prepare(again_task, Curriculum(again_task.config, usable(again_task)))
    load_weights(trainer.trainee, newest(task.checkpoints).path)
    answers, failed = _answers(trainer.trainee.asker, cases, 12, lambda: False)
    assert failed == [] and answers == told


def test_full_fine_tuning_leaves_a_model_and_no_column(world: World, tmp_path: Path) -> None:
    from medeval.services.training import work
    from medeval.settings import Settings

    task = world.task(tmp_path / "full", method="full", trained_on=[], learning_rate=1e-4, steps=2, warmup_steps=0)
    adapters = tmp_path / "none"
    work(task.folder, Settings(base=str(world.base), adapters=adapters, home=tmp_path / "home"))
    assert history(task).result["adapter"] is None and not adapters.exists()
    assert (task.output / "model.safetensors").is_file() and (task.output / "config.json").is_file()


def test_preference_pairs_teach_the_preference(world: World, tmp_path: Path) -> None:
    data = tmp_path / "pairs"
    data.mkdir()
    rows = [{"prompt": f"问{i}", "chosen": f"好{i}", "rejected": f"坏坏{i}"} for i in range(4)]
    (data / "train.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    task = world.task(tmp_path / "dpo", data=data, method="dpo", dropout=0.0, steps=8, warmup_steps=0)
    train(task)
    found = losses(task)
    assert found[0] == pytest.approx(math.log(2), abs=1e-4), "the new adapter begins as its own reference"
    assert found[-1] < 0.6


BAD = {
    "target": ({"targets": ["vision_proj", "q_proj"]}, TargetError, "merger"),
    "cross": ({"targets": ["cross_attn"]}, TargetError, "near"),
    "near miss": ({"targets": ["q_porj"]}, TargetError, "q_proj"),
    "whole": ({"modules_to_save": ["embed_token"]}, TargetError, "embed_tokens"),
    "length": ({"max_length": 16}, DataError, "max_length"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence(world: World, tmp_path: Path, name: str) -> None:
    changes, kind, word = BAD[name]
    with pytest.raises(kind, match=word) as caught:
        train(world.task(tmp_path / "run", **changes))  # type: ignore[arg-type]
    assert " / " in str(caught.value) and "\n" not in str(caught.value)


def test_rank_zero_is_refused_by_the_config(world: World) -> None:
    with pytest.raises(ConfigError, match="rank"):
        world.config(rank=0)


def test_missing_images_are_named_before_anything_is_loaded(world: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {"instruction": "看", "output": "答", "images": ["not-there.png"]}
    (data / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    with pytest.raises(DataError, match=r"not-there\.png"):
        train(world.task(tmp_path / "run", data=data))


def test_a_diverging_loss_ends_the_run_with_advice(world: World, tmp_path: Path) -> None:
    task = world.task(tmp_path / "run")
    _, recorder = prepare(task, Curriculum(task.config, usable(task)))
    with pytest.raises(MedevalError, match="learning_rate"):
        recorder.after_step(1, math.nan, 1.0, 0.1)


def test_early_stop_takes_the_best_checkpoint(world: World, tmp_path: Path) -> None:
    task = world.task(
        tmp_path / "run", learning_rate=1.0, scheduler="constant", warmup_steps=0, steps=40, eval_every=1, save_every=1,
        early_stop=3, keep_best=1,
    )  # fmt: skip
    trained = train(task)
    assert trained.finished and trained.early and trained.steps < 40
    held = {e["step"]: e["val_loss"] for e in history(task).evals}
    assert trained.checkpoint is not None
    assert int(trained.checkpoint.name.removeprefix("step-")) == min(held, key=lambda step: held[step])


SHAPES: dict[str, dict[str, object]] = {
    "saved whole": {"modules_to_save": ["lm_head"], "trained_on": []},
    "saved whole on a stack": {"modules_to_save": ["embed_tokens"]},
    "merger": {"targets": ["q_proj", "visual.merger.linear_fc1"]},
    "checkpointing": {"gradient_checkpointing": True, "dropout": 0.0},
    "half adapter": {"adapter_dtype": "float16"},
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_adapter_becomes_a_usable_column(world: World, tmp_path: Path, name: str) -> None:
    import shutil

    from medeval.engines.torch import TorchEngine
    from medeval.services.training import work
    from medeval.settings import Settings

    adapters = tmp_path / "adapters"
    shutil.copytree(world.adapters, adapters)
    task = world.task(tmp_path / "run", steps=2, warmup_steps=0, eval_every=0, **SHAPES[name])
    work(task.folder, Settings(base=str(world.base), adapters=adapters, home=tmp_path / "home"))
    engine = TorchEngine()
    receipt = engine.open(BaseRef(str(world.base)), list(find_variants(adapters).values()))
    engine.close()
    assert receipt.refused == {}
    badge = next(item for item in receipt.variants if item.variant == "new")
    assert badge.logit_change and badge.tensors_matched == badge.tensors_expected


@pytest.mark.parametrize("kind", ["text", "moe"])
def test_other_architectures_train(world: World, tmp_path: Path, kind: str) -> None:
    from dataclasses import replace

    from tiny_models import build_base

    base = build_base(tmp_path / kind, kind)  # type: ignore[arg-type]
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.jsonl").write_text(json.dumps({"instruction": "问", "output": "答"}, ensure_ascii=False), "utf-8")
    changes = {"targets": ["q_proj", "v_proj"], "trained_on": [], "steps": 2, "warmup_steps": 0}
    task = world.task(tmp_path / "run", data=data, **changes)
    assert train(replace(task, base=BaseRef(str(base)))).finished
    if kind == "moe":
        wrong = world.task(tmp_path / "wrong", data=data, **(changes | {"targets": ["router_proj"]}))
        with pytest.raises(TargetError, match="near"):
            train(replace(wrong, base=BaseRef(str(base))))


def test_a_quantised_base_without_its_package_says_what_to_do(world: World, tmp_path: Path) -> None:
    from importlib.util import find_spec

    from medeval.errors import MissingPackageError

    if find_spec("bitsandbytes"):
        pytest.skip("bitsandbytes is installed")
    with pytest.raises(MissingPackageError, match="quantization=none"):
        train(world.task(tmp_path / "run", quantization="4bit"))
