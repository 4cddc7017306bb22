"""Draws chest X-ray phantoms: schematic pictures with exactly known findings.

They are drawings (each carries the word 示意图), not radiographs: a model trained on them
knows nothing of real images.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medeval.demo.glyphs import WATERMARK, glyph

Kind = Literal["normal", "large_heart", "effusion", "nodule"]
Side = Literal["", "left", "right"]
KINDS: tuple[Kind, ...] = ("normal", "large_heart", "effusion", "nodule")
SIZES = (224, 256, 288, 320)
CELL_CLASSES = ("background", "lung", "heart", "effusion", "nodule")
Plane = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Phantom:
    """An image with its truth; `side` is the patient's side, `cells` the class of each cell."""

    pixels: NDArray[np.uint8]
    kind: Kind
    side: Side
    cells: tuple[str, ...]

    @property
    def label(self) -> str:
        """Finding and side in one word, as the image-level class."""
        return f"{self.kind}_{self.side}" if self.side else self.kind


LABELS = ("normal", "large_heart", "effusion_left", "effusion_right", "nodule_left", "nodule_right")


@dataclass(frozen=True)
class _Body:
    size: int
    centre: float
    half: float  # half the inner width of the thorax, 1 = half the image
    top: float
    base: float  # height of the diaphragm


def _grid(size: int) -> tuple[Plane, Plane]:
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    return np.meshgrid(axis, axis)


def _soft(distance: Plane, width: float) -> Plane:
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(distance / width, -30, 30))))


def _ellipse(x: Plane, y: Plane, at: tuple[float, float], radii: tuple[float, float]) -> Plane:
    return np.sqrt(((x - at[0]) / radii[0]) ** 2 + ((y - at[1]) / radii[1]) ** 2) - 1.0


def _lung(x: Plane, y: Plane, body: _Body, sign: int) -> Plane:
    """Signed distance-like field of one lung; sign +1 is the right of the image."""
    at = (body.centre + sign * body.half * 0.54, (body.top + body.base) / 2)
    shape = _ellipse(x, y, at, (body.half * 0.44, (body.base - body.top) / 2 * 1.12))
    dome = (y - body.base - 0.10 * ((x - at[0]) / 0.3) ** 2) / 0.4
    return np.asarray(np.maximum(shape, dome))


def _heart(x: Plane, y: Plane, body: _Body, ratio: float) -> Plane:
    width = body.half * ratio
    at = (body.centre + width * 0.22, body.base - 0.20 - width * 0.18)
    return _ellipse(x, y, at, (width, 0.26 + width * 0.30))


def _ribs(x: Plane, y: Plane, body: _Body, rng: random.Random) -> Plane:
    gap = rng.uniform(0.17, 0.21)
    bow = 0.35 * (np.abs(x - body.centre) / body.half) ** 2
    wave = np.cos((y - bow + rng.uniform(0, gap)) / gap * 2 * np.pi)
    return np.asarray(np.clip(wave, 0.55, 1.0) - 0.55)


def _fluid(x: Plane, y: Plane, body: _Body, sign: int, rng: random.Random) -> Plane:
    level = body.base - rng.uniform(0.30, 0.55)
    rise = 0.5 * np.clip(sign * (x - body.centre) / body.half - 0.45, 0, 1) ** 2
    return np.asarray(np.maximum(_lung(x, y, body, sign), (level - rise * 0.8 - y) / 0.4))


def _spot(x: Plane, y: Plane, body: _Body, sign: int, rng: random.Random) -> Plane:
    radius = rng.uniform(0.075, 0.115)
    at_x = body.centre + sign * body.half * rng.uniform(0.52, 0.72)
    at_y = body.top + (body.base - body.top) * rng.uniform(0.22, 0.62)
    return _ellipse(x, y, (at_x, at_y), (radius, radius))


def _random_body(size: int, rng: random.Random) -> _Body:
    return _Body(
        size, rng.uniform(-0.04, 0.04), rng.uniform(0.74, 0.86), rng.uniform(-0.82, -0.72), rng.uniform(0.50, 0.62)
    )


def _cell_classes(masks: dict[str, Mask], size: int) -> tuple[str, ...]:
    count = size // 32
    names = np.full((count, count), "background", dtype=object)
    for name, need in (("lung", 0.5), ("heart", 0.5), ("effusion", 0.4), ("nodule", 0.1)):
        share = masks[name].reshape(count, 32, count, 32).mean(axis=(1, 3))
        names[share >= need] = name
    return tuple(str(n) for n in names.ravel())


def _watermark(grey: Plane) -> None:
    for i, char in enumerate(WATERMARK):
        mark = glyph(char, 12, 14, 20)
        left = grey.shape[1] - 56 + i * 14
        area = grey[-20:, left - 8 : left - 8 + mark.shape[1]]
        np.maximum(area, mark[:, : area.shape[1]] * 235, out=area)


def draw_phantom(rng: random.Random, wanted: Kind | None = None, size: int | None = None) -> Phantom:
    """Draws one phantom; the same seed and arguments give the same pixels."""
    kind: Kind = rng.choice(KINDS) if wanted is None else wanted
    size = size or rng.choices(SIZES, (0.4, 0.3, 0.15, 0.15))[0]
    side: Side = rng.choice(("left", "right")) if kind in ("effusion", "nodule") else ""
    # The patient's left is on the right of the image.
    sign = 1 if side == "left" else -1
    x, y = _grid(size)
    body = _random_body(size, rng)
    ratio = rng.uniform(0.58, 0.70) if kind == "large_heart" else rng.uniform(0.38, 0.46)
    soft = 0.03
    lung = np.maximum(_soft(_lung(x, y, body, 1), soft), _soft(_lung(x, y, body, -1), soft))
    heart = _soft(_heart(x, y, body, ratio), soft)
    nothing = np.zeros_like(x)
    fluid = _soft(_fluid(x, y, body, sign, rng), soft) if kind == "effusion" else nothing
    spot = _soft(_spot(x, y, body, sign, rng), 0.08) if kind == "nodule" else nothing
    grey = _compose(x, y, body, rng, (lung, heart, fluid, spot))
    masks = {
        "lung": lung > 0.5, "heart": heart > 0.5, "effusion": fluid > 0.5, "nodule": spot > 0.5,
    }  # fmt: skip
    pixels = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    return Phantom(pixels, kind, side, _cell_classes(masks, size))


def _compose(x: Plane, y: Plane, body: _Body, rng: random.Random, parts: tuple[Plane, Plane, Plane, Plane]) -> Plane:
    lung, heart, fluid, spot = parts
    trunk = _soft(_ellipse(x, y, (body.centre, 0.15), (body.half * 1.16, 1.25)), 0.03)
    grey = 12 + 138 * trunk
    grey = grey - 92 * lung
    grey = grey + 34 * _ribs(x, y, body, rng) * lung * 2
    spine = np.exp(-(((x - body.centre) / 0.07) ** 2))
    grey = grey + 45 * spine * trunk
    grey = np.where(heart > 0.02, grey + heart * np.maximum(186 - grey, 0), grey)
    grey = grey + fluid * np.maximum(192 - grey, 0) + spot * np.maximum(172 - grey, 0)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 6), grey.shape)
    grey = (grey - 100) * rng.uniform(0.85, 1.12) + 100 + rng.uniform(-12, 12) + noise
    final: Plane = np.clip(grey, 0, 255).astype(np.float32)
    _watermark(final)
    return final
