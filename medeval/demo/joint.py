"""Stage 2: the whole model learns language on everything; and the loop that stage 3 shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase, Qwen3VLForConditionalGeneration

from medeval.demo.batches import IGNORE, Batch, batch_stream
from medeval.demo.corpus import base_stream
from medeval.demo.dense import cosine


@dataclass(frozen=True)
class JointPlan:
    """Schedule of one joint stage; its first `easy` steps read reports of 1 to 3 lines."""

    name: str = "joint"
    reading: bool = False
    steps: int = 1400
    easy: int = 250
    budget: int = 3600
    rate: float = 1.6e-3
    vision_rate: float = 4e-4
    warmup: int = 80
    save_every: int = 100
    seed: int = 21


# Language first, then reading: values copied from the question or read from the image.
READING_PLAN = JointPlan("reading", True, steps=700, easy=120, rate=1.2e-3, vision_rate=3e-4, warmup=30, seed=22)


def answer_loss(model: nn.Module, batch: Batch, image_token: int) -> torch.Tensor:
    """Weighted mean cross-entropy over answer tokens."""
    core: Any = model.model
    head: Any = model.lm_head
    images = {}
    if batch.patches is not None:
        images = {
            "pixel_values": batch.patches,
            "image_grid_thw": batch.grid,
            "mm_token_type_ids": (batch.ids == image_token).int(),
        }
    hidden = core(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, **images).last_hidden_state
    # Logits only where something is learned: the vocabulary is the widest layer.
    learned = batch.labels[:, 1:] != IGNORE
    logits = head(hidden[:, :-1][learned])
    losses = F.cross_entropy(logits.float(), batch.labels[:, 1:][learned], reduction="none")
    weights = batch.weights[:, 1:][learned]
    return (losses * weights).sum() / weights.sum()


def fit(
    model: nn.Module,
    groups: list[dict[str, Any]],
    batches: Iterator[Batch],
    steps: int,
    first: int,
    warmup: int,
    image_token: int,
    title: str,
    after: Callable[[int, torch.optim.Optimizer], None],
    optimizer_state: dict[str, Any] | None = None,
) -> float:
    """AdamW with warm-up and cosine, clipped at 1; returns the last average loss."""
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    rates = [g["lr"] for g in groups]
    if optimizer_state:
        optimizer.load_state_dict(optimizer_state)
    params = [p for g in groups for p in g["params"]]
    average, seen, began = 0.0, 0, time.monotonic()
    device = params[0].device
    bar = tqdm(range(first, steps), initial=first, total=steps, desc=title, mininterval=5)
    for step in bar:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * cosine(step, steps, warmup)
        batch = next(batches).to(device)
        # Weights stay float32; products in bfloat16 take two thirds of the time on CPUs that have it.
        with torch.autocast(batch.ids.device.type, torch.bfloat16):
            loss = answer_loss(model, batch, image_token)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        seen += int(batch.mask.sum())
        average = loss.item() if not average else 0.97 * average + 0.03 * loss.item()
        bar.set_postfix(loss=f"{average:.4f}", tps=int(seen / (time.monotonic() - began)), refresh=False)
        after(step + 1, optimizer)
    return average


def joint_batches(plan: JointPlan, tokenizer: PreTrainedTokenizerBase, first: int) -> Iterator[Batch]:
    """Batches from step `first` on: easy ones, then full ones."""
    seed = plan.seed + first
    easy = batch_stream(base_stream(seed, plan.reading, few_rows=True), tokenizer, plan.budget, seed)
    full = batch_stream(base_stream(seed + 7, plan.reading), tokenizer, plan.budget, seed + 7)
    for _ in range(first, plan.easy):
        yield next(easy)
    yield from full


def train_joint(
    model: Qwen3VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, work: Path, plan: JointPlan
) -> None:
    """Trains the whole model in place; resumes from and leaves `work/<name>.pt`."""
    path, first, state = work / f"{plan.name}.pt", 0, None
    if path.exists():
        saved = torch.load(path, weights_only=True, map_location="cpu")
        model.load_state_dict(saved["model"])
        first, state = int(saved["step"]), saved["optimizer"]

    def save(step: int, optimizer: torch.optim.Optimizer) -> None:
        if step % plan.save_every == 0 or step == plan.steps:
            part = path.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, part)
            part.replace(path)

    vision = list(model.model.visual.parameters())
    known = {id(p) for p in vision}
    text = [p for p in model.parameters() if id(p) not in known]
    groups = [{"params": text, "lr": plan.rate}, {"params": vision, "lr": plan.vision_rate}]
    image = int(tokenizer.convert_tokens_to_ids("<|image_pad|>"))
    batches = joint_batches(plan, tokenizer, first)
    fit(model, groups, batches, plan.steps, first, plan.warmup, image, plan.name, save, state)
