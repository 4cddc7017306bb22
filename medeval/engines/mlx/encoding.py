"""Prompts of the MLX engine, in numpy: the same template and pixels as the torch engine's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from medeval.engines import encoding
from medeval.engines.folders import text_part
from medeval.engines.mlx.loading import Loaded

Pixels = encoding.Pixels[NDArray[Any]]
"""Patches float32, grids int64."""
Prompt = encoding.Prompt[NDArray[Any]]
"""Ids and positions int32."""


class Encoder(encoding.ChatEncoder[NDArray[Any]]):
    """Tokenises conversations for one base."""

    arrays = "np"

    def __init__(self, base: Loaded) -> None:
        self.base = base
        merge = int(base.config["vision_config"]["spatial_merge_size"]) if base.sees else 1
        limit = text_part(base.config).get("max_position_embeddings")
        super().__init__(base.tokenizer, base.image_processor, limit, base.config.get("image_token_id"), merge)

    def _row(self, ids: Sequence[int]) -> NDArray[Any]:
        return np.asarray(ids, dtype=np.int32)

    def _positions(self, row: NDArray[Any], pixels: Pixels | None) -> tuple[NDArray[Any], int]:
        plain = np.arange(len(row), dtype=np.int32)
        if not self.base.sees:
            return plain[None], len(row)
        if pixels is None:
            return np.broadcast_to(plain, (3, len(row))), len(row)
        model = self.base.model.language_model
        positions, delta = model.get_rope_index(mx.array(row)[None], mx.array(pixels.grid.astype(np.int32)))
        return np.array(positions[:, 0]).astype(np.int32), len(row) + int(np.array(delta).flatten()[0])
