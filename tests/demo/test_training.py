"""Encoding, loss and batches; a toy model, no shipped weights."""

import random
from itertools import islice
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from medeval.demo.architecture import VOCABULARY, random_model, write_side_files
from medeval.demo.batches import IGNORE, batch_stream, encode
from medeval.demo.corpus import Mix, Sample, base_stream, sample_stream
from medeval.demo.dense import DenseHead, DensePlan, dense_batch, dense_loss
from medeval.demo.joint import answer_loss
from medeval.demo.labs import draw_report
from medeval.demo.pixels import to_vision
from medeval.demo.sheets import draw_sheet
from medeval.demo.tokens import train_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoTokenizer

    path = tmp_path_factory.mktemp("toy")
    texts = [s.prompt + s.answer for s in islice(base_stream(1), 200)]
    train_tokenizer(texts, path, 800)
    write_side_files(path, AutoTokenizer.from_pretrained(path))
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path):  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_digits_are_tokens_of_their_own(tokenizer) -> None:  # type: ignore[no-untyped-def]
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("血压168/95").input_ids)
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("16895")
    assert len(tokenizer) <= VOCABULARY


def test_only_answers_are_learned(tokenizer) -> None:  # type: ignore[no-untyped-def]
    sample = Sample("问题", "今天的答案", True, turns=(("早先", "早先的回答"),), system="你是助手。")
    encoded = encode(sample, tokenizer)
    learned = tokenizer.decode([t for t in encoded.labels if t != IGNORE])
    assert learned == "早先的回答<|im_end|>今天的答案<|im_end|>"


def test_prompt_is_what_the_chat_template_writes(tokenizer) -> None:  # type: ignore[no-untyped-def]
    sample = Sample("问题", "答案", True, turns=(("早先", "回答"),), system="你是助手。")
    messages = [
        {"role": "system", "content": "你是助手。"}, {"role": "user", "content": "早先"},
        {"role": "assistant", "content": "回答"}, {"role": "user", "content": "问题"},
    ]  # fmt: skip
    written = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    encoded = encode(sample, tokenizer)
    assert tokenizer.decode(encoded.ids) == f"{written}答案<|im_end|>"


def test_patches_equal_the_librarys(folder: Path) -> None:
    from PIL import Image
    from transformers import AutoImageProcessor

    sheet = draw_sheet(draw_report(random.Random(1)), random.Random(1))
    ours = to_vision([sheet.pixels])
    processor = AutoImageProcessor.from_pretrained(folder)
    theirs = processor(images=[Image.fromarray(sheet.pixels)], return_tensors="pt")
    assert torch.allclose(ours.patches, theirs["pixel_values"], atol=1e-5)
    assert ours.grid.tolist() == theirs["image_grid_thw"].tolist()


def test_losses_flow_to_every_part(folder: Path, tokenizer) -> None:  # type: ignore[no-untyped-def]
    model = random_model(folder, 1)
    stream = sample_stream("exact", Mix(0.0, 0.0, 1.0), 2)
    batch = next(batch_stream(stream, tokenizer, 400, 2))
    loss = answer_loss(model, batch, int(tokenizer.convert_tokens_to_ids("<|image_pad|>")))
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None and not n.startswith("lm_head")]
    assert loss.item() > 0 and not without


def test_weights_scale_a_samples_loss(folder: Path, tokenizer) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    model = random_model(folder, 1)
    batch = next(batch_stream(sample_stream("warm", Mix(1.0, 0.0, 0.0), 3), tokenizer, 300, 3))
    only_first = torch.zeros_like(batch.weights)
    only_first[0] = 5.0 * batch.weights[0]
    alone = replace(batch, ids=batch.ids[:1], mask=batch.mask[:1], labels=batch.labels[:1], weights=batch.weights[:1])
    weighed = answer_loss(model, replace(batch, weights=only_first, patches=None, grid=None), -1)
    assert torch.allclose(weighed, answer_loss(model, replace(alone, patches=None, grid=None), -1), atol=1e-4)


def test_dense_stage_learns(folder: Path) -> None:
    tower = random_model(folder, 1).model.visual
    head = DenseHead(tower.config.out_hidden_size)
    plan = DensePlan(steps=3, sheets=2, phantoms=1)
    optimizer = torch.optim.AdamW([*tower.parameters(), *head.parameters()], lr=1e-3)
    batch = dense_batch(plan, 0, 1)
    losses = []
    for _ in range(4):
        loss, right = dense_loss(tower, head, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and set(right) == {"glyphs", "anatomy", "finding"}
