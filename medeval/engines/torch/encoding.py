"""From messages to token ids, pixels and positions as torch tensors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from medeval.engines.contract import Message
from medeval.engines.conversation import Chat, TextStream, expand_images
from medeval.engines.pictures import PixelKey, picture_key, read_picture
from medeval.engines.torch.loading import Loaded
from medeval.errors import EngineError

__all__ = ["Encoder", "Pixels", "Prompt", "TextStream"]


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
    """Tokenises conversations for one base."""

    def __init__(self, base: Loaded) -> None:
        self.base = base
        self._chat = Chat(base.tokenizer)
        self.hidden_ids = self._chat.hidden_ids
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
        ids = self._chat.token_ids(messages)
        if pixels is not None:
            merge = int(self.base.model.config.vision_config.spatial_merge_size) ** 2
            ids = expand_images(ids, self.image_id, (pixels.grid.prod(dim=-1) // merge).tolist())
        if len(ids) >= self._limit:
            raise EngineError(f"问题太长：{len(ids)} 词元，上限 {self._limit} / the prompt is too long")
        row = torch.tensor(ids, dtype=torch.long)
        positions, following = self._positions(row, pixels)
        return Prompt(row, positions, following, pixels)

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text; what looks like a special token stays text."""
        return self._chat.text_ids(text)

    def room(self, prompt: Prompt) -> int:
        """How many tokens an answer to `prompt` may have before the model's length is reached."""
        return self._limit - len(prompt)

    def stream(self) -> TextStream:
        """A fresh stream from ids to text."""
        return self._chat.stream()

    def _pixels(self, paths: Sequence[Path]) -> Pixels:
        pictures = [read_picture(path) for path in paths]
        made = self.base.image_processor(images=pictures, return_tensors="pt")
        return Pixels(picture_key(paths), made["pixel_values"], made["image_grid_thw"])

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
