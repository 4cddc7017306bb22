"""The running batch: prefill of new rows, one token for all rows, rows that leave. Knows tensors, not queues."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from medeval.engines.contract import Decoding
from medeval.engines.gating import Change
from medeval.engines.rows import Row
from medeval.engines.torch.cache import RowCache
from medeval.engines.torch.choosing import choose, make_generator
from medeval.engines.torch.encoding import Pixels, Prompt
from medeval.engines.torch.factors import Plan
from medeval.engines.torch.loading import Loaded
from medeval.engines.torch.overrides import applied

_FEATURES_KEPT = 16


class Batch:
    """Rows of all variants that are answered together on the one resident base."""

    def __init__(self, base: Loaded, plan: Plan, changes: Mapping[str, Sequence[Change]] | None = None) -> None:
        self.base = base
        self.plan = plan
        self.rows: list[Row[Prompt]] = []
        self._changes = changes or {}
        self._applied = ExitStack()
        self._vision_key = ""
        """Names the state of the vision tower's weights; features made in another state are not reused."""
        self._cache = self._empty()
        self._mask: Tensor | None = None
        self._changed = True
        self._features: OrderedDict[tuple[object, str], Any] = OrderedDict()

    def _empty(self) -> RowCache:
        return RowCache(int(self.base.model.config.get_text_config().num_hidden_layers))

    def switch(self, variant: str) -> None:
        """Puts a variant's own weights in the base's place; the base's own for an empty name."""
        self._applied.close()
        self._applied, self._vision_key = ExitStack(), ""
        changes = self._changes.get(variant, ())
        self._applied.enter_context(applied(self.base.model, changes))
        self._vision_key = variant if any(c.on_vision for c in changes) else ""

    def generator(self, decoding: Decoding) -> torch.Generator | None:
        """A row's own random numbers; None for greedy."""
        return make_generator(decoding)

    def prefill(self, rows: Sequence[Row[Prompt]], expected: int = 0) -> list[int]:
        """Reads the prompts of `rows`, adds the rows, and chooses the first token of each.

        Args:
            rows: neighbours with the same variant stand side by side.
            expected: how many rows will be here in the end, so that room is made once.
        """
        longest = max(len(r.prompt) for r in rows)
        pads = [longest - len(r.prompt) for r in rows]
        arguments = self._inputs(rows, longest, pads)
        self.plan.assign([r.request.variant for r in rows], prefill=True)
        filled = DynamicCache(config=self.base.model.config)
        try:
            out = self.base.model(**arguments, past_key_values=filled, use_cache=True, logits_to_keep=1)
        finally:
            self._changed = True
        tokens = choose(out.logits[:, -1], rows)
        self._cache.expected = expected
        self._cache.admit(filled, pads)
        self.rows.extend(rows)
        return tokens

    def _inputs(self, rows: Sequence[Row[Prompt]], longest: int, pads: list[int]) -> dict[str, Any]:
        device = self.base.device
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        positions = torch.zeros((rows[0].prompt.positions.shape[0], len(rows), longest), dtype=torch.long)
        for index, (row, pad) in enumerate(zip(rows, pads, strict=True)):
            ids[index, pad:] = row.prompt.ids
            positions[:, index, pad:] = row.prompt.positions
        arguments: dict[str, Any] = {
            "input_ids": ids.to(device),
            "position_ids": self._shaped(positions.to(device)),
            "attention_mask": _prefill_mask(pads, longest).to(device) if any(pads) else None,
        }
        pixels = [r.prompt.pixels for r in rows if r.prompt.pixels is not None]
        if pixels:
            arguments["mm_encoder_outputs"] = {"image": self._joined([self.features(p) for p in pixels])}
        return arguments

    def _shaped(self, positions: Tensor) -> Tensor:
        return positions if self.base.sees else positions[0]

    def features(self, pixels: Pixels) -> Any:
        """The vision tower's output for one conversation's images, DeepStack included; made once and kept."""
        key = (pixels.key, self._vision_key)
        if key not in self._features:
            self._features[key] = self.see(pixels)
            while len(self._features) > _FEATURES_KEPT:
                self._features.popitem(last=False)
        self._features.move_to_end(key)
        return self._features[key]

    def see(self, pixels: Pixels) -> Any:
        """Runs the vision tower."""
        values, grid = pixels.values.to(self.base.device), pixels.grid.to(self.base.device)
        return self.base.model.model.get_image_features(values, grid, return_dict=True)

    def _joined(self, features: Sequence[Any]) -> Any:
        pooled = [image for one in features for image in one.pooler_output]
        first = features[0]
        if getattr(first, "deepstack_features", None) is None:
            return type(first)(pooler_output=pooled)
        layers = range(len(first.deepstack_features))
        deep = [[image for one in features for image in one.deepstack_features[i]] for i in layers]
        return type(first)(pooler_output=pooled, deepstack_features=deep)

    def step(self) -> list[int]:
        """One more token for every row."""
        if self._changed:
            self.plan.assign([r.request.variant for r in self.rows])
            self._mask, self._changed = None, False
        if self._cache.make_room():
            self._mask = None
        device = self.base.device
        ids = torch.tensor([[r.last] for r in self.rows], device=device)
        positions = torch.tensor([[r.position] for r in self.rows], device=device)
        out = self.base.model(
            input_ids=ids,
            attention_mask=self._step_mask(),
            position_ids=positions.expand(3, -1, -1) if self.base.sees else positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache.length += 1
        return choose(out.logits[:, -1], self.rows)

    def _step_mask(self) -> Tensor | None:
        cache = self._cache
        if not any(cache.pads):
            return None
        width = int(cache.layers[0].keys.shape[2])
        if self._mask is None or self._mask.shape[-1] != width:
            pads = torch.tensor(cache.pads, device=self.base.device)
            self._mask = (torch.arange(width, device=self.base.device) >= pads[:, None])[:, None, None]
        return self._mask[..., : cache.length + 1]

    def leave(self, indices: Sequence[int]) -> None:
        """Takes rows out of the batch."""
        for index in sorted(indices, reverse=True):
            self._cache.drop(index)
            self.rows[index] = self.rows[-1]
            self.rows.pop()
            self._changed = True

    def clear(self) -> None:
        """Forgets all rows and their cache, after an error whose extent is unknown."""
        self.rows = []
        self._cache = self._empty()
        self._changed = True


def _prefill_mask(pads: Sequence[int], longest: int) -> Tensor:
    """Boolean mask [rows, 1, longest, longest]: causal, left padding hidden; padding sees itself, never nothing."""
    order = torch.arange(longest)
    causal = order[None, :] <= order[:, None]
    real = order[None, :] >= torch.tensor(list(pads))[:, None]
    return ((causal[None] & real[:, None, :]) | torch.eye(longest, dtype=torch.bool)[None])[:, None]
