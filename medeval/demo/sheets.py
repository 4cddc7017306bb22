"""Draws a laboratory report as an image, and says which character stands where.

The style is the demo's own: one line of print per band of 32 pixels on a pitch of 8 pixels
(16 for 汉字), so that a merged vision patch of 32x32 holds at most four characters.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medeval.demo.glyphs import HEADINGS, glyph
from medeval.demo.labs import LabReport, LabRow

CELL = 32
PITCH = 8
COLUMNS = 12
SLOTS = 4
Pixels = NDArray[np.uint8]

# Where each column of print starts, in pitches of 8 pixels.
STARTS = {"name": 1, "abbr": 14, "value": 20, "flag": 26, "range": 29, "unit": 40}


@dataclass(frozen=True)
class Sheet:
    """An image with its truth: the report and the characters of every merged cell."""

    pixels: Pixels
    report: LabReport
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Ink:
    """How one image is printed: grey levels, noise and offsets."""

    paper: float
    ink: float
    noise: float
    size: int
    shift: int
    header: bool
    rules: bool

    @staticmethod
    def random(rng: random.Random) -> Ink:
        """A random print."""
        return Ink(
            paper=rng.uniform(226, 255),
            ink=rng.uniform(0, 85),
            noise=rng.choice((0.0, 2.0, 5.0)),
            size=rng.choice((15, 16)),
            shift=rng.randint(-2, 2),
            header=rng.random() < 0.5,
            rules=rng.random() < 0.5,
        )


# The clean print of the shipped example images.
CLEAN = Ink(paper=252, ink=25, noise=1.0, size=16, shift=0, header=True, rules=True)


class _Canvas:
    def __init__(self, bands: int, ink: Ink) -> None:
        self.ink = ink
        self.alpha = np.zeros((bands * CELL + 8, COLUMNS * CELL + 48), np.float32)
        self.cells = [[""] * SLOTS for _ in range(bands * COLUMNS)]

    def put(self, char: str, band: int, column: int, size: int, width: int, nudge: int) -> None:
        mark = glyph(char, size, width)
        top, left = band * CELL + 4 + nudge, column * PITCH + 16 + self.ink.shift
        area = self.alpha[top : top + mark.shape[0], left : left + mark.shape[1]]
        np.maximum(area, mark[: area.shape[0], : area.shape[1]], out=area)
        self.cells[band * COLUMNS + column // SLOTS][column % SLOTS] = char

    def text(self, words: str, band: int, column: int, nudge: int) -> None:
        for char in words:
            wide = ord(char) > 0x2000
            size = self.ink.size if wide else self.ink.size - 1
            self.put(char, band, column, size, 16 if wide else 8, nudge)
            column += 2 if wide else 1


def _fields(row: LabRow) -> dict[str, str]:
    limits = f"{row.low}-{row.high}"
    return {
        "name": row.name, "abbr": row.abbr, "value": row.value,
        "flag": row.flag, "range": limits, "unit": row.unit,
    }  # fmt: skip


def _print_lines(canvas: _Canvas, report: LabReport, rng: random.Random) -> None:
    start = (COLUMNS - len(report.title)) // 2
    for i, char in enumerate(report.title):
        canvas.put(char, 0, (start + i) * SLOTS, 24, 32, 0)
    first = 1
    if canvas.ink.header:
        for words, key in zip(HEADINGS, ("name", "abbr", "value", "range", "unit"), strict=True):
            canvas.text(words, 1, STARTS[key], 0)
        first = 2
    for i, row in enumerate(report.rows):
        nudge = rng.randint(-2, 2) if canvas.ink.noise != CLEAN.noise else 0
        for key, words in _fields(row).items():
            canvas.text(words, first + i, STARTS[key], nudge)


def _shade(canvas: _Canvas, bands: int, rng: random.Random) -> Pixels:
    alpha = canvas.alpha[4 : 4 + bands * CELL, 24 : 24 + COLUMNS * CELL]
    ink = canvas.ink
    page = ink.paper - (ink.paper - ink.ink) * alpha
    if ink.rules:
        # Thin grey lines under the title and at the foot, as printed forms have them.
        page[[CELL - 1, bands * CELL - 1], 8:-8] = ink.paper * 0.6
    if ink.noise:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(0.0, ink.noise, page.shape)
        page = page + noise.astype(np.float32)
    grey = np.clip(page, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def draw_sheet(report: LabReport, rng: random.Random, ink: Ink | None = None) -> Sheet:
    """Draws a report; the same report, seed and print give the same pixels."""
    ink = ink or Ink.random(rng)
    bands = 1 + int(ink.header) + len(report.rows)
    canvas = _Canvas(bands, ink)
    _print_lines(canvas, report, rng)
    return Sheet(_shade(canvas, bands, rng), report, tuple(tuple(c) for c in canvas.cells))
