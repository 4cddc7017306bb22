"""Turns drawn images into the vision tower's input, as Qwen2VLImageProcessor does.

The library's processor resizes and converts as well; drawings already have sides that are
multiples of 32, so that a reshape is enough (a test compares both).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medeval.demo.architecture import MERGE, PATCH


@dataclass(frozen=True)
class Vision:
    """Input of the vision tower for a batch of images."""

    patches: torch.Tensor
    grid: torch.Tensor


def patch_rows(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Patches of one image in merge order: [rows * columns, 3 * 2 * 16 * 16]."""
    height, width, channels = pixels.shape
    down, across = height // PATCH, width // PATCH
    view = pixels.transpose(2, 0, 1)
    view = view.reshape(channels, down // MERGE, MERGE, PATCH, across // MERGE, MERGE, PATCH)
    view = view.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]
    # A still image fills both frames of a temporal patch.
    view = np.repeat(view, 2, axis=5)
    return np.ascontiguousarray(view).reshape(down * across, -1)


def to_vision(images: Sequence[NDArray[np.uint8]]) -> Vision:
    """The tower's input for several images: normalised to -1..1."""
    rows = np.concatenate([patch_rows(i) for i in images])
    grid = [[1, i.shape[0] // PATCH, i.shape[1] // PATCH] for i in images]
    return Vision(torch.from_numpy(rows).float() / 127.5 - 1.0, torch.tensor(grid))


def merged_counts(grid: torch.Tensor) -> list[int]:
    """Merged tokens of each image."""
    return [int(g.prod()) // MERGE**2 for g in grid]
