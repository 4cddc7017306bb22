"""How many tokens a sample has for a base: its chat template, its tokenizer, and its images by their pixels."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from medeval.training.data import Sample

_DEFAULT = {"patch_size": 16, "merge_size": 2}


class TokenCounter:
    """Counts tokens with the tokenizer of a base folder; loading takes about a second."""

    def __init__(self, base: Path, image_size: int, system: str = "") -> None:
        """Loads the tokenizer.

        Args:
            base: folder of the model.
            image_size: pixels of the square whose area an image is scaled down to.
            system: system message for samples that carry none.

        Raises:
            OSError, ValueError: the folder holds no tokenizer.
        """
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True)
        self._image_size = image_size
        self._system = system
        self._vision = _DEFAULT | _read_json(base / "preprocessor_config.json")
        self._image = lru_cache(maxsize=100_000)(self._count_image)

    def __call__(self, sample: Sample) -> int:
        """Tokens of the whole sample, images included; of a pair, with the longer answer."""
        turns = [{"role": m.role, "content": _content(m.text, len(m.images))} for m in sample.messages]
        if self._system and turns[0]["role"] != "system":
            turns.insert(0, {"role": "system", "content": self._system})
        if sample.is_pair:
            turns.append({"role": "assistant", "content": max(sample.chosen, sample.rejected, key=len)})
        if getattr(self._tokenizer, "chat_template", None):
            text = self._tokenizer.apply_chat_template(turns, tokenize=False)
        else:
            text = "\n\n".join(m.text for m in sample.messages)
        count = len(self._tokenizer.encode(text, add_special_tokens=False))
        # Each image already counts one placeholder.
        return count + sum(self._image(path) - 1 for path in sample.images)

    def _count_image(self, path: Path) -> int:
        from PIL import Image

        try:
            with Image.open(path) as picture:
                width, height = picture.size
        except (OSError, ValueError, Image.DecompressionBombError):
            return 1
        return image_tokens(width, height, self._image_size, self._vision["patch_size"] * self._vision["merge_size"])


def image_tokens(width: int, height: int, image_size: int, cell: int) -> int:
    """Merged tokens of an image: sides rounded to `cell` pixels, scaled down to the area of `image_size` squared."""
    wide, high = max(cell, round(width / cell) * cell), max(cell, round(height / cell) * cell)
    if wide * high > image_size**2:
        scale = math.sqrt(width * height / image_size**2)
        wide = max(cell, math.floor(width / scale / cell) * cell)
        high = max(cell, math.floor(height / scale / cell) * cell)
    return (wide // cell) * (high // cell)


def histogram(lengths: Sequence[int], limit: int, bins: int = 16) -> list[tuple[int, int, int]]:
    """Bars (from, to, count) of equal width from 0 past the longest; one edge lies on `limit` where it is reached."""
    longest = max(lengths, default=0)
    if longest > limit:
        width = max(1, math.ceil(limit / max(1, round(bins * limit / longest))))
    else:
        width = max(1, math.ceil((longest + 1) / bins))
    counts = [0] * (longest // width + 1)
    for length in lengths:
        counts[length // width] += 1
    return [(i * width, (i + 1) * width, count) for i, count in enumerate(counts)]


def _content(text: str, images: int) -> Any:
    return [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}] if images else text


def _read_json(path: Path) -> dict[str, int]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: int(values[key]) for key in _DEFAULT if isinstance(values.get(key), int)}
