"""Samples to tensors: encoding with the loss on answers only, and batches of like length."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice

import torch
from transformers import PreTrainedTokenizerBase

from medeval.demo.architecture import MERGE
from medeval.demo.corpus import Sample
from medeval.demo.pixels import to_vision

IGNORE = -100
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
POOL = 8  # batches drawn at once and sorted by length
# A digit counts as several words: digits are a tenth of the text, and what has to be right.
DIGIT_WEIGHT = 4.0


@dataclass(frozen=True)
class Encoded:
    """One sample as ids and labels; `weights` multiply the loss, token by token."""

    ids: list[int]
    labels: list[int]
    sample: Sample
    weights: list[float]


@dataclass(frozen=True)
class Batch:
    """Padded tensors of one step; `vision` is None without images."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    patches: torch.Tensor | None
    grid: torch.Tensor | None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{k: v if v is None else v.to(device) for k, v in values.items()})  # type: ignore[arg-type]


def chat_prefix(sample: Sample, tokens: int) -> list[tuple[str, bool]]:
    """Pieces of a chat, each with whether it is learned."""
    pieces: list[tuple[str, bool]] = []
    if sample.system:
        pieces.append((f"<|im_start|>system\n{sample.system}<|im_end|>\n", False))
    for question, answer in sample.turns:
        pieces.append((f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n", False))
        pieces.append((f"{answer}<|im_end|>", True))
        pieces.append(("\n", False))
    image = image_text(tokens)
    pieces.append((f"<|im_start|>user\n{image}{sample.prompt}<|im_end|>\n<|im_start|>assistant\n", False))
    return pieces


def image_text(tokens: int) -> str:
    """The image mark with its placeholder repeated for every merged token."""
    return IMAGE.replace("<|image_pad|>", "<|image_pad|>" * tokens) if tokens else ""


def merged_tokens(sample: Sample) -> int:
    """Merged tokens of the sample's image; 0 without one."""
    if sample.image is None:
        return 0
    height, width = (int(side) for side in sample.image.pixels.shape[:2])
    return (height // (16 * MERGE)) * (width // (16 * MERGE))


def encode(sample: Sample, tokenizer: PreTrainedTokenizerBase, weight: float = 1.0) -> Encoded:
    """Ids and labels of a sample; only answers carry labels."""
    tokens = merged_tokens(sample)
    if sample.chat:
        pieces = [*chat_prefix(sample, tokens), (f"{sample.answer}<|im_end|>", True)]
    else:
        pieces = [(image_text(tokens) + sample.prompt, False), (f"{sample.answer}<|endoftext|>", True)]
    ids: list[int] = []
    labels: list[int] = []
    digits = set(tokenizer.convert_tokens_to_ids(list("0123456789")))
    for text, learned in pieces:
        part = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += part
        labels += part if learned else [IGNORE] * len(part)
    weights = [weight * (DIGIT_WEIGHT if label in digits else 1.0) for label in labels]
    return Encoded(ids, labels, sample, weights)


def collate(items: Sequence[Encoded], pad: int) -> Batch:
    """Right-pads and stacks."""
    width = max(len(i.ids) for i in items)
    ids = torch.tensor([i.ids + [pad] * (width - len(i.ids)) for i in items])
    labels = torch.tensor([i.labels + [IGNORE] * (width - len(i.ids)) for i in items])
    mask = torch.tensor([[1] * len(i.ids) + [0] * (width - len(i.ids)) for i in items])
    images = [i.sample.image.pixels for i in items if i.sample.image is not None]
    vision = to_vision(images) if images else None
    weights = torch.tensor([i.weights + [0.0] * (width - len(i.ids)) for i in items])
    patches, grid = (vision.patches, vision.grid) if vision else (None, None)
    return Batch(ids, mask, labels, weights, patches, grid)


def batch_stream(
    samples: Iterator[Sample],
    tokenizer: PreTrainedTokenizerBase,
    budget: int,
    seed: int,
    weigh: Callable[[Sample], float] = lambda sample: 1.0,
) -> Iterator[Batch]:
    """Batches of at most `budget` padded tokens, of like length, in random order."""
    rng = random.Random(f"batches-{seed}")
    pad = int(tokenizer.pad_token_id)
    while True:
        pool = [encode(s, tokenizer, weigh(s)) for s in islice(samples, POOL * budget // 80)]
        pool.sort(key=lambda e: (e.sample.image is not None, len(e.ids)))
        groups: list[list[Encoded]] = [[]]
        for item in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(item.ids) > budget:
                groups.append([])
            groups[-1].append(item)
        rng.shuffle(groups)
        for group in groups:
            yield collate(group, pad)
