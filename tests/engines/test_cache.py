"""The row cache against a plain list of rows: admit, step, drop in any order, nothing mixed up."""

import random

import pytest
import torch
from transformers.cache_utils import DynamicCache

from medeval.engines.torch.cache import GROWTH, RowCache


def filled(rows: list[torch.Tensor], pads: list[int]) -> DynamicCache:
    width = max(len(r) + p for r, p in zip(rows, pads, strict=True))
    keys = torch.full((len(rows), 2, width, 3), -1.0)
    for index, row in enumerate(rows):
        keys[index, :, width - len(row) :] = row[None, :, None]
    cache = DynamicCache()
    for layer in range(2):
        cache.update(keys + layer, keys * 10 + layer, layer)
    return cache


def held(cache: RowCache, index: int) -> torch.Tensor:
    return cache.layers[0].keys[index, 0, cache.pads[index] : cache.length, 0]


@pytest.mark.parametrize("seed", range(6))
def test_rows_keep_their_own_values(seed: int) -> None:
    choose = random.Random(seed)
    cache, expected, serial = RowCache(2), [], 0
    for _ in range(60):
        action = choose.choice(["admit", "step", "step", "steps", "drop"])
        if action == "admit" and len(expected) < 7:
            lengths = [choose.randint(1, 40) for _ in range(choose.randint(1, 3))]
            rows = [torch.arange(n) + 1000.0 * (serial + i) for i, n in enumerate(lengths)]
            serial += len(rows)
            pads = [max(lengths) - n for n in lengths]
            cache.expected = choose.choice([0, 8])
            cache.admit(filled(rows, pads), pads)
            expected.extend(rows)
        elif action.startswith("step") and expected:
            for _ in range(GROWTH + 3 if action == "steps" else 1):
                serial += 1
                new = torch.arange(len(expected)) + 1000.0 * serial
                cache.make_room()
                for layer in range(2):
                    states = new[:, None, None, None].expand(-1, 2, 1, 3) + layer
                    keys, values = cache.update(states, states * 10, layer)
                    assert keys.shape[2] == cache.length + 1 and keys.shape[0] == len(expected)
                cache.length += 1
                expected = [torch.cat([row, value[None]]) for row, value in zip(expected, new, strict=True)]
        elif action == "drop" and expected:
            index = choose.randrange(len(expected))
            cache.drop(index)
            expected[index] = expected[-1]
            expected.pop()
        assert cache.rows == len(expected)
        for index, row in enumerate(expected):
            assert torch.equal(held(cache, index), row)
            # Prefilled positions hold key * 10 + layer, stepped ones (key + layer) * 10.
            values = cache.layers[1].values[index, 1, cache.pads[index] : cache.length, 2]
            assert set((values - row * 10).tolist()) <= {1.0, 10.0}
