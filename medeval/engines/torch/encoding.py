"""From messages to token ids, pixels and positions; and from token ids back to text, piece by piece."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medeval.engines.contract import Message
from medeval.engines.torch.loading import Loaded
from medeval.engines.torch.pictures import read_picture
from medeval.errors import EngineError

_VISIBLE = ("<think>", "</think>")
PixelKey = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Pixels:
    """Preprocessed images of one conversation: patches and their grids."""

    key: PixelKey
    values: Tensor
    grid: Tensor


@dataclass(frozen=True)
class Prompt:
    """A tokenised conversation: ids [length], positions [3 or 1, length], next position, images."""

    ids: Tensor
    positions: Tensor
    next_position: int
    pixels: Pixels | None

    def __len__(self) -> int:
        return int(self.ids.shape[0])


class Encoder:
    """Tokenises conversations for one base; text that looks like a special token stays text."""

    def __init__(self, base: Loaded) -> None:
        self.base = base
        tokenizer = base.tokenizer
        added = {str(t): i for i, t in tokenizer.added_tokens_decoder.items()}
        special = {t for t in added if t not in _VISIBLE}
        longest_first = sorted(special, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if special else None
        self.hidden_ids = frozenset(added[t] for t in special)
        text_config = base.model.config.get_text_config()
        self._limit = int(getattr(text_config, "max_position_embeddings", None) or sys.maxsize)
        self.image_id = int(getattr(base.model.config, "image_token_id", -1) or -1)

    def encode(self, messages: Sequence[Message]) -> Prompt:
        """Tokenises `messages` with the generation prompt and prepares their images.

        Raises:
            EngineError: an image for a text-only model, an unreadable image, or a prompt over the model's length.
        """
        images = [path for message in messages for path in message.images]
        if images and not self.base.sees:
            raise EngineError("这个模型只能处理文字，不能看图 / this model is text-only and cannot see images")
        pixels = self._pixels(images) if images else None
        ids = self._expand(self._token_ids(messages), pixels)
        if len(ids) >= self._limit:
            raise EngineError(f"问题太长：{len(ids)} 词元，上限 {self._limit} / the prompt is too long")
        row = torch.tensor(ids, dtype=torch.long)
        positions, following = self._positions(row, pixels)
        return Prompt(row, positions, following, pixels)

    def room(self, prompt: Prompt) -> int:
        """How many tokens an answer to `prompt` may have before the model's length is reached."""
        return self._limit - len(prompt)

    def _token_ids(self, messages: Sequence[Message]) -> list[int]:
        texts = [m.text for m in messages]
        if self._special is None or not any(self._special.search(t) for t in texts):
            return self._encode(self._render(messages, texts))
        # Rare: the template is rendered around markers, and each text is tokenised on its own, broken inside
        # whatever would be read as a special token.
        markers = [f"\ue000{i}\ue001" for i in range(len(texts))]
        rendered = self._render(messages, markers)
        ids: list[int] = []
        for part in re.split("(\ue000\\d+\ue001)", rendered):
            index = markers.index(part) if part in markers else -1
            for piece in [part] if index < 0 else self._broken(texts[index]):
                ids.extend(self._encode(piece))
        return ids

    def _broken(self, text: str) -> list[str]:
        assert self._special is not None
        cuts = [m.start() + 1 for m in self._special.finditer(text)]
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        return [p for p in pieces if p]

    def _encode(self, text: str) -> list[int]:
        return list(self.base.tokenizer.encode(text, add_special_tokens=False))

    def _render(self, messages: Sequence[Message], texts: Sequence[str]) -> str:
        tokenizer = self.base.tokenizer
        turns = []
        for message, text in zip(messages, texts, strict=True):
            parts: list[dict[str, str]] = [{"type": "image"} for _ in message.images]
            content: Any = [*parts, {"type": "text", "text": text}] if parts else text
            turns.append({"role": message.role, "content": content})
        if not getattr(tokenizer, "chat_template", None):
            return "\n\n".join(texts) + "\n"
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def _pixels(self, paths: Sequence[Path]) -> Pixels:
        pictures, key = [], []
        for path in paths:
            pictures.append(read_picture(path))
            state = path.stat()
            key.append((str(path.resolve()), state.st_mtime_ns, state.st_size))
        made = self.base.image_processor(images=pictures, return_tensors="pt")
        return Pixels(tuple(key), made["pixel_values"], made["image_grid_thw"])

    def _expand(self, ids: list[int], pixels: Pixels | None) -> list[int]:
        """Repeats each image token once per merged patch."""
        if pixels is None:
            return ids
        merge = int(self.base.model.config.vision_config.spatial_merge_size) ** 2
        counts = iter((pixels.grid.prod(dim=-1) // merge).tolist())
        out: list[int] = []
        for token in ids:
            out.extend([token] * int(next(counts)) if token == self.image_id else [token])
        return out

    def _positions(self, row: Tensor, pixels: Pixels | None) -> tuple[Tensor, int]:
        length = row.shape[0]
        if not self.base.sees:
            return torch.arange(length)[None], length
        if pixels is None:
            return torch.arange(length).expand(3, -1), length
        kinds = (row == self.image_id).int()[None]
        grids: dict[str, Tensor] = {"image_grid_thw": pixels.grid}
        positions, delta = self.base.model.model.get_rope_index(row[None], mm_token_type_ids=kinds, **grids)
        return positions[:, 0].cpu(), length + int(delta.flatten()[0])


class TextStream:
    """Turns token ids into text as they come; holds back what is not yet a whole character."""

    def __init__(self, tokenizer: Any, hidden: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._hidden = hidden
        self._ids: list[int] = []
        self._start = self._read = 0
        self._shown = ""

    def push(self, token: int) -> str:
        """The text that `token` completes; empty while a character is unfinished."""
        if token in self._hidden:
            return ""
        self._ids.append(token)
        whole = self._decode(self._ids[self._start :])
        if whole.endswith("\ufffd"):
            return ""
        return self._advance(whole)

    def flush(self) -> str:
        """What is left at the end, an unfinished character dropped."""
        whole = self._decode(self._ids[self._start :]).rstrip("\ufffd")
        return self._advance(whole) if len(whole) > len(self._shown) else ""

    def _advance(self, whole: str) -> str:
        text = whole[len(self._shown) :]
        # Decoding restarts at the last piece shown: some tokenizers drop a leading space at the very start.
        self._start, self._read = self._read, len(self._ids)
        self._shown = self._decode(self._ids[self._start :])
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )
