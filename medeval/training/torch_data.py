"""Exchanges to tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from medeval.engines.torch.encoding import Prompt
from medeval.training.curriculum import Curriculum
from medeval.training.exchanges import Exchanges, Learnt
from medeval.training.losses import IGNORE


class Lessons(Exchanges[Prompt, dict[str, Any]]):
    """Samples as torch learns from them."""

    def collate(self, items: Sequence[Learnt[Prompt]], weights: Sequence[float]) -> dict[str, Any]:
        """Right-padded tensors of one micro-batch; `keep` is how many last positions hold all answers."""
        width = max(len(item) for item in items)
        rows = self.encoder.base.sees
        ids = torch.full((len(items), width), self.pad, dtype=torch.long)
        labels = torch.full((len(items), width), IGNORE, dtype=torch.long)
        mask = torch.zeros((len(items), width), dtype=torch.long)
        positions = torch.zeros((items[0].prompt.positions.shape[0], len(items), width), dtype=torch.long)
        for index, item in enumerate(items):
            start, end = len(item.prompt), len(item)
            ids[index, :end] = torch.cat([item.prompt.ids, torch.tensor(item.answer)])
            labels[index, start:end] = torch.tensor(item.answer)
            mask[index, :end] = 1
            following = torch.arange(len(item.answer)) + item.prompt.next_position
            positions[:, index, :start] = item.prompt.positions
            positions[:, index, start:end] = following
        batch: dict[str, Any] = {
            "input_ids": ids, "attention_mask": mask, "position_ids": positions if rows else positions[0],
            "labels": labels, "weights": torch.tensor(weights, dtype=torch.float32),
            "keep": width - min(len(item.prompt) for item in items) + 1,
        }  # fmt: skip
        return batch | pixels_of([item.prompt for item in items])


def pixels_of(prompts: Sequence[Prompt]) -> dict[str, Tensor]:
    """All images of a batch, in the order of its rows; empty without any."""
    found = [prompt.pixels for prompt in prompts if prompt.pixels is not None]
    if not found:
        return {}
    return {
        "pixel_values": torch.cat([p.values for p in found]),
        "image_grid_thw": torch.cat([p.grid for p in found]),
    }


class MicroBatches(Dataset[dict[str, Any]]):
    """The run as a list: item i is micro-batch i % accumulation of optimizer step i // accumulation."""

    def __init__(self, lessons: Lessons, curriculum: Curriculum) -> None:
        self._lessons, self._curriculum = lessons, curriculum
        self._parts = curriculum.config.accumulation

    def __len__(self) -> int:
        return self._curriculum.steps * self._parts

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._lessons.drawn(self._curriculum, *divmod(index, self._parts))


def forward_inputs(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a batch the model itself takes; logits are made only where an answer is."""
    names = ("input_ids", "attention_mask", "position_ids", "pixel_values", "image_grid_thw")
    return {name: batch[name] for name in names if name in batch} | {"logits_to_keep": int(batch["keep"])}
