"""The bench measures everything it promises, and both sides answer alike."""

import json
from pathlib import Path

import pytest

from medeval.errors import UsageError
from medeval.evaluation.bench import Sizes, run_bench
from medeval.settings import Settings

RATIOS = ("four_variants_over_base", "sequential_over_ours", "peft_mixed_over_ours", "memory_over_base")
SMALL = Sizes(tokens=4, suite_tokens=6, cases=2, repeats=1)


def test_bench_on_a_tiny_base(tiny) -> None:
    root: Path = tiny("vl")
    found = run_bench(Settings(base=str(root / "base"), adapters=root / "adapters"), SMALL)
    assert all(found[name] > 0 for name in RATIOS)
    assert found["identical_greedy"] is True
    assert found["variants"] == ["base", "v1", "v2", "v3"]
    assert found["score_answers_per_second"] is None or found["score_answers_per_second"] > 0
    assert 1 < found["memory_over_base"] < 2.5
    json.dumps(found)


def test_bench_on_a_shape(tiny, tmp_path: Path) -> None:
    found = run_bench(Settings(base=str(tiny("vl") / "base"), adapters=tmp_path), SMALL, shape="tiny")
    assert found["shape"] == "tiny" and all(found[name] > 0 for name in RATIOS)


@pytest.mark.parametrize(("base", "shape"), [("base", "7b"), ("nowhere", "tiny"), ("base", None)])
def test_bench_refuses_with_a_sentence(tiny, tmp_path: Path, base: str, shape: str | None) -> None:
    settings = Settings(base=str(tiny("vl") / base), adapters=tmp_path)
    with pytest.raises(UsageError):
        run_bench(settings, SMALL, shape=shape)
