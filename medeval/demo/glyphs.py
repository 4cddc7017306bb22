"""Glyph bitmaps from the shipped font subset, and the builder of that subset.

The subset is Noto Sans CJK SC under the SIL Open Font Licence (fonts/OFL.txt), so that
drawing needs no font of the machine.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from medeval.demo.labs import PANELS, TITLES

FONT_FILE = Path(__file__).parent / "fonts" / "NotoSansCJKsc-medeval-subset.otf"
HEADINGS = ("项目", "缩写", "结果", "参考范围", "单位")
WATERMARK = "示意图"


def charset() -> str:
    """Every character that the demo's images may hold, in a fixed order."""
    words = ["0123456789.-+^/%<>:()×μ", "↑↓", WATERMARK, *HEADINGS, *TITLES]
    words += [chr(c) for c in range(ord("A"), ord("Z") + 1)]
    words += [chr(c) for c in range(ord("a"), ord("z") + 1)]
    for panel, items in PANELS.items():
        words.append(panel)
        words += [item.name + item.abbr + item.unit for item in items]
    return "".join(sorted(set("".join(words)) - set("{}")))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FILE), size)


@lru_cache(maxsize=4096)
def glyph(char: str, size: int, width: int, height: int = 32) -> NDArray[np.float32]:
    """The ink of one character centred in a box: [height, width], 0 paper to 1 ink."""
    font = _font(size)
    natural = max(width, round(font.getlength(char)))
    image = Image.new("L", (natural + 16, height), 0)
    # Anchored on the baseline, so that letters, digits and 汉字 of a line stand level.
    baseline = height // 2 + round(size * 0.36)
    ImageDraw.Draw(image).text(((natural + 16) / 2, baseline), char, fill=255, font=font, anchor="ms")
    # Wide letters (M, W) are condensed, so that they do not touch their neighbours.
    image = image.resize((width + 16, height)) if natural > width else image
    return np.asarray(image, np.float32) / 255.0


def build_subset(source: Path, target: Path = FONT_FILE, extra: str = "") -> None:
    """Writes the subset font from an installed Noto Sans CJK (needs fontTools)."""
    from fontTools import subset

    options = subset.Options(font_number=2, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14])
    options.notdef_outline = True
    options.hinting = False
    font = subset.load_font(str(source), options)
    maker = subset.Subsetter(options)
    maker.populate(text=charset() + extra)
    maker.subset(font)
    target.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, str(target), options)
