"""MLX's row cache against a plain list of rows: admit, step, keep in any order; masks hide padding."""

import random

import numpy as np
import pytest
from backends import needs_mlx


@pytest.fixture(scope="module", autouse=True)
def mlx() -> None:
    needs_mlx()


def filled(rows: list[np.ndarray]):
    import mlx.core as mx

    from medeval.engines.mlx.cache import RowCache

    width = max(len(r) for r in rows)
    pads = [width - len(r) for r in rows]
    keys = np.full((len(rows), 2, width, 3), -1.0, dtype=np.float32)
    for index, row in enumerate(rows):
        keys[index, :, width - len(row) :] = row[None, :, None]
    cache = RowCache(2, explicit=False, pads=pads)
    for number, layer in enumerate(cache.layers):
        layer.update_and_fetch(mx.array(keys + number), mx.array(keys * 10 + number))
    cache.advance(width)
    return cache


@pytest.mark.parametrize("seed", range(4))
def test_rows_keep_their_own_values(seed: int) -> None:
    import mlx.core as mx

    from medeval.engines.mlx.cache import GROWTH, RowCache

    choose = random.Random(seed)
    cache, expected, serial = RowCache(2, explicit=False), [], 0
    for _ in range(40):
        action = choose.choice(["admit", "step", "step", "steps", "keep"])
        if action == "admit" and len(expected) < 7:
            rows = [np.arange(choose.randint(1, 40)) + 1000.0 * (serial + i) for i in range(choose.randint(1, 3))]
            serial += len(rows)
            cache.admit(filled(rows))
            expected.extend(rows)
        elif action.startswith("step") and expected:
            for _ in range(GROWTH + 3 if action == "steps" else 1):
                serial += 1
                new = np.arange(len(expected)) + 1000.0 * serial
                states = mx.broadcast_to(mx.array(new.astype(np.float32))[:, None, None, None], (len(new), 2, 1, 3))
                for number, layer in enumerate(cache.layers):
                    keys, values = layer.update_and_fetch(states + number, states * 10 + number)
                    assert keys.shape == values.shape and keys.shape[2] == cache.length + 1
                cache.advance(1)
                expected = [np.append(row, value) for row, value in zip(expected, new, strict=True)]
        elif action == "keep" and expected:
            kept = [i for i in range(len(expected)) if choose.random() < 0.7]
            cache.keep(kept)
            expected = [expected[i] for i in kept]
        assert len(cache.pads) == len(expected)
        assert not expected or np.array(cache.offset).tolist() == [len(row) for row in expected]
        for index, row in enumerate(expected):
            keys, values = (np.array(a) for a in (cache.layers[0].keys, cache.layers[1].values))
            assert np.array_equal(keys[index, 0, cache.pads[index] : cache.length, 0], row.astype(np.float32))
            held = values[index, 1, cache.pads[index] : cache.length, 2]
            assert np.array_equal(held, row.astype(np.float32) * 10 + 1)


@pytest.mark.parametrize(
    ("pads", "count", "expected"),
    [
        ([0, 0], 1, None),
        ([0, 0], 3, "causal"),
        ([0, 2], 3, [[[1, 0, 0], [1, 1, 0], [1, 1, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]),
    ],
)
def test_masks(pads: list[int], count: int, expected) -> None:
    from medeval.engines.mlx.cache import RowCache

    found = RowCache(1, explicit=True, pads=pads).mask(count)
    if isinstance(expected, list):
        assert np.array(found)[:, 0].astype(int).tolist() == expected
    else:
        assert found is expected or found == expected
