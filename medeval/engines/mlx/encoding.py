"""From messages to token ids, pixels and positions, in numpy: the same template and pixels as the torch engine's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from medeval.engines.contract import Message
from medeval.engines.conversation import Chat, TextStream, expand_images
from medeval.engines.folders import text_part
from medeval.engines.mlx.loading import Loaded
from medeval.engines.pictures import PixelKey, picture_key, read_picture
from medeval.errors import EngineError


@dataclass(frozen=True)
class Pixels:
    """Preprocessed images of one conversation: patches and their grids."""

    key: PixelKey
    values: NDArray[np.float32]
    grid: NDArray[np.int64]


@dataclass(frozen=True)
class Prompt:
    """A tokenised conversation: ids [length], positions [3 or 1, length], next position, images."""

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    next_position: int
    pixels: Pixels | None

    def __len__(self) -> int:
        return len(self.ids)


class Encoder:
    """Tokenises conversations for one base."""

    def __init__(self, base: Loaded) -> None:
        self.base = base
        self._chat = Chat(base.tokenizer)
        self.hidden_ids = self._chat.hidden_ids
        self._limit = int(text_part(base.config).get("max_position_embeddings") or sys.maxsize)
        self.image_id = int(base.config.get("image_token_id") or -1)

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
            merge = int(self.base.config["vision_config"]["spatial_merge_size"]) ** 2
            ids = expand_images(ids, self.image_id, (pixels.grid.prod(axis=-1) // merge).tolist())
        if len(ids) >= self._limit:
            raise EngineError(f"问题太长：{len(ids)} 词元，上限 {self._limit} / the prompt is too long")
        row = np.asarray(ids, dtype=np.int32)
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
        made: Any = self.base.image_processor(images=pictures, return_tensors="np")
        return Pixels(picture_key(paths), made["pixel_values"], made["image_grid_thw"])

    def _positions(self, row: NDArray[np.int32], pixels: Pixels | None) -> tuple[NDArray[np.int32], int]:
        plain = np.arange(len(row), dtype=np.int32)
        if not self.base.sees:
            return plain[None], len(row)
        if pixels is None:
            return np.broadcast_to(plain, (3, len(row))), len(row)
        model = self.base.model.language_model
        positions, delta = model.get_rope_index(mx.array(row)[None], mx.array(pixels.grid.astype(np.int32)))
        return np.array(positions[:, 0]).astype(np.int32), len(row) + int(np.array(delta).flatten()[0])
