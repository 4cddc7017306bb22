"""Samples to arrays for MLX: the engine's own prompts and pictures, an answer to learn, drawn by the curriculum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medeval.engines.contract import Message
from medeval.engines.mlx.encoding import Encoder, Pixels, Prompt
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


@dataclass(frozen=True)
class MicroBatch:
    """One forward pass: ids and labels [rows, width], right-padded; positions [3 or 1, rows, width]; weights [rows]."""

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    pixels: tuple[Pixels, ...]
    """Images in the order of the rows, of those that have any."""
    keep: int
    """How many last positions hold all answers."""
    tokens: int
    """Tokens read, padding left out."""


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

    def batch(self, samples: Sequence[Sample], weights: Sequence[float]) -> MicroBatch:
        """One micro-batch; of preference pairs all chosen answers, then all rejected ones in the same order."""
        if self.config.method != "dpo":
            return self.collate([self.read(sample) for sample in samples], weights)
        chosen = [self._read(sample, sample.messages, sample.chosen) for sample in samples]
        rejected = [self._read(sample, sample.messages, sample.rejected) for sample in samples]
        return self.collate([*chosen, *rejected], [*weights, *weights])

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

    def collate(self, items: Sequence[Learnt], weights: Sequence[float]) -> MicroBatch:
        """Right-padded arrays of one micro-batch; under the causal mask no answer sees the padding."""
        width = max(len(item) for item in items)
        shape = (len(items), width)
        ids = np.full(shape, self._pad, dtype=np.int32)
        labels = np.full(shape, IGNORE, dtype=np.int32)
        positions = np.zeros((items[0].prompt.positions.shape[0], *shape), dtype=np.int32)
        for index, item in enumerate(items):
            start, end = len(item.prompt), len(item)
            ids[index, :start], ids[index, start:end] = item.prompt.ids, item.answer
            labels[index, start:end] = item.answer
            positions[:, index, :start] = item.prompt.positions
            positions[:, index, start:end] = np.arange(len(item.answer)) + item.prompt.next_position
        return MicroBatch(
            ids, positions, labels, np.asarray(weights, dtype=np.float32),
            tuple(item.prompt.pixels for item in items if item.prompt.pixels is not None),
            width - min(len(item.prompt) for item in items) + 1, sum(len(item) for item in items),
        )  # fmt: skip


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


def micro_batches(lessons: Lessons, curriculum: Curriculum, step: int) -> list[MicroBatch]:
    """The micro-batches of optimizer step `step` (0-based): a pure function of the step, so a resume sees the same."""
    size, drawn = curriculum.config.batch_size, curriculum.batch(step)
    found = []
    for start in range(0, len(drawn), size):
        part = drawn[start : start + size]
        found.append(lessons.batch([curriculum.samples[d.index] for d in part], [d.weight for d in part]))
    return found
