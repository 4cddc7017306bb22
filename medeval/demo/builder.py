"""The builder: tokenizer, dense stage, joint stage, adapters; each stage resumes by itself."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen3VLForConditionalGeneration

from medeval.demo.architecture import random_model, write_side_files
from medeval.demo.corpus import STYLES, base_stream, make_exchange, topics
from medeval.demo.dense import DensePlan, train_dense
from medeval.demo.export import export_adapter, export_base
from medeval.demo.joint import READING_PLAN, JointPlan, train_joint
from medeval.demo.tokens import train_tokenizer
from medeval.demo.tune import PLANS, train_adapter

SEED = 11
STAGES = ("tokenizer", "dense", "joint", "reading", "v1", "v2", "v3", "export")


@dataclass(frozen=True)
class Folders:
    """Where the work is kept and where the result goes."""

    work: Path
    models: Path
    adapters: Path

    @property
    def base(self) -> Path:
        """The base in fp16 with its side files, as it will be shipped."""
        return self.work / "base"


def stage_tokenizer(folders: Folders) -> None:
    """Trains the tokenizer on the corpus and writes the model's side files."""
    rng = random.Random("tokenizer")
    exchanges = [make_exchange(topic, rng) for topic in topics() for _ in range(60)]
    exchanges += [make_exchange(rng.choice(("bp", "fasting", "fever", "lab")), rng) for _ in range(600)]
    texts = [text for e in exchanges for text in (e.question, *(e.answers[s] for s in STYLES))]
    samples = islice(base_stream(1), 1500)
    texts += [s.prompt + s.answer for s in samples]
    train_tokenizer(texts, folders.base)
    write_side_files(folders.base, load_tokenizer(folders))


def load_tokenizer(folders: Folders) -> PreTrainedTokenizerBase:
    """The demo's tokenizer."""
    return AutoTokenizer.from_pretrained(folders.base)


def stage_dense(folders: Folders, plan: DensePlan, device: str) -> None:
    """Trains the vision tower alone."""
    tower = random_model(folders.base, SEED).model.visual
    train_dense(tower.to(device), folders.work, plan)


def stage_joint(folders: Folders, plan: JointPlan, device: str) -> None:
    """Trains the whole model on what the stage before left, and writes the base in fp16."""
    model = random_model(folders.base, SEED)
    before = folders.work / ("dense.pt" if plan.name == "joint" else "joint.pt")
    state = torch.load(before, weights_only=True, map_location="cpu")
    if plan.name == "joint":
        model.model.visual.load_state_dict(state["tower"])
    else:
        model.load_state_dict(state["model"])
    train_joint(model.to(device), load_tokenizer(folders), folders.work, plan)
    write_base(model.cpu(), folders)


def write_base(model: Qwen3VLForConditionalGeneration, folders: Folders) -> None:
    """Saves weights in fp16; the side files are rewritten, as saving alters config.json."""
    model.half().save_pretrained(folders.base)
    write_side_files(folders.base, load_tokenizer(folders))


def stage_adapter(name: str, folders: Folders, steps: int | None, device: str) -> None:
    """Trains one adapter, unless it is there already."""
    plan = PLANS[name]
    plan = replace(plan, steps=steps) if steps else plan
    if not (folders.work / name / "done").exists():
        train_adapter(plan, folders.base, folders.work, load_tokenizer(folders), device)
        (folders.work / name / "done").touch()


def stage_export(folders: Folders) -> None:
    """Writes models/demo and adapters/v1, v2, v3."""
    export_base(folders.work, folders.models)
    for name in PLANS:
        export_adapter(name, folders.work, folders.adapters / name, folders.models)


def build(folders: Folders, stages: Sequence[str], quick: bool = False, device: str = "cpu") -> None:
    """Runs the named stages in order, or all; what is finished is not done again."""
    unknown = sorted(set(stages) - set(STAGES))
    if unknown:
        raise ValueError(f"unknown stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    folders.work.mkdir(parents=True, exist_ok=True)
    for stage in stages or STAGES:
        print(f"== {stage}", file=sys.stderr)
        if stage == "tokenizer":
            # Weights belong to one vocabulary: an interrupted build keeps the one it began with.
            if not (folders.base / "tokenizer.json").exists():
                stage_tokenizer(folders)
        elif stage == "dense":
            dense = DensePlan()
            stage_dense(folders, replace(dense, steps=4, save_every=2) if quick else dense, device)
        elif stage in ("joint", "reading"):
            plan = JointPlan() if stage == "joint" else READING_PLAN
            stage_joint(folders, replace(plan, steps=4, save_every=2) if quick else plan, device)
        elif stage == "export":
            stage_export(folders)
        else:
            stage_adapter(stage, folders, 4 if quick else None, device)
