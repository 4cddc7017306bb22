"""Stage 1: the vision tower learns to see, with a throw-away head.

Each merged cell predicts the characters printed in it (or the anatomy, for phantoms) and
each phantom its finding. Language-model loss alone stays on a plateau for long.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from medeval.demo.glyphs import charset
from medeval.demo.labs import draw_report
from medeval.demo.phantoms import CELL_CLASSES, LABELS, draw_phantom
from medeval.demo.pixels import merged_counts, to_vision
from medeval.demo.sheets import SLOTS, draw_sheet

CHARS = {c: i + 1 for i, c in enumerate(charset())}


@dataclass(frozen=True)
class DensePlan:
    """Schedule of the dense stage."""

    steps: int = 850
    sheets: int = 10
    phantoms: int = 5
    rate: float = 1.5e-3
    warmup: int = 60
    save_every: int = 100
    seed: int = 11


class DenseHead(nn.Module):
    """The throw-away head: characters, anatomy and finding."""

    def __init__(self, width: int) -> None:
        """Makes the three linear layers."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.chars = nn.Linear(width, SLOTS * (len(CHARS) + 1))
        self.anatomy = nn.Linear(width, len(CELL_CLASSES))
        self.finding = nn.Linear(width, len(LABELS))


@dataclass
class DenseBatch:
    """Images and targets of one step."""

    patches: torch.Tensor
    grid: torch.Tensor
    chars: torch.Tensor
    anatomy: torch.Tensor
    findings: torch.Tensor

    def to(self, device: torch.device) -> DenseBatch:
        """The same batch on a device."""
        return DenseBatch(*(getattr(self, f.name).to(device) for f in fields(self)))


def dense_batch(plan: DensePlan, step: int, seed: int) -> DenseBatch:
    """The batch of one step: a function of seed and step, so that resuming repeats nothing."""
    rng = random.Random(f"dense-{seed}-{step}")
    sheets = [draw_sheet(draw_report(rng), rng) for _ in range(plan.sheets)]
    phantoms = [draw_phantom(rng) for _ in range(plan.phantoms)]
    vision = to_vision([s.pixels for s in sheets] + [p.pixels for p in phantoms])
    chars = [[CHARS.get(c, 0) for c in cell] for s in sheets for cell in s.cells]
    anatomy = [CELL_CLASSES.index(c) for p in phantoms for c in p.cells]
    findings = [LABELS.index(p.label) for p in phantoms]
    return DenseBatch(vision.patches, vision.grid, torch.tensor(chars), torch.tensor(anatomy), torch.tensor(findings))


def dense_loss(tower: nn.Module, head: DenseHead, batch: DenseBatch) -> tuple[torch.Tensor, dict[str, float]]:
    """Sum of the three losses, and what share is right."""
    out = tower(batch.patches, grid_thw=batch.grid)
    cells = head.norm(out.pooler_output)
    split = len(batch.chars)
    chars = head.chars(cells[:split]).view(-1, len(CHARS) + 1)
    wanted = batch.chars.view(-1)
    inked = wanted > 0
    # Blank slots are three quarters of all: they count less, or blank is learned first.
    weight = torch.where(inked, 1.0, 0.15)
    loss = (F.cross_entropy(chars, wanted, reduction="none") * weight).sum() / weight.sum()
    anatomy = head.anatomy(cells[split:])
    pooled = torch.stack([c.mean(0) for c in cells[split:].split(merged_counts(batch.grid)[-len(batch.findings) :])])
    finding = head.finding(pooled)
    loss = loss + F.cross_entropy(anatomy, batch.anatomy) + 0.3 * F.cross_entropy(finding, batch.findings)
    right = {
        "glyphs": (chars.argmax(-1) == wanted)[inked].float().mean().item(),
        "anatomy": (anatomy.argmax(-1) == batch.anatomy).float().mean().item(),
        "finding": (finding.argmax(-1) == batch.findings).float().mean().item(),
    }
    return loss, right


def cosine(step: int, steps: int, warmup: int, floor: float = 0.05) -> float:
    """Warm-up, then half a cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def train_dense(tower: nn.Module, work: Path, plan: DensePlan) -> None:
    """Trains the tower in place; resumes from `work/dense.pt`, and leaves it there."""
    device = next(tower.parameters()).device
    config: Any = tower.config
    head = DenseHead(config.out_hidden_size).to(device)
    params = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(params, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01)
    first = _resume(work / "dense.pt", tower, head, optimizer)
    bar = tqdm(range(first, plan.steps), initial=first, total=plan.steps, desc="dense", mininterval=5)
    average: dict[str, float] = {}
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * cosine(step, plan.steps, plan.warmup)
        loss, right = dense_loss(tower, head, dense_batch(plan, step, plan.seed).to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        right["loss"] = loss.item()
        average = {k: 0.95 * average.get(k, v) + 0.05 * v for k, v in right.items()}
        bar.set_postfix({k: f"{v:.3f}" for k, v in average.items()}, refresh=False)
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            state = {"tower": tower.state_dict(), "head": head.state_dict(),
                     "optimizer": optimizer.state_dict(), "step": step + 1, "right": average}  # fmt: skip
            torch.save(state, work / "dense.pt.part")
            (work / "dense.pt.part").replace(work / "dense.pt")


def _resume(path: Path, tower: nn.Module, head: DenseHead, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    tower.load_state_dict(state["tower"])
    head.load_state_dict(state["head"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
