"""Writes safetensors files tensor by tensor, with any float dtype, so that memory stays at one tensor."""

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class Slot:
    """A tensor that is to be written: name, dtype as safetensors writes it, shape, bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int

    @classmethod
    def of(cls, name: str, dtype: str, shape: Sequence[int]) -> "Slot":
        """The slot of a float tensor; its size follows from dtype and shape."""
        return cls(name, dtype, tuple(shape), math.prod(shape) * _WIDTHS[dtype])


def encode(value: NDArray[np.float32], dtype: str) -> bytes:
    """Little-endian bytes of float32 values in `dtype`, rounded to nearest even where it is narrower."""
    if dtype == "BF16":
        bits = np.ascontiguousarray(value, dtype="<f4").view(np.uint32)
        rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16
        # adding the rounding term to a NaN could make it infinity
        return np.where(np.isnan(value), bits >> 16 | np.uint32(0x40), rounded).astype("<u2").tobytes()
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(value).astype(kind).tobytes()


class TensorWriter:
    """A safetensors file under way: the header is written first, then each tensor in the order of the slots."""

    def __init__(self, path: Path, slots: Sequence[Slot], metadata: Mapping[str, str] | None = None) -> None:
        header: dict[str, object] = {"__metadata__": dict(metadata or {"format": "pt"})}
        offset = 0
        for slot in slots:
            header[slot.name] = {
                "dtype": slot.dtype, "shape": list(slot.shape), "data_offsets": [offset, offset + slot.nbytes]
            }  # fmt: skip
            offset += slot.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        self._left = list(reversed(slots))
        self._open = 0
        self._handle = path.open("xb")
        self._handle.write(struct.pack("<Q", len(text)) + text)

    def write(self, name: str, content: bytes) -> None:
        """Appends the next tensor, whole or piece by piece; raises ValueError where it is not the next slot's."""
        if not self._left or self._left[-1].name != name or self._open + len(content) > self._left[-1].nbytes:
            raise ValueError(f"{name}: not the next tensor, or too long")
        self._handle.write(content)
        self._open += len(content)
        if self._open == self._left[-1].nbytes:
            self._left.pop()
            self._open = 0

    def close(self) -> None:
        """Flushes to the disk itself; raises ValueError where tensors are missing."""
        if self._left:
            self._handle.close()
            raise ValueError(f"{len(self._left)} tensors were not written")
        self._handle.flush()
        os.fsync(self._handle.fileno())
        self._handle.close()

    def __enter__(self) -> "TensorWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._handle.close()


def write_tensors(
    path: Path, tensors: Mapping[str, tuple[str, NDArray[np.float32]]], metadata: Mapping[str, str]
) -> None:
    """Writes a whole file of (dtype, float32 values) by name, sorted."""
    names = sorted(tensors)
    slots = [Slot.of(name, tensors[name][0], tensors[name][1].shape) for name in names]
    with TensorWriter(path, slots, metadata) as writer:
        for name in names:
            writer.write(name, encode(tensors[name][1], tensors[name][0]))
