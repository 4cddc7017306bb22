"""Prompts of the torch engine, as torch tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medeval.engines import encoding
from medeval.engines.torch.loading import Loaded

Pixels = encoding.Pixels[Tensor]
Prompt = encoding.Prompt[Tensor]


class Encoder(encoding.ChatEncoder[Tensor]):
    """Tokenises conversations for one base."""

    arrays = "pt"

    def __init__(self, base: Loaded) -> None:
        self.base, config = base, base.model.config
        merge = int(config.vision_config.spatial_merge_size) if base.sees else 1
        limit = getattr(config.get_text_config(), "max_position_embeddings", None)
        super().__init__(base.tokenizer, base.image_processor, limit, getattr(config, "image_token_id", None), merge)

    def _row(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor(ids, dtype=torch.long)

    def _positions(self, row: Tensor, pixels: Pixels | None) -> tuple[Tensor, int]:
        length = row.shape[0]
        if not self.base.sees:
            return torch.arange(length)[None], length
        if pixels is None:
            return torch.arange(length).expand(3, -1), length
        kinds = (row == self.image_id).int()[None]
        grids: dict[str, Tensor] = {"image_grid_thw": pixels.grid}
        positions, delta = self.base.model.model.get_rope_index(row[None], mm_token_type_ids=kinds, **grids)
        return positions[:, 0].cpu(), length + int(delta.flatten()[0])
