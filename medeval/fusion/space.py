"""How large the fused models will be, and whether the disk has room for them and for the proof."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from medeval.errors import EngineError
from medeval.fusion.folder import BaseFolder, is_vision
from medeval.fusion.quantise import group_size
from medeval.fusion.write import Dtype

_WIDTH = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_CAST: dict[Dtype, int] = {"float16": 2, "bfloat16": 2, "float32": 4}
_MARGIN = 1.05
_PROOF = 200_000_000
"""Logits of the replays; deleted after each."""


def model_bytes(folder: BaseFolder, bits: int, dtype: Dtype = "auto") -> int:
    """Estimated size of the fused weights at a bit width: 16 keeps the base's own dtype unless another is asked."""
    group = group_size(dict(folder.config))
    total = 0.0
    for stored in folder.tensors.values():
        count = math.prod(stored.shape)
        width = _CAST.get(dtype, _WIDTH[stored.dtype])
        packs = len(stored.shape) > 1 and not is_vision(stored.name) and stored.shape[-1] % group == 0
        # each group of a quantised row carries a scale and a bias of two bytes
        total += count * (bits / 8 + 4 / group) if bits < 16 and packs else count * width
    return int(total)


def check_space(target: Path, folder: BaseFolder, widths: Sequence[int], dtype: Dtype = "auto") -> int:
    """Bytes the work needs below `target`.

    Raises:
        EngineError: the disk has less free, with both figures.
    """
    needed = int(sum(model_bytes(folder, bits, dtype) for bits in widths) * _MARGIN) + _PROOF
    free = shutil.disk_usage(target).free
    if free < needed:
        raise EngineError(
            f"{target} 空间不足：需要 {needed / 1e9:.1f} GB，剩余 {free / 1e9:.1f} GB"
            f" / not enough disk space in {target}: {needed / 1e9:.1f} GB needed,"
            f" {free / 1e9:.1f} GB free; free some, or choose another folder"
        )
    return needed
