"""Draws lab reports as phone photos, with known truth: turned, skewed, unevenly lit, partly blurred, two panels, JPEG.

The people on them do not exist: names are 甲乙丙 and numbers are random.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from medeval.demo.photo_items import CBC, CHEMISTRY, TITLES, PrintedRow, draw_rows

FONT_FILE = Path(__file__).parent / "fonts" / "NotoSansCJKsc-reports-subset.otf"
PAGE = (1280, 960)
"""Width and height of an upright two-panel sheet before it is turned, in pixels."""
HEADER = ("姓名", "性别", "年龄", "病历号", "样本号", "科别", "送检医生", "检验者", "审核者", "报告时间", "样本类型")
_WORDS = (
    " "
    "0123456789.-~+^/%<>:()×*μ#↑↓HLNo示意医院检验科男女岁甲乙丙丁某项目结果参考范围单位缩写提示序号全血清内科门诊仅对本标负责"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


@dataclass(frozen=True)
class Photo:
    """A photo with its truth. `turned` is how far the sheet was turned counter-clockwise, in degrees."""

    jpeg: bytes
    rows: tuple[PrintedRow, ...]
    turned: int
    skew: float
    names: tuple[str, ...]
    """Printed words that identify the (invented) patient."""


@dataclass(frozen=True)
class Camera:
    """How a photo is taken; angles in degrees, blur as a Gaussian radius in pixels."""

    turned: int = 0
    skew: float = 0.0
    shadow: float = 0.0
    blur: float = 0.0
    quality: int = 90
    noise: float = 0.0
    tilt: float = 0.0

    @staticmethod
    def random(rng: random.Random) -> Camera:
        """A phone in a hurry."""
        return Camera(
            turned=rng.choice((0, 0, 90, 180, 270)), skew=rng.uniform(-12, 12), shadow=rng.uniform(0.0, 0.45),
            blur=rng.choice((0.0, 0.5, 0.8, 1.0)), quality=rng.randint(45, 90), noise=rng.uniform(0, 7),
            tilt=rng.uniform(-0.025, 0.025),
        )  # fmt: skip


def charset() -> str:
    """Every character a photo may hold."""
    items = "".join(i.name + i.abbr + i.unit for i in (*CBC, *CHEMISTRY))
    return "".join(sorted(set(_WORDS + "".join(HEADER) + "".join(TITLES.values()) + items)))


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FILE), size)


def draw_photo(rng: random.Random, camera: Camera | None = None, panels: int | None = None) -> Photo:
    """One photo; the same random state gives the same bytes.

    Args:
        rng: chooses values, layout and, where `camera` is None, the way it is taken.
        camera: a given way to take it.
        panels: 1 or 2 columns of rows; random where None.
    """
    kind = rng.choice(("CBC", "CHEMISTRY"))
    camera = camera or Camera.random(rng)
    panels = panels or rng.choice((1, 2, 2))
    items = CBC if kind == "CBC" else CHEMISTRY
    if panels == 1:
        start = rng.randrange(len(items) - 9)
        items = items[start : start + rng.randint(8, 10)]
    rows = draw_rows(items, rng)
    sheet, names = _sheet(TITLES[kind], rows, panels, rng)
    return Photo(_taken(sheet, camera, rng), rows, camera.turned, camera.skew, names)


def _sheet(
    title: str, rows: tuple[PrintedRow, ...], panels: int, rng: random.Random
) -> tuple[Image.Image, tuple[str, ...]]:
    width, height = PAGE if panels == 2 else (960, 900)
    page = Image.new("L", (width, height), rng.randint(235, 252))
    draw = ImageDraw.Draw(page)
    ink = rng.randint(10, 70)
    draw.text((width / 2, 46), "示意医院" + title, font=_font(30), fill=ink, anchor="mm")
    person, number = rng.choice("甲乙丙丁") + "某某", f"{rng.randrange(10**9):09d}"
    head = (
        f"姓名:{person}", f"性别:{rng.choice('男女')}", f"年龄:{rng.randint(18, 88)}岁", f"病历号:{number}",
        "科别:内科门诊",
    )  # fmt: skip
    for i, words in enumerate(head):
        draw.text((40 + i * (width - 80) / len(head), 92), words, font=_font(19), fill=ink, anchor="lm")
    draw.line((36, 116, width - 36, 116), fill=ink, width=2)
    per = (len(rows) + panels - 1) // panels
    dash, arrows = rng.choice(("-", "~")), rng.random() < 0.7
    step = min(44, (height - 230) // max(per, 1))
    for panel in range(panels):
        left = 40 + panel * (width - 60) // panels
        _panel(draw, rows[panel * per : (panel + 1) * per], (left, 138), step, panel * per, dash, arrows, ink, panels)
    foot = 150 + step * (per + 1)
    draw.line((36, foot, width - 36, foot), fill=ink, width=2)
    signed = rng.choice("甲乙丙丁") + "某"
    for i, words in enumerate((f"检验者:{signed}", "仅对本标本负责", "报告时间:2030-01-01 08:30")):
        draw.text((40 + i * (width - 80) / 3, foot + 26), words, font=_font(18), fill=ink, anchor="lm")
    return page.crop((0, 0, width, min(height, foot + 60))), (person, number, signed)


def _panel(
    draw: ImageDraw.ImageDraw, rows: tuple[PrintedRow, ...], corner: tuple[int, int], step: int, first: int,
    dash: str, arrows: bool, ink: int, panels: int,
) -> None:
    left, top = corner
    wide = panels == 1
    stops = (0, 44, 300, 410, 530, 575, 720) if wide else (0, 38, 228, 0, 330, 392, 500)
    heads = ("No", "检验项目", "缩写", "", "结果", "参考范围", "单位")
    font = _font(21 if wide else 18)
    xs = (stops[0], stops[1], stops[2], stops[4] - (110 if wide else 28), stops[4] - 4, stops[5] + 6, stops[6] + 8)
    for x, words in zip(xs, heads, strict=True):
        draw.text((left + x, top), words, font=font, fill=ink, anchor="lm")
    for i, row in enumerate(rows, 1):
        y = top + i * step
        flag = row.flag if arrows else {"↑": "H", "↓": "L"}.get(row.flag, "")
        name = row.name if wide or len(row.name) <= 9 else row.name[:9]
        cells = (str(first + i), name, row.abbr, row.value, flag, row.range_text(dash), row.unit)
        places = (xs[0], xs[1], xs[2], xs[3], xs[4] + (0 if wide else 32), xs[5], xs[6])
        for x, words in zip(places, cells, strict=True):
            draw.text((left + x, y), words, font=font, fill=ink, anchor="lm")


def _taken(sheet: Image.Image, camera: Camera, rng: random.Random) -> bytes:
    """The sheet on a dark table, photographed."""
    table = rng.randint(60, 120)
    width, height = sheet.size
    pad = 30
    page = Image.new("L", (width + 2 * pad, height + 2 * pad), table)
    page.paste(sheet, (pad, pad))
    page = _tilted(page, camera.tilt, table)
    page = page.rotate(camera.skew, Image.Resampling.BICUBIC, expand=True, fillcolor=table)
    page = page.rotate(camera.turned, expand=True)
    pixels = np.asarray(page, np.float32)
    pixels = np.asarray(pixels * _light(pixels.shape, camera.shadow, rng), np.float32)
    if camera.noise:
        grain = np.random.default_rng(rng.getrandbits(32)).normal(0, camera.noise, pixels.shape)
        pixels = pixels + grain.astype(np.float32)
    photo = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if camera.blur:
        photo = _partly_blurred(photo, camera.blur, rng)
    out = io.BytesIO()
    photo.convert("RGB").save(out, "JPEG", quality=camera.quality)
    return out.getvalue()


def _tilted(page: Image.Image, tilt: float, fill: int) -> Image.Image:
    """A phone not held parallel: one side of the sheet is nearer."""
    width, height = page.size
    slant = (1.0, tilt, 0.0, 0.0, 1.0, 0.0, tilt / width, 0.0)
    rise = (1.0, 0.0, 0.0, tilt, 1.0, -tilt * width / 2, 0.0, -tilt / height)
    return page.transform(
        page.size, Image.Transform.PERSPECTIVE, slant if tilt > 0 else rise, Image.Resampling.BICUBIC, fillcolor=fill
    )


def _light(shape: tuple[int, ...], shadow: float, rng: random.Random) -> NDArray[np.float32]:
    """Light that falls off to one side, with one soft crease: factors [height, width]."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = (np.cos(angle) * columns / shape[1] + np.sin(angle) * rows / shape[0] + 1) / 2
    crease = np.exp(-(((columns - rng.uniform(0.2, 0.8) * shape[1]) / 9) ** 2)) * 0.15
    return np.asarray(1 - shadow * np.clip(ramp, 0, 1) - (crease if shadow else 0), np.float32)


def _partly_blurred(photo: Image.Image, radius: float, rng: random.Random) -> Image.Image:
    """Sharp in one part, out of focus towards the other."""
    width, height = photo.size
    ramp = np.tile(np.linspace(0, 255, width, dtype=np.uint8), (height, 1))
    mask = Image.fromarray(ramp if rng.random() < 0.5 else ramp[:, ::-1].copy())
    return Image.composite(photo.filter(ImageFilter.GaussianBlur(radius)), photo, mask)
