"""Small pictures with known pixels, and the writers that Pillow lacks."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medeval.cases.decode import decode
from medeval.cases.limits import Limits

NAME = "张三-1970-01-01"  # a canary: a patient's name in every place that holds metadata


def scene(width: int = 40, height: int = 24) -> NDArray[np.uint8]:
    """Four flat quarters of different colours, so that turning shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 10, 10)
    pixels[: height // 2, width // 2 :] = (10, 250, 10)
    pixels[height // 2 :, : width // 2] = (10, 10, 250)
    return pixels


def pixels_of(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def read(source: Path, tmp_path: Path, limits: Limits | None = None) -> NDArray[Any]:
    """Decodes in this process: the same code as the bounded one, without its start."""
    decode(source, tmp_path / "clean.png", limits or Limits())
    return pixels_of(tmp_path / "clean.png")


def png(path: Path, width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> Path:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def png16(path: Path, values: NDArray[np.uint16], colour: int) -> Path:
    """A 16-bit PNG of [H, W, C] samples, written by hand because Pillow cannot."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(path, values.shape[1], values.shape[0], 16, colour, rows)


def encoded(kind: str) -> bytes:
    held = BytesIO()
    Image.fromarray(scene()).save(held, kind)
    return held.getvalue()


PNG, JPEG = encoded("PNG"), encoded("JPEG")
