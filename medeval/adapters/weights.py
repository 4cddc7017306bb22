"""Reads safetensors files without an ML library: 8-byte length, JSON header, raw little-endian tensors.

The only weight format ever opened; pickle-based formats are refused by name and by content.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medeval.errors import AdapterError

MAX_HEADER = 32 * 1024 * 1024
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies in its file: dtype, shape and byte range after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """The header of one safetensors file."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int


def read_header(path: Path) -> Header:
    """Reads and checks the header of a safetensors file.

    Raises:
        AdapterError: not a safetensors file, truncated, header over 32 MiB, or ranges that do not fit the shapes.
    """
    if path.suffix != ".safetensors":
        raise AdapterError([f"{path.name}: 只读取 .safetensors 文件 / only .safetensors files are opened"])
    size = path.stat().st_size
    with path.open("rb") as handle:
        head = handle.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER, size - 8):
            raise AdapterError([f"{path.name}: 文件损坏或不是 safetensors / damaged or not a safetensors file"])
        try:
            fields = json.loads(handle.read(length))
        except (UnicodeDecodeError, ValueError):
            raise AdapterError([f"{path.name}: 文件头不是 JSON / the header is not JSON"]) from None
    return _parse(path.name, fields, 8 + length, size)


def _parse(name: str, fields: Any, start: int, size: int) -> Header:
    if not isinstance(fields, dict):
        raise AdapterError([f"{name}: 文件头不是对象 / the header is not a JSON object"])
    metadata = fields.pop("__metadata__", None) or {}
    tensors: dict[str, TensorInfo] = {}
    problems: list[str] = []
    for key, entry in fields.items():
        try:
            shape = tuple(int(n) for n in entry["shape"])
            begin, end = (int(n) for n in entry["data_offsets"])
            dtype = str(entry["dtype"])
        except (KeyError, TypeError, ValueError):
            problems.append(f"{name}: {key}: 文件头缺项 / incomplete header entry")
            continue
        info = TensorInfo(dtype, shape, begin, end)
        problem = _range_problem(info, size - start)
        if problem:
            problems.append(f"{name}: {key}: {problem}")
        tensors[key] = info
    if problems:
        raise AdapterError(problems)
    return Header(tensors, {str(k): str(v) for k, v in metadata.items()}, start)


def _range_problem(info: TensorInfo, available: int) -> str:
    if min(info.shape, default=1) < 0 or not 0 <= info.begin <= info.end:
        return "形状或位置为负 / negative shape or range"
    if info.end > available:
        return "文件被截断 / the file is truncated"
    width = _WIDTHS.get(info.dtype)
    if width and math.prod(info.shape) * width != info.end - info.begin:
        return "字节数与形状不符 / byte range does not fit the shape"
    return ""


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Reads every tensor of a file as float32.

    Raises:
        AdapterError: as `read_header`, or a tensor is not of a floating type.
    """
    header = read_header(path)
    wrong = [f"{path.name}: {k}: dtype {t.dtype}" for k, t in header.tensors.items() if t.dtype not in _WIDTHS]
    if wrong:
        raise AdapterError([f"{w} 不是浮点类型 / {w} is not a floating type" for w in wrong])
    with path.open("rb") as handle:
        out = {}
        for key, info in header.tensors.items():
            handle.seek(header.data_start + info.begin)
            out[key] = _decode(handle.read(info.end - info.begin), info)
    return out


def read_tensor(path: Path, name: str) -> NDArray[np.float32]:
    """Reads one tensor of a file as float32.

    Raises:
        AdapterError: as `read_header`; no such tensor, or one that is not of a floating type.
    """
    header = read_header(path)
    info = header.tensors.get(name)
    if info is None or info.dtype not in _WIDTHS:
        raise AdapterError([f"{path.name}: {name} 不存在或不是浮点类型 / {name} is missing or not of a floating type"])
    with path.open("rb") as handle:
        handle.seek(header.data_start + info.begin)
        return _decode(handle.read(info.end - info.begin), info)


def _decode(raw: bytes, info: TensorInfo) -> NDArray[np.float32]:
    if info.dtype == "BF16":
        # bfloat16 is the upper half of a float32.
        bits = np.frombuffer(raw, dtype="<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(info.shape)
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[info.dtype]
    return np.frombuffer(raw, dtype=kind).astype(np.float32).reshape(info.shape)
