"""The running batch on MLX: prefill of new rows, one token for all rows, rows that leave."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from medeval.engines.contract import Decoding
from medeval.engines.gating import Change
from medeval.engines.mlx.cache import RowCache
from medeval.engines.mlx.encoding import Pixels, Prompt
from medeval.engines.mlx.loading import Loaded
from medeval.engines.mlx.overrides import applied
from medeval.engines.plan import Plan
from medeval.engines.rows import Row

_FEATURES_KEPT = 16


@dataclass(frozen=True)
class Features:
    """What the vision tower makes of a conversation's images: tokens [n, hidden], and DeepStack's per layer."""

    tokens: mx.array
    deep: tuple[mx.array, ...]


class Batch:
    """Rows of all variants that are answered together on the one resident base."""

    def __init__(self, base: Loaded, plan: Plan, changes: Mapping[str, Sequence[Change]]) -> None:
        self.base = base
        self.plan = plan
        self.rows: list[Row[Prompt]] = []
        self._changes = changes
        self._applied = ExitStack()
        self._vision_key = ""
        """Names the state of the vision tower's weights; features made in another state are not reused."""
        self._cache = self._empty(())
        self._changed = True
        self._features: OrderedDict[tuple[object, str], Features] = OrderedDict()

    def _empty(self, pads: Sequence[int]) -> RowCache:
        return RowCache(self.base.layers, explicit=self.base.sees, pads=pads)

    def switch(self, variant: str) -> None:
        """Puts a variant's own weights in the base's place; the base's own for an empty name."""
        self._applied.close()
        self._applied, self._vision_key = ExitStack(), ""
        changes = self._changes.get(variant, ())
        self._applied.enter_context(applied(self.base.tree, changes, self.base.dtype))
        self._vision_key = variant if any(c.on_vision for c in changes) else ""

    def generator(self, decoding: Decoding) -> np.random.Generator | None:
        """A row's own random numbers, so that its answer does not depend on its neighbours; None for greedy."""
        return np.random.default_rng(decoding.seed) if decoding.temperature > 0 else None

    def prefill(self, rows: Sequence[Row[Prompt]], expected: int = 0) -> list[int]:
        """Reads the prompts of `rows`, adds the rows, and chooses the first token of each."""
        self.plan.assign([r.request.variant for r in rows], prefill=True)
        self._changed = True
        logits, cache = self.read([r.prompt for r in rows])
        tokens = choose(logits, rows)
        self._cache.admit(cache)
        self.rows.extend(rows)
        return tokens

    def read(self, prompts: Sequence[Prompt]) -> tuple[mx.array, RowCache]:
        """Logits after the last token of each prompt [rows, vocabulary], and the cache that holds them all."""
        longest = max(len(p) for p in prompts)
        pads = [longest - len(p) for p in prompts]
        cache = self._empty(pads)
        ids = np.zeros((len(prompts), longest), dtype=np.int32)
        positions = np.zeros((prompts[0].positions.shape[0], len(prompts), longest), dtype=np.int32)
        for index, (prompt, pad) in enumerate(zip(prompts, pads, strict=True)):
            ids[index, pad:] = prompt.ids
            positions[:, index, pad:] = prompt.positions
        if not self.base.sees:
            return self._reading(ids, cache), cache
        features = [self.features(p.pixels) for p in prompts if p.pixels is not None]
        return self._seeing(ids, positions, cache, features), cache

    def logits(self, ids: NDArray[np.int32]) -> mx.array:
        """Logits of all positions of plain token ids [rows, length], without a cache; in float32."""
        tokens = mx.array(ids)
        if not self.base.sees:
            return _floats(self.base.model(tokens))
        positions = mx.broadcast_to(mx.arange(ids.shape[1]), (3, *ids.shape))
        language = self.base.model.language_model
        return _floats(self._head(language.model(tokens, position_ids=positions)))

    def _head(self, hidden: mx.array) -> mx.array:
        language = self.base.model.language_model
        head = language.get("lm_head")
        logits: mx.array = head(hidden) if head is not None else language.model.embed_tokens.as_linear(hidden)
        return logits

    def _reading(self, ids: NDArray[np.int32], cache: RowCache) -> mx.array:
        # Two passes: MLX is lazy, so logits of all but the last position are never computed.
        if ids.shape[1] > 1:
            self.base.model(mx.array(ids[:, :-1]), cache=cache.layers)
            cache.advance(ids.shape[1] - 1)
        logits: mx.array = self.base.model(mx.array(ids[:, -1:]), cache=cache.layers)
        cache.advance(1)
        return logits[:, -1]

    def _seeing(
        self, ids: NDArray[np.int32], positions: NDArray[np.int32], cache: RowCache, features: Sequence[Features] = ()
    ) -> mx.array:
        language = self.base.model.language_model
        tokens = mx.array(ids)
        embeds = language.model.embed_tokens(tokens)
        extra: dict[str, Any] = {}
        if features:
            marks = ids == int(self.base.config["image_token_id"])
            flat = embeds.reshape(-1, embeds.shape[-1])
            flat[mx.array(np.flatnonzero(marks).astype(np.uint32))] = mx.concatenate([f.tokens for f in features])
            embeds = flat.reshape(embeds.shape)
            layers = range(len(features[0].deep))
            deep = [mx.concatenate([f.deep[i] for f in features]) for i in layers]
            extra = {"visual_pos_masks": mx.array(marks), "deepstack_visual_embeds": deep} if deep else {}
        hidden = language.model(
            tokens, inputs_embeds=embeds, cache=cache.layers, position_ids=mx.array(positions), **extra
        )
        cache.advance(ids.shape[1])
        return self._head(hidden[:, -1:])[:, -1]

    def features(self, pixels: Pixels) -> Features:
        """The vision tower's output for one conversation's images; made once and kept."""
        key = (pixels.key, self._vision_key)
        if key not in self._features:
            self._features[key] = self.see(pixels)
            while len(self._features) > _FEATURES_KEPT:
                self._features.popitem(last=False)
        self._features.move_to_end(key)
        return self._features[key]

    def see(self, pixels: Pixels) -> Features:
        """Runs the vision tower."""
        made = self.base.model.vision_tower(
            mx.array(pixels.values).astype(self.base.dtype), mx.array(pixels.grid.astype(np.int32))
        )
        tokens, deep = made if isinstance(made, tuple) else (made, ())
        mx.eval(tokens, *deep)
        return Features(tokens, tuple(deep))

    def step(self) -> list[int]:
        """One more token for every row."""
        if self._changed:
            self.plan.assign([r.request.variant for r in self.rows])
            self._changed = False
        ids = np.array([[r.last] for r in self.rows], dtype=np.int32)
        if self.base.sees:
            positions = np.array([[r.position] for r in self.rows], dtype=np.int32)
            logits = self._seeing(ids, np.broadcast_to(positions, (3, *positions.shape)), self._cache)
        else:
            logits = self._reading(ids, self._cache)
        return choose(logits, self.rows)

    def leave(self, indices: Sequence[int]) -> None:
        """Takes rows out of the batch."""
        gone = set(indices)
        if not gone:
            return
        kept = [i for i in range(len(self.rows)) if i not in gone]
        self._cache.keep(kept)
        self.rows = [self.rows[i] for i in kept]
        self._changed = True

    def clear(self) -> None:
        """Forgets all rows and their cache, after an error whose extent is unknown."""
        self.rows = []
        self._cache = self._empty(())
        self._changed = True


def _floats(logits: mx.array) -> mx.array:
    return logits.astype(mx.float32)


def choose(logits: mx.array, rows: Sequence[Row[Prompt]]) -> list[int]:
    """The next token of each row; logits [rows, vocabulary]."""
    tokens: list[int] = np.array(mx.argmax(logits, axis=-1)).tolist()
    for index, row in enumerate(rows):
        if isinstance(row.generator, np.random.Generator):
            numbers = np.array(logits[index].astype(mx.float32), dtype=np.float64)
            tokens[index] = sample(numbers, row.request.decoding, row.generator)
    return tokens


def sample(logits: NDArray[np.float64], decoding: Decoding, generator: np.random.Generator) -> int:
    """Draws a token by temperature and top-p; the first token that reaches top_p still belongs to the kept ones."""
    scaled = logits / decoding.temperature
    weights = np.exp(scaled - scaled.max())
    order = np.argsort(-weights, kind="stable")
    total = np.cumsum(weights[order] / weights.sum())
    kept = min(int((total < decoding.top_p).sum()) + 1, len(total))
    draw = generator.random() * total[kept - 1]
    return int(order[min(int(np.searchsorted(total, draw)), kept - 1)])
