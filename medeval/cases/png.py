"""PNG facts that Pillow does not tell: whether every chunk is whole, and colours of 16 bits exactly.

Pillow skips the checksums of image data and keeps only the high byte of 16-bit colour, which turns a 12-bit image
black; both are mended here.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medeval.errors import ImageError

_GREY_ALPHA, _RGB, _RGBA = 4, 2, 6


@dataclass(frozen=True)
class PngHeader:
    """Bit depth, colour type (PNG specification, table 11.1) and whether the file is animated."""

    bits: int
    colour: int
    animated: bool

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.colour in (_GREY_ALPHA, _RGBA)

    @property
    def deep_colour(self) -> bool:
        """Whether Pillow would lose the low bytes."""
        return self.bits == 16 and self.colour in (_RGB, _GREY_ALPHA, _RGBA)


def check_png(path: Path) -> PngHeader:
    """Walks every chunk and compares its checksum; raises ImageError for a truncated or damaged file."""
    data = memoryview(path.read_bytes())
    names: set[bytes] = set()
    at, header = 8, b""
    while at + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if end > len(data):
            break
        if zlib.crc32(data[at + 4 : end - 4]) != struct.unpack(">I", data[end - 4 : end])[0]:
            raise ImageError("PNG 文件已损坏（校验和不符） / the PNG file is damaged (a checksum is wrong)")
        if not names:
            header = bytes(data[at + 8 : end - 4])
        names.add(name)
        if name == b"IEND":
            if len(header) != 13:
                raise ImageError("PNG 文件已损坏（文件头无效） / the PNG file is damaged (its header is wrong)")
            return PngHeader(header[8], header[9], b"acTL" in names)
        at = end
    raise ImageError("PNG 文件不完整（被截断） / the PNG file is truncated")


def read_deep_colour(image: Image.Image, path: Path, header: PngHeader) -> NDArray[np.uint16]:
    """The exact 16-bit samples [H, W, C] of a colour PNG, C = 2 (grey, alpha), 3 or 4.

    The data are decoded with raw modes that keep other bytes than Pillow's own choice does.
    """
    if header.colour == _GREY_ALPHA:  # Four bytes a pixel: grey high, grey low, alpha high, alpha low.
        raw = np.asarray(_decode_as(path, "RGBA")).astype(np.uint16)
        return _join(raw[..., 0::2], raw[..., 1::2])
    mode = "RGB" if header.colour == _RGB else "RGBA"
    high = np.asarray(image.convert(mode)).astype(np.uint16)
    low = np.asarray(_decode_as(path, f"{mode};16L"))  # The little-endian mode keeps the second byte: the low one.
    return _join(high, low)


def _join(high: NDArray[np.uint16], low: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.left_shift(high, np.uint16(8), dtype=np.uint16) | low


def _decode_as(path: Path, raw_mode: str) -> Image.Image:
    image = Image.open(path, formats=["PNG"])
    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
    image.load()
    return image
