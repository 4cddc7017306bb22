"""Reads the images of a case as RGB pixels: plain 8-bit files at once, everything else through the safe intake.

Every engine reads through here, so that all of them see the same pixels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.cases.images import intake
from medeval.errors import EngineError, ImageError

_PLAIN_FORMATS = ("PNG", "JPEG", "WEBP")
_PLAIN_MODES = ("1", "L", "P", "RGB")
_MAX_PIXELS = 40_000_000
PixelKey = tuple[tuple[str, int, int], ...]


def picture_key(paths: Sequence[Path]) -> PixelKey:
    """Names the pixels of some files: path, time of change and size of each."""
    states = [(path, path.stat()) for path in paths]
    return tuple((str(path.resolve()), state.st_mtime_ns, state.st_size) for path, state in states)


def read_picture(path: Path) -> Any:
    """A PIL image in RGB, upright.

    16-bit, DICOM, TIFF, transparent and very large files are decoded by the intake, which windows, orients and bounds.

    Raises:
        EngineError: the file is missing or not an image that can be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=_PLAIN_FORMATS) as picture:
            plain = picture.mode in _PLAIN_MODES and picture.width * picture.height <= _MAX_PIXELS
            if plain and "transparency" not in picture.info:
                return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # The intake knows more formats, and says in a sentence what is wrong.
        pass
    try:
        with tempfile.TemporaryDirectory(prefix="medeval-") as folder:
            with Image.open(intake(path, Path(folder)).path) as clean:
                return clean.convert("RGB")
    except (ImageError, OSError) as error:
        raise EngineError(f"无法读取图片 {path.name} / cannot read the image {path.name} · {error}") from None
