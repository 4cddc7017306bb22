"""Grey values of any depth to 8 bits, without clipping: the lowest value becomes 0 and the highest 255.

numpy is the only import, so that the decoder process starts quickly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medeval.errors import ImageError

Grey8 = NDArray[np.uint8]
_ROWS = 256  # rows at a time, so that a large image needs no second copy in floating point


def to_8bit(values: NDArray[Any], low: float | None = None, high: float | None = None) -> Grey8:
    """Maps `values` linearly from low…high to 0…255, rounding; low and high default to the extremes.

    Args:
        values: Array [H, W] or [H, W, C] of any real type; NaN counts as the lowest value, infinities as extremes.
        low: Value that becomes 0.
        high: Value that becomes 255; where it equals `low`, the result is 0 for a value of 0 and 128 otherwise.

    Raises:
        ImageError: When no value is finite.
    """
    if low is None or high is None:
        least, most = extremes(values)
        low, high = (least if low is None else low), (most if high is None else high)
    out = np.empty(values.shape, np.uint8)
    if high <= low:
        out[...] = 0 if low == 0 else 128
        return out
    for start in range(0, len(values), _ROWS):
        part = values[start : start + _ROWS].astype(np.float64)
        part = (np.nan_to_num(part, nan=low, posinf=high, neginf=low) - low) * (255.0 / (high - low))
        out[start : start + _ROWS] = np.clip(part + 0.5, 0, 255).astype(np.uint8)
    return out


def extremes(values: NDArray[Any]) -> tuple[float, float]:
    """The lowest and the highest finite value; raises ImageError when there is none."""
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.any():
            raise ImageError("图像不含有效数值 / the image holds no finite value")
        return float(values.min(initial=np.inf, where=finite)), float(values.max(initial=-np.inf, where=finite))
    return float(values.min()), float(values.max())


def deepest(values: NDArray[Any]) -> float:
    """The highest value of as many bits as `values` use, 8 at least: 4095 for a 12-bit image in 16 bits."""
    return float(2 ** max(8, int(values.max()).bit_length()) - 1)
