"""Samples to tokenised exchanges: the engine's own prompts and pictures, an answer to learn, drawn by the curriculum.

The same for every engine, which adds only how exchanges become one batch of its own arrays. A micro-batch is a pure
function of its step and number, so a resumed run continues with exactly the data it would have seen.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from medeval.engines.contract import Message
from medeval.engines.rows import Prompt
from medeval.training.config import TrainConfig
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError, Sample

_PROBE = "答"
P = TypeVar("P", bound=Prompt)
P_co = TypeVar("P_co", bound=Prompt, covariant=True)
B = TypeVar("B")


class Base(Protocol):
    """What of a loaded base is asked here."""

    @property
    def tokenizer(self) -> Any:
        """Of transformers."""
        ...

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it can be asked about an image."""
        ...


class Encoder(Protocol[P_co]):
    """Tokenises conversations for one base; both engines have one."""

    @property
    def base(self) -> Base:
        """The base."""
        ...

    def encode(self, messages: Sequence[Message]) -> P_co:
        """The conversation with the generation prompt."""
        ...

    def text_ids(self, text: str) -> list[int]:
        """Ids of plain text."""
        ...


@dataclass(frozen=True)
class Learnt(Generic[P]):
    """A tokenised exchange: the prompt as the engine reads it, and the answer's ids, the end included."""

    prompt: P
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Exchanges(ABC, Generic[P, B]):
    """Turns samples into exchanges and batches for one base."""

    def __init__(self, encoder: Encoder[P], config: TrainConfig) -> None:
        self.encoder, self.config = encoder, config
        self._end = end_id(encoder.base)
        self.pad = int(getattr(encoder.base.tokenizer, "pad_token_id", None) or 0)

    @abstractmethod
    def collate(self, items: Sequence[Learnt[P]], weights: Sequence[float]) -> B:
        """One micro-batch, right-padded: under the causal mask no answer sees the padding."""

    def read(self, sample: Sample) -> Learnt[P]:
        """One sample, learned in its last answer only.

        Raises:
            DataError: it is longer than `max_length`. EngineError: an image cannot be read or the base is text-only.
        """
        return self._read(sample, sample.messages[:-1], sample.messages[-1].text)

    def batch(self, samples: Sequence[Sample], weights: Sequence[float]) -> B:
        """One micro-batch; of preference pairs all chosen answers, then all rejected ones in the same order."""
        if self.config.method != "dpo":
            return self.collate([self.read(sample) for sample in samples], weights)
        chosen = [self._read(sample, sample.messages, sample.chosen) for sample in samples]
        rejected = [self._read(sample, sample.messages, sample.rejected) for sample in samples]
        return self.collate([*chosen, *rejected], [*weights, *weights])

    def drawn(self, curriculum: Curriculum, step: int, part: int) -> B:
        """Micro-batch `part` of optimizer step `step` (both 0-based)."""
        size = self.config.batch_size
        found = curriculum.batch(step)[part * size : (part + 1) * size]
        return self.batch([curriculum.samples[item.index] for item in found], [item.weight for item in found])

    def _read(self, sample: Sample, turns: Sequence[Message], answer: str) -> Learnt[P]:
        messages = tuple(turns)
        if self.config.system and messages[0].role != "system":
            messages = (Message("system", self.config.system), *messages)
        made = Learnt(self.encoder.encode(messages), (*self.encoder.text_ids(answer), self._end))
        if len(made) > self.config.max_length:
            raise DataError(
                [
                    f"{sample.id}: {len(made)} 词元，超过 max_length {self.config.max_length}，请加长或先删掉它"
                    f" / {len(made)} tokens, over max_length {self.config.max_length}: raise it or leave the sample out"
                ]
            )
        return made


def end_id(base: Base) -> int:
    """The token that ends an answer: what the chat template writes after one, else the tokenizer's own end."""
    if getattr(base.tokenizer, "chat_template", None):
        turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
        text = str(base.tokenizer.apply_chat_template(turns, tokenize=False))
        after = base.tokenizer.encode(text.rpartition(_PROBE)[2], add_special_tokens=False)
        ends = [token for token in after if token in base.stop_ids]
        if ends:
            return int(ends[0])
    return int(base.tokenizer.eos_token_id)


def scaled_down(processor: Any, image_size: int) -> Any:
    """An image processor that scales images down to the area of `image_size` squared, never up; None stays None."""
    if processor is None:
        return None
    made = copy.deepcopy(processor)
    size = dict(made.size)
    longest = int(size.get("longest_edge") or image_size**2)
    size["longest_edge"] = max(min(longest, image_size**2), int(size.get("shortest_edge") or 0))
    made.size = type(made.size)(**size) if not isinstance(made.size, dict) else size
    return made
