"""Tesseract through pytesseract: a second opinion where it is installed; Chinese needs its chi_sim data."""

from __future__ import annotations

import shutil

import numpy as np
import pytesseract
from PIL import Image
from pytesseract import Output

from medeval.errors import MissingPackageError
from medeval.ocr.words import EngineName, Pixels, Quads, Word

LINE, SPARSE = "--psm 7", "--psm 11"
JOIN = 1.2
"""Neighbours closer than this many print heights belong to one word of ours."""


class TesseractReader:
    """Tesseract 5 with Chinese and English."""

    name: EngineName = "tesseract"

    def __init__(self) -> None:
        hint = "apt install tesseract-ocr tesseract-ocr-chi-sim（macOS: brew install tesseract tesseract-lang）"
        if shutil.which("tesseract") is None:
            raise MissingPackageError(f"没有安装 tesseract：{hint} / tesseract is not installed: {hint}")
        if "chi_sim" not in pytesseract.get_languages():
            raise MissingPackageError(
                f"tesseract 缺少中文数据 chi_sim：{hint}"
                f" / the Chinese data of tesseract, chi_sim, is missing: {hint}"
            )

    def boxes(self, image: Pixels) -> Quads:
        """Corners of found words, level with the image."""
        found = [word.box for word in self.words(image)]
        quads = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in found]
        return np.asarray(quads, np.float32).reshape(-1, 4, 2)

    def lines(self, crops: list[Pixels]) -> list[tuple[str, float]]:
        """Each crop read as one line."""
        return [self._line(crop) for crop in crops]

    def _line(self, crop: Pixels) -> tuple[str, float]:
        words = self._pieces(crop, LINE)
        if not words:
            return "", 0.0
        return "".join(word.text for word in words), float(np.mean([word.confidence for word in words]))

    def words(self, image: Pixels) -> list[Word]:
        """Everything readable; pieces that touch are joined, as Chinese characters come one by one."""
        pieces = self._pieces(image, SPARSE)
        pieces.sort(key=lambda word: (round(word.middle[1] / max(word.height, 1)), word.box[0]))
        joined: list[Word] = []
        for word in pieces:
            last = joined[-1] if joined else None
            if last is not None and _touch(last, word):
                joined[-1] = _join(last, word)
            else:
                joined.append(word)
        return joined

    def _pieces(self, image: Pixels, mode: str) -> list[Word]:
        table = pytesseract.image_to_data(
            Image.fromarray(image), lang="chi_sim+eng", config=mode, output_type=Output.DICT
        )
        rows = zip(*(table[key] for key in ("text", "conf", "left", "top", "width", "height")), strict=True)
        kept = [row for row in rows if str(row[0]).strip() and float(row[1]) >= 0]
        return [
            Word(str(text).strip(), (float(x), float(y), float(x + w), float(y + h)), float(confidence) / 100)
            for text, confidence, x, y, w, h in kept
        ]


def _touch(word: Word, other: Word) -> bool:
    level = abs(word.middle[1] - other.middle[1]) < 0.5 * max(word.height, other.height)
    return level and 0 <= other.box[0] - word.box[2] + 2 < JOIN * min(word.height, other.height) * 0.5


def _join(word: Word, other: Word) -> Word:
    box = (
        min(word.box[0], other.box[0]), min(word.box[1], other.box[1]),
        max(word.box[2], other.box[2]), max(word.box[3], other.box[3]),
    )  # fmt: skip
    return Word(word.text + other.text, box, min(word.confidence, other.confidence))
