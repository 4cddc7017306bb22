"""Streaming: whole characters only, special tokens hidden, think marks kept."""

from pathlib import Path

import pytest
from tiny_models import build_tokenizer
from transformers import AutoTokenizer

from medeval.engines.conversation import TextStream


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("text", ["血压偏高。", "a b  c\n\n d", "🩺 ok", "<think>想</think>\n答", "é" * 9, ""])
def test_pieces_are_whole_characters_and_add_up(tokenizer, text: str) -> None:
    stream = TextStream(tokenizer, frozenset())
    pieces = [stream.push(i) for i in tokenizer.encode(text, add_special_tokens=False)]
    assert "".join([*pieces, stream.flush()]) == text
    assert not any("\ufffd" in p for p in pieces)


def test_a_character_cut_off_at_the_end_is_dropped(tokenizer) -> None:
    stream = TextStream(tokenizer, frozenset())
    ids = tokenizer.encode("高压", add_special_tokens=False)[:-1]
    assert "".join([*map(stream.push, ids), stream.flush()]) == "高"


def test_hidden_tokens_do_not_show(tokenizer) -> None:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    stream = TextStream(tokenizer, frozenset({end}))
    ids = tokenizer.encode("高<|im_end|>压")
    assert end in ids
    assert "".join([*map(stream.push, ids), stream.flush()]) == "高压"
