"""Samples to tensors: the engine's own prompts and pictures, an answer to learn, batches drawn by the curriculum.

A micro-batch is a pure function of its number, so a resumed run continues with exactly the data it would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from medeval.engines.contract import Message
from medeval.engines.torch.encoding import Encoder, Prompt
from medeval.training.config import TrainConfig
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError, Sample
from medeval.training.losses import IGNORE

_PROBE = "答"


@dataclass(frozen=True)
class Learnt:
    """A tokenised exchange: the prompt as the engine reads it, and the answer's ids, the end included."""

    prompt: Prompt
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Lessons:
    """Turns samples into exchanges and batches for one base."""

    def __init__(self, encoder: Encoder, config: TrainConfig) -> None:
        self.encoder, self.config = encoder, config
        self._end = end_id(encoder)
        self._pad = int(getattr(encoder.base.tokenizer, "pad_token_id", None) or 0)

    def read(self, sample: Sample) -> Learnt:
        """One sample, learned in its last answer only.

        Raises:
            DataError: it is longer than `max_length`. EngineError: an image cannot be read or the base is text-only.
        """
        return self._read(sample, sample.messages[:-1], sample.messages[-1].text)

    def batch(self, samples: Sequence[Sample], weights: Sequence[float]) -> dict[str, Any]:
        """One micro-batch; of preference pairs all chosen answers, then all rejected ones in the same order."""
        if self.config.method != "dpo":
            return self.collate([self.read(sample) for sample in samples], weights)
        pairs = [self.read_pair(sample) for sample in samples]
        return self.collate([*(p[0] for p in pairs), *(p[1] for p in pairs)], [*weights, *weights])

    def read_pair(self, sample: Sample) -> tuple[Learnt, Learnt]:
        """The chosen and the rejected exchange of a preference pair."""
        return self._read(sample, sample.messages, sample.chosen), self._read(sample, sample.messages, sample.rejected)

    def _read(self, sample: Sample, turns: Sequence[Message], answer: str) -> Learnt:
        messages = tuple(turns)
        if self.config.system and messages[0].role != "system":
            messages = (Message("system", self.config.system), *messages)
        made = Learnt(self.encoder.encode(messages), (*self.encoder.text_ids(answer), self._end))
        if len(made) > self.config.max_length:
            raise DataError(
                [
                    f"{sample.id}: {len(made)} 词元，超过 max_length {self.config.max_length}，请加长或先删掉它"
                    f" / {len(made)} tokens, over max_length: raise it or leave the sample out"
                ]
            )
        return made

    def collate(self, items: Sequence[Learnt], weights: Sequence[float]) -> dict[str, Any]:
        """Right-padded tensors of one micro-batch; `keep` is how many last positions hold all answers."""
        width = max(len(item) for item in items)
        rows = self.encoder.base.sees
        ids = torch.full((len(items), width), self._pad, dtype=torch.long)
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
        return batch | pixels_of(items)


def pixels_of(items: Sequence[Learnt]) -> dict[str, Tensor]:
    """All images of a batch, in the order of its rows; empty without any."""
    found = [item.prompt.pixels for item in items if item.prompt.pixels is not None]
    if not found:
        return {}
    return {
        "pixel_values": torch.cat([p.values for p in found]),
        "image_grid_thw": torch.cat([p.grid for p in found]),
    }


def end_id(encoder: Encoder) -> int:
    """The token that ends an answer: what the chat template writes after one, else the tokenizer's own end."""
    base = encoder.base
    if getattr(base.tokenizer, "chat_template", None):
        turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
        text = str(base.tokenizer.apply_chat_template(turns, tokenize=False))
        after = base.tokenizer.encode(text.rpartition(_PROBE)[2], add_special_tokens=False)
        ends = [token for token in after if token in base.stop_ids]
        if ends:
            return int(ends[0])
    return int(base.tokenizer.eos_token_id)


class MicroBatches(Dataset[dict[str, Any]]):
    """The run as a list: item i is micro-batch i % accumulation of optimizer step i // accumulation."""

    def __init__(self, lessons: Lessons, curriculum: Curriculum) -> None:
        self._lessons, self._curriculum = lessons, curriculum
        self._config = curriculum.config

    def __len__(self) -> int:
        return self._curriculum.steps * self._config.accumulation

    def __getitem__(self, index: int) -> dict[str, Any]:
        step, part = divmod(index, self._config.accumulation)
        size = self._config.batch_size
        drawn = self._curriculum.batch(step)[part * size : (part + 1) * size]
        samples = [self._curriculum.samples[item.index] for item in drawn]
        weights = [item.weight for item in drawn]
        return self._lessons.batch(samples, weights)


def forward_inputs(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a batch the model itself takes; logits are made only where an answer is."""
    names = ("input_ids", "attention_mask", "position_ids", "pixel_values", "image_grid_thw")
    return {name: batch[name] for name in names if name in batch} | {"logits_to_keep": int(batch["keep"])}
