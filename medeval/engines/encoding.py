"""From messages to a prompt: template, images, length; the same for every engine, which adds arrays and positions."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from medeval.engines.contract import Message
from medeval.engines.conversation import Chat, TextStream, expand_images
from medeval.engines.pictures import PixelKey, picture_key, read_picture
from medeval.errors import EngineError


class Array(Protocol):
    """An engine's kind of array."""

    def __len__(self) -> int:
        """Items along the first axis."""
        ...

    def tolist(self) -> Any:
        """As nested lists."""
        ...


A = TypeVar("A", bound=Array)


@dataclass(frozen=True)
class Pixels(Generic[A]):
    """Preprocessed images of one conversation: patches and their grids."""

    key: PixelKey
    values: A
    grid: A


@dataclass(frozen=True)
class Prompt(Generic[A]):
    """A tokenised conversation: ids [length], positions [3 or 1, length], next position, images."""

    ids: A
    positions: A
    next_position: int
    pixels: Pixels[A] | None

    def __len__(self) -> int:
        return len(self.ids)


class ChatEncoder(ABC, Generic[A]):
    """Tokenises conversations for one base.

    Args:
        tokenizer: of transformers.
        image_processor: of transformers; None for a text-only model.
        limit: longest sequence of the model, in tokens; None where it states none.
        image_id: the token that stands for an image; None where there is none.
        merge: patches along each side of what one image token stands for.
    """

    arrays: ClassVar[Literal["np", "pt"]]
    """What the image processor shall make."""

    def __init__(
        self, tokenizer: Any, image_processor: Any, limit: int | None, image_id: int | None, merge: int
    ) -> None:
        self._chat, self._processor, self._merge = Chat(tokenizer), image_processor, merge
        self.hidden_ids = self._chat.hidden_ids
        self._limit, self.image_id = limit or sys.maxsize, image_id or -1

    @abstractmethod
    def _row(self, ids: Sequence[int]) -> A:
        """Token ids as an array."""

    @abstractmethod
    def _positions(self, row: A, pixels: Pixels[A] | None) -> tuple[A, int]:
        """Positions [3 or 1, length] of a row, and the position after it."""

    def encode(self, messages: Sequence[Message]) -> Prompt[A]:
        """Tokenises `messages` with the generation prompt and prepares their images.

        Raises:
            EngineError: an image for a text-only model, an unreadable image, or a prompt over the model's length.
        """
        images = [path for message in messages for path in message.images]
        if images and self._processor is None:
            raise EngineError("这个模型只能处理文字，不能看图 / this model is text-only and cannot see images")
        pixels = self._pixels(images) if images else None
        ids = self._chat.token_ids(messages)
        if pixels is not None:
            counts = [math.prod(sides) // self._merge**2 for sides in pixels.grid.tolist()]
            ids = expand_images(ids, self.image_id, counts)
        if len(ids) >= self._limit:
            raise EngineError(
                f"问题太长：{len(ids)} 词元，上限 {self._limit}"
                f" / the prompt is too long: {len(ids)} tokens, at most {self._limit}"
            )
        row = self._row(ids)
        positions, following = self._positions(row, pixels)
        return Prompt(row, positions, following, pixels)

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text; what looks like a special token stays text."""
        return self._chat.text_ids(text)

    def room(self, prompt: Prompt[A]) -> int:
        """How many tokens an answer to `prompt` may have before the model's length is reached."""
        return self._limit - len(prompt)

    def stream(self) -> TextStream:
        """A fresh stream from ids to text."""
        return self._chat.stream()

    def _pixels(self, paths: Sequence[Path]) -> Pixels[A]:
        pictures = [read_picture(path) for path in paths]
        made: Any = self._processor(images=pictures, return_tensors=self.arrays)
        return Pixels(picture_key(paths), made["pixel_values"], made["image_grid_thw"])
