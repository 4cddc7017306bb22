"""What an OCR engine gives: words with boxes and confidence; and which engines there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medeval.errors import MissingPackageError, UsageError

Pixels = NDArray[np.uint8]
"""An image, [height, width, 3], RGB."""
Quads = NDArray[np.float32]
"""Corners of text boxes, [boxes, 4, 2] as (x, y): top left, top right, bottom right, bottom left."""
EngineName = Literal["rapidocr", "tesseract"]


@dataclass(frozen=True)
class Word:
    """A piece of text of one line. `box` is (left, top, right, bottom) in pixels; confidence in [0, 1]."""

    text: str
    box: tuple[float, float, float, float]
    confidence: float

    @property
    def middle(self) -> tuple[float, float]:
        """Centre (x, y)."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.box[3] - self.box[1]


class Reader(Protocol):
    """An OCR engine; thread-safe use is the caller's business."""

    name: EngineName

    def boxes(self, image: Pixels) -> Quads:
        """Where text is, without reading it."""
        ...

    def lines(self, crops: list[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of images that hold one line each."""
        ...

    def words(self, image: Pixels) -> list[Word]:
        """Everything readable of an upright image."""
        ...


def make_reader(name: str) -> Reader:
    """The engine of that name.

    Raises:
        UsageError: no engine has that name. MissingPackageError: it is not installed, with what to install.
    """
    if name == "rapidocr":
        try:
            from medeval.ocr.rapid import RapidReader
        except ImportError as error:
            raise MissingPackageError(
                f"缺少 RapidOCR（{error.name}）：pip install rapidocr onnxruntime"
                f" / RapidOCR is not installed ({error.name}): pip install rapidocr onnxruntime"
            ) from error
        return RapidReader()
    if name == "tesseract":
        from medeval.ocr.tesseract import TesseractReader

        return TesseractReader()
    raise UsageError(
        f"没有 OCR 引擎 {name}；可用：rapidocr, tesseract"
        f" / unknown OCR engine {name}; known: rapidocr, tesseract"
    )
