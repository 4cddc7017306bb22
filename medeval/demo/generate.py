"""Plain batched greedy generation with transformers, for evaluating what was trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase, Qwen3VLForConditionalGeneration

from medeval.demo.batches import chat_prefix, merged_tokens
from medeval.demo.corpus import Sample
from medeval.demo.pixels import to_vision


def prompt_text(sample: Sample) -> str:
    """The chat prompt up to the point where the answer begins."""
    return "".join(text for text, _ in chat_prefix(sample, merged_tokens(sample)))


@torch.inference_mode()
def answer_batch(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
    longest: int,
) -> list[str]:
    """Answers of one left-padded batch."""
    tokenizer.padding_side = "left"
    encoded = tokenizer([prompt_text(s) for s in samples], return_tensors="pt", padding=True)
    ids = encoded["input_ids"]
    extra = {}
    images = [s.image.pixels for s in samples if s.image is not None]
    if images:
        vision = to_vision(images)
        marks = (ids == tokenizer.convert_tokens_to_ids("<|image_pad|>")).int()
        extra = {"pixel_values": vision.patches, "image_grid_thw": vision.grid, "mm_token_type_ids": marks}
    mask = encoded["attention_mask"]
    out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=longest, do_sample=False, **extra)
    return [t.strip() for t in tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)]


def answers(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[Sample],
    size: int = 40,
    longest: int = 200,
) -> list[str]:
    """Answers in the order of the samples; batches hold prompts of like length."""
    order = sorted(range(len(samples)), key=lambda i: (merged_tokens(samples[i]), len(samples[i].prompt)))
    done: dict[int, str] = {}
    for start in tqdm(range(0, len(order), size), desc="answers", leave=False):
        part = order[start : start + size]
        texts = answer_batch(model, tokenizer, [samples[i] for i in part], longest)
        done.update(zip(part, texts, strict=True))
    return [done[i] for i in range(len(samples))]
