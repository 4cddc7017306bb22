"""The torch worker on a tiny model: what it learns from, the stack below, weights, checkpoints, resume, outputs."""

import json
from pathlib import Path
from threading import Event as Cancel

import pytest
import torch

from medeval.adapters.catalogue import find_variants
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef, Decoding, Done, Message, Request
from medeval.training.checkpoints import newest
from medeval.training.config import ConfigError
from medeval.training.curriculum import Curriculum
from medeval.training.losses import IGNORE
from medeval.training.ready import usable
from medeval.training.targets import TargetError
from medeval.training.worker_torch import prepare, train
from training.worker_world import World, history


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
    from medeval.training.torch_answers import ask
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
    answers, failed = ask(trainer.trainee.asker, cases, 12, lambda: False)
    assert failed == [] and answers == told


def test_full_fine_tuning_leaves_a_model_and_no_column(world: World, tmp_path: Path) -> None:
    from medeval.services.training import work
    from medeval.settings import Settings

    task = world.task(tmp_path / "full", method="full", trained_on=[], learning_rate=1e-4, steps=2, warmup_steps=0)
    adapters = tmp_path / "none"
    work(task.folder, Settings(base=str(world.base), adapters=adapters, home=tmp_path / "home"))
    assert history(task).result["adapter"] is None and not adapters.exists()
    assert (task.output / "model.safetensors").is_file() and (task.output / "config.json").is_file()


def test_rank_zero_is_refused_by_the_config(world: World) -> None:
    with pytest.raises(ConfigError, match="rank"):
        world.config(rank=0)


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
