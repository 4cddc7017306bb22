"""Layers that an adapter promises and lacks: by the rules of each producer."""

from pathlib import Path

import numpy as np
import pytest

from medeval.adapters.gate import check_adapter
from medeval.adapters.variant import Adapter
from medeval.errors import AdapterError

LEAVES = ("self_attn.q_proj", "self_attn.v_proj")
SHAPES = {f"model.language_model.layers.{i}.{leaf}.weight": (8, 6) for i in range(4) for leaf in LEAVES}
SHAPES |= {"lm_head.weight": (10, 6), "model.visual.blocks.0.attn.qkv.weight": (8, 6)}
SHAPES |= {f"model.language_model.layers.{i}.mlp.experts.down_proj": (4, 8, 6) for i in range(2, 4)}


def peft(layers: range, leaves: tuple[str, ...] = LEAVES) -> dict[str, np.ndarray]:
    stems = [f"base_model.model.model.language_model.layers.{i}.{leaf}" for i in layers for leaf in leaves]
    return {f"{s}.lora_A.weight": np.ones((2, 6), np.float32) for s in stems} | {
        f"{s}.lora_B.weight": np.ones((8, 2), np.float32) for s in stems}  # fmt: skip


def mlx(layers: range, leaves: tuple[str, ...] = LEAVES) -> dict[str, np.ndarray]:
    stems = [f"language_model.model.layers.{i}.{leaf}" for i in layers for leaf in leaves]
    return {f"{s}.lora_a": np.ones((6, 2), np.float32) for s in stems} | {
        f"{s}.lora_b": np.ones((2, 8), np.float32) for s in stems}  # fmt: skip


def experts(layers: range) -> dict[str, np.ndarray]:
    stems = [f"base_model.model.model.language_model.layers.{i}.mlp.experts" for i in layers]
    return {f"{s}.lora_A.weight": np.ones((8, 6), np.float32) for s in stems} | {
        f"{s}.lora_B.weight": np.ones((8, 8), np.float32) for s in stems}  # fmt: skip


def lora(**given: object) -> dict[str, object]:
    return {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **given}


def parameters(**given: object) -> dict[str, object]:
    return {"rank": 2, "scale": 2.0, "dropout": 0.0, **given}


BOTH = ["q_proj", "v_proj"]
FULL = [f"language_model.model.layers.{i}.{leaf}" for i in range(4) for leaf in LEAVES]
ALL, SOME = range(4), range(2, 4)
CASES = {
    "list": (peft(ALL), lora(target_modules=BOTH), 0),
    "list, half": (peft(SOME), lora(target_modules=BOTH), 4),
    "list, one kind missing": (peft(ALL, LEAVES[:1]), lora(target_modules=BOTH), 4),
    "some layers wanted": (peft(SOME), lora(target_modules=BOTH, layers_to_transform=[2, 3]), 0),
    "one layer of the wanted missing": (peft(SOME), lora(target_modules=BOTH, layers_to_transform=[1, 2, 3]), 2),
    "pattern": (peft(SOME), lora(target_modules=r".*layers\.[23]\..*(q|v)_proj"), 0),
    "pattern, half": (peft(SOME), lora(target_modules=r".*language_model.*(q|v)_proj"), 4),
    "pattern of older names": (peft(SOME), lora(target_modules=r"model\.layers\.\d+\..*(q|v)_proj"), 4),
    "pattern does not mean experts": (peft(ALL), lora(target_modules=r".*layers\.\d+\..*(q_proj|v_proj|down_proj)"), 0),
    "excluded": (peft(SOME), lora(target_modules=BOTH, exclude_modules=r".*layers\.[01]\..*"), 0),
    "nothing said, even": (peft(ALL), lora(), 0),
    "nothing said, uneven": (peft(range(3)), lora(), 2),
    "experts": (experts(SOME), lora(target_parameters=["mlp.experts.down_proj"]), 0),
    "experts, half": (experts(range(3, 4)), lora(target_parameters=["mlp.experts.down_proj"]), 1),
    "mlx-lm all": (mlx(ALL), {"num_layers": -1, "lora_parameters": parameters()}, 0),
    "mlx-lm last": (mlx(SOME), {"num_layers": 2, "lora_parameters": parameters(keys=list(LEAVES))}, 0),
    "mlx-lm last, more wanted": (mlx(SOME), {"num_layers": 3, "lora_parameters": parameters()}, 2),
    "mlx-lm all, half": (mlx(SOME), {"num_layers": -1, "lora_parameters": parameters()}, 4),
    "mlx-vlm keys": (mlx(ALL), {"lora_parameters": parameters(keys=FULL)}, 0),
    "mlx-vlm keys, some": (mlx(SOME), {"lora_parameters": parameters(keys=FULL[4:])}, 0),
    "mlx-vlm keys, half there": (mlx(SOME), {"lora_parameters": parameters(keys=FULL)}, 4),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_missing_layers(write, case: str) -> None:
    tensors, config, missing = CASES[case]
    file = "adapters.safetensors" if "lora_parameters" in config else "adapter_model.safetensors"
    folder: Path = write(tensors, config, file)
    if not missing:
        assert check_adapter(Adapter("v1", folder), SHAPES).factors
        return
    with pytest.raises(AdapterError) as error:
        check_adapter(Adapter("v1", folder), SHAPES)
    assert len(error.value.problems) == 1 and f" / {missing} of " in error.value.problems[0], error.value.problems
