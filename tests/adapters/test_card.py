"""The card of an adapter, and how sure it is which base it was made for."""

import json
from pathlib import Path

import numpy as np
import pytest

from medeval.adapters.card import describe_card, match_base
from medeval.adapters.catalogue import describe

from .conftest import peft_tensors


@pytest.mark.parametrize(
    ("print_", "recorded", "open_print", "base", "match"),
    [
        ("sha256:a", "", "sha256:a", "x", "proven"),
        ("sha256:a", "Qwen/Q", "sha256:b", "Qwen/Q", "other"),
        (None, "Qwen/Qwen3-VL-8B-Instruct", "sha256:b", "/models/Qwen3-VL-8B-Instruct/", "name agrees"),
        (None, "Qwen/Qwen3-VL-8B-Instruct", "sha256:b", "mlx-community/Qwen3-VL-8B-Instruct-4bit", "name agrees"),
        (None, "unsloth/Qwen3-VL-8B-Instruct-MLX-bf16", "", "Qwen/qwen3-vl-8b-instruct", "name agrees"),
        (None, r"D:\models\Qwen3-1.7B", "", "Qwen/Qwen3-1.7B", "name agrees"),
        (None, "Qwen/Qwen3-VL-8B-Thinking", "sha256:b", "Qwen/Qwen3-VL-8B-Instruct", "name differs"),
        (None, "", "sha256:b", "Qwen/Q", "not recorded"),
        (None, "Qwen/Q", None, "", "not recorded"),
    ],
)
def test_only_a_fingerprint_proves_the_base(print_, recorded, open_print, base, match) -> None:
    assert match_base(print_, recorded, open_print, base) == match


def test_the_card_of_a_peft_adapter(write) -> None:
    folder: Path = write(peft_tensors(), {"r": 2, "lora_alpha": 4, "peft_version": "0.21.2",
                                          "base_model_name_or_path": "Qwen/Q"})  # fmt: skip
    card = describe_card(describe(folder), "Qwen/Q", "sha256:x", values=True)
    assert (card.dialect, card.producer, card.rank, card.scale) == ("peft", "peft 0.21.2", 2, 2.0)
    assert card.targets == {"q_proj": 1, "v_proj": 1} and card.base_match == "name agrees"
    b = [v for k, v in peft_tensors().items() if "lora_B" in k]
    assert card.norm_b == pytest.approx(float(np.sqrt(sum((x**2).sum() for x in b))))
    assert card.finite is True and card.tensors == 4 and card.parameters == 2 * 6 + 8 * 2 + 2 * 6 + 4 * 2
    quick = describe_card(describe(folder))
    assert quick.norm_b is None and quick.targets == card.targets and quick.parameters == card.parameters
    json.dumps(card.__dict__, default=list)


@pytest.mark.parametrize(
    ("stem", "names", "config", "producer"),
    [
        ("language_model.model.layers.0.q", ("lora_a", "lora_b"), {"lora_parameters": {"scale": 2.0}}, "mlx-vlm"),
        ("model.layers.0.q", ("lora_a", "lora_b"), {"lora_parameters": {"scale": 2.0}}, "mlx-lm"),
        ("language_model.model.layers.0.q", ("A", "B"), {"rank": 2, "alpha": 4}, "mlx-vlm (older form)"),
    ],
)
def test_producers_are_told_apart(write, stem, names, config, producer) -> None:
    tensors = {f"{stem}.{names[0]}": np.ones((6, 2), np.float32), f"{stem}.{names[1]}": np.ones((2, 8), np.float32)}
    assert describe_card(describe(write(tensors, config, "adapters.safetensors"))).producer == producer
