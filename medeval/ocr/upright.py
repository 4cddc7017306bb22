"""Setting a photo upright: quarter turns from the shape of text boxes and a trial reading, then the skew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medeval.ocr.words import Pixels, Quads, Reader

Turn = Literal[0, 90, 180, 270]
LOOK_SIDE = 960
"""Longest side in pixels at which orientation is looked for."""
TRIED = 6
LONG = 1.6
"""A box this many times longer than wide shows which way its line runs."""
SMALL_PRINT = 22.0
"""Median line height in pixels below which the image is enlarged before reading."""
LARGEST_SIDE = 3200
LEVEL = 0.3
"""Less skew than this, in degrees, is left alone."""


@dataclass(frozen=True)
class Upright:
    """The image set upright. `turned`: degrees counter-clockwise that the photo was turned; `skew` in degrees."""

    image: Pixels
    turned: Turn
    skew: float
    enlarged: bool
    lines: int
    """How many text lines were seen on the first look."""

    def back(self, mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        """A mask drawn on the upright image, laid on the photo as it was: [height, width]."""
        quarters = self.turned // 90
        size = (width, height) if quarters % 2 == 0 else (height, width)
        level = Image.fromarray(mask)
        if self.enlarged:
            level = level.resize((mask.shape[1] // 2, mask.shape[0] // 2), Image.Resampling.NEAREST)
        if abs(self.skew) >= LEVEL:
            level = level.rotate(-self.skew, Image.Resampling.NEAREST, expand=False, fillcolor=0)
        left, top = (level.width - size[0]) // 2, (level.height - size[1]) // 2
        level = level.crop((left, top, left + size[0], top + size[1]))
        return np.ascontiguousarray(np.rot90(np.asarray(level), quarters))


def set_upright(image: Pixels, reader: Reader) -> Upright:
    """Turns, deskews and, where print is small, enlarges an image.

    Returns:
        The upright image; unchanged where no text is found.
    """
    small = _shrunk(image, LOOK_SIDE)
    quads = reader.boxes(small)
    if len(quads) == 0:
        return Upright(image, 0, 0.0, False, 0)
    sideways = _sideways(quads)
    if sideways:
        small, image = _quarter(small, 3), _quarter(image, 3)
        quads = _turned_boxes(quads)
    tilt = _tilt(quads)
    straight = _rotated(small, tilt)
    again = reader.boxes(straight)
    upside_down = _upside_down(straight, again if len(again) else quads, reader)
    if upside_down:
        image, again = _quarter(image, 2), again[:, ::-1] * -1
    turned = _turn(sideways, upside_down)
    scale = max(image.shape[:2]) / max(small.shape[:2])
    level = _rotated(image, tilt)
    grown = _grown(level, _median_height(again if len(again) else quads) * scale)
    return Upright(grown, turned, tilt, grown.shape != level.shape, len(quads))


def _turn(sideways: bool, upside_down: bool) -> Turn:
    if not sideways:
        return 180 if upside_down else 0
    return 270 if upside_down else 90


def _shrunk(image: Pixels, side: int) -> Pixels:
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def _quarter(image: Pixels, times: int) -> Pixels:
    """Turned counter-clockwise by `times` quarters."""
    return np.ascontiguousarray(np.rot90(image, times))


def _edges(quads: Quads) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of the top and the left edge of each box, [boxes, 2]."""
    return quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]


def _sideways(quads: Quads) -> bool:
    top, left = (np.linalg.norm(edge, axis=1) for edge in _edges(quads))
    return bool((left * (left > LONG * top)).sum() > (top * (top > LONG * left)).sum())


def _turned_boxes(quads: Quads) -> Quads:
    """Boxes after a clockwise quarter turn, corners in reading order again, up to a shift (only edges are used)."""
    turned = np.stack([-quads[..., 1], quads[..., 0]], axis=-1)
    return np.roll(turned, 1, axis=1)


def _tilt(quads: Quads) -> float:
    """Median angle of the lines in degrees, weighted by their length; positive runs downwards to the right."""
    top, left = _edges(quads)
    length = np.linalg.norm(top, axis=1)
    long = length > LONG * np.linalg.norm(left, axis=1)
    if not long.any():
        return 0.0
    angles = np.degrees(np.arctan2(top[long, 1], top[long, 0]))
    order = np.argsort(angles)
    weight = np.cumsum(length[long][order])
    return float(angles[order][np.searchsorted(weight, weight[-1] / 2)])


def _rotated(image: Pixels, degrees: float) -> Pixels:
    if abs(degrees) < LEVEL:
        return image
    fill = tuple(int(v) for v in np.median(image.reshape(-1, 3), axis=0))
    turned = Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
    return np.asarray(turned)


def _upside_down(image: Pixels, quads: Quads, reader: Reader) -> bool:
    """Reads the longest lines both ways round; the way with the higher confidence wins."""
    boxes = np.stack([quads.min(axis=1), quads.max(axis=1)], axis=1)
    widths = boxes[:, 1, 0] - boxes[:, 0, 0]
    crops: list[Pixels] = []
    for index in np.argsort(-widths)[:TRIED]:
        (left, top), (right, bottom) = np.maximum(boxes[index], 0).astype(int)
        crop = image[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
        if min(crop.shape[:2], default=0) >= 6:
            crops.append(np.ascontiguousarray(crop))
    as_is = sum(score * len(text) for text, score in reader.lines(crops))
    turned = sum(score * len(text) for text, score in reader.lines([_quarter(crop, 2) for crop in crops]))
    return turned > as_is * 1.05


def _median_height(quads: Quads) -> float:
    return float(np.median(np.linalg.norm(_edges(quads)[1], axis=1)))


def _grown(image: Pixels, print_height: float) -> Pixels:
    """Twice as large where lines are low: recognition wants about 32 pixels."""
    if print_height >= SMALL_PRINT or max(image.shape[:2]) * 2 > LARGEST_SIDE:
        return image
    size = image.shape[1] * 2, image.shape[0] * 2
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
