"""Conversion between the dialects: bit for bit there and back, and the same change of every weight."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from medeval.adapters.convert import ORIGINALS, convert, read_notes
from medeval.adapters.dialects import read_adapter, weights_file
from medeval.errors import AdapterError, UsageError

VL = "base_model.model.model.language_model.layers"
TEXT = "base_model.model.model.layers"
RANDOM = np.random.default_rng(0)


def values(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(dtype)


def pair(stem: str, rank: int = 2, width: int = 6, height: int = 8, dtype: type = np.float32) -> dict[str, np.ndarray]:
    return {
        f"{stem}.lora_A.weight": values(rank, width, dtype=dtype),
        f"{stem}.lora_B.weight": values(height, rank, dtype=dtype),
    }


def mlx_pair(stem: str, names: tuple[str, str] = ("lora_a", "lora_b")) -> dict[str, np.ndarray]:
    return {f"{stem}.{names[0]}": values(6, 2), f"{stem}.{names[1]}": values(2, 8)}


EXPERTS = f"{VL}.1.mlp.experts"
PEFT = {
    "vl": (pair(f"{VL}.0.self_attn.q_proj"), {"r": 2, "lora_alpha": 4}),
    "text": (pair(f"{TEXT}.0.self_attn.q_proj"), {"r": 2, "lora_alpha": 4}),
    "half precision": (pair(f"{VL}.0.self_attn.q_proj", dtype=np.float16), {"r": 2, "lora_alpha": 4}),
    "mixed precision": (
        pair(f"{VL}.0.self_attn.q_proj", dtype=np.float16) | pair(f"{VL}.1.self_attn.q_proj"),
        {"r": 2, "lora_alpha": 3},
    ),
    "vision and head": (
        pair(f"{VL}.0.self_attn.q_proj") | pair("base_model.model.model.visual.merger.linear_fc1")
        | pair("base_model.model.lm_head"),
        {"r": 2, "lora_alpha": 4},
    ),
    "older names": (
        pair("base_model.model.visual.merger.linear_fc1") | pair(f"{TEXT}.0.self_attn.q_proj"),
        {"r": 2, "lora_alpha": 4},
    ),
    "ranks and alphas": (
        pair(f"{VL}.0.self_attn.q_proj", 2) | pair(f"{VL}.0.self_attn.v_proj", 4) | pair(f"{VL}.1.self_attn.q_proj", 2),
        {"r": 2, "lora_alpha": 4, "rank_pattern": {"v_proj": 4}, "alpha_pattern": {"v_proj": 32}},
    ),
    "rank-stabilised": (pair(f"{VL}.0.self_attn.q_proj", 3), {"r": 3, "lora_alpha": 4, "use_rslora": True}),
    "dora": (
        pair(f"{VL}.0.self_attn.q_proj") | {f"{VL}.0.self_attn.q_proj.lora_magnitude_vector": values(8)},
        {"r": 2, "lora_alpha": 4, "use_dora": True},
    ),
    "embedding": (
        {"base_model.model.model.language_model.embed_tokens.lora_embedding_A": values(2, 10),
         "base_model.model.model.language_model.embed_tokens.lora_embedding_B": values(6, 2)},
        {"r": 2, "lora_alpha": 4},
    ),
    "saved whole": (
        pair(f"{VL}.0.self_attn.q_proj") | {"base_model.model.lm_head.modules_to_save.weight": values(10, 6)},
        {"r": 2, "lora_alpha": 4, "modules_to_save": ["lm_head"]},
    ),
    "experts": (
        pair(f"{EXPERTS}.base_layer", 8, 6, 20) | pair(EXPERTS, 8, 10, 6) | pair(f"{VL}.0.self_attn.q_proj"),
        {"r": 2, "lora_alpha": 4, "target_parameters": ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]},
    ),
    "one expert parameter": (
        pair(EXPERTS, 8, 10, 6), {"r": 2, "lora_alpha": 4, "target_parameters": ["mlp.experts.down_proj"]},
    ),
}  # fmt: skip
SWITCH = "language_model.model.layers.1.mlp.switch_mlp"


def switch(name: str, width: int, height: int) -> dict[str, np.ndarray]:
    return {f"{SWITCH}.{name}.lora_a": values(4, 2, width), f"{SWITCH}.{name}.lora_b": values(4, height, 2)}


NEW = {"lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.0}, "num_layers": -1}
MLX = {
    "mlx-vlm": (mlx_pair("language_model.model.layers.0.self_attn.q_proj"), NEW),
    "mlx-lm": (mlx_pair("model.layers.0.self_attn.q_proj"), NEW),
    "older mlx-vlm": (
        mlx_pair("language_model.model.layers.0.self_attn.q_proj", ("A", "B")), {"rank": 2, "alpha": 16, "dropout": 0.1}
    ),
    "tower and head": (mlx_pair("vision_tower.merger.linear_fc1") | mlx_pair("language_model.lm_head"), NEW),
    "experts of their own": (switch("gate_proj", 6, 10) | switch("up_proj", 6, 10) | switch("down_proj", 10, 6), NEW),
    "gate only": (switch("gate_proj", 6, 10), NEW),
    "experts and linears": (
        switch("gate_proj", 6, 10) | switch("up_proj", 6, 10)
        | mlx_pair("language_model.model.layers.1.self_attn.q_proj"),
        NEW,
    ),
}  # fmt: skip


def same_bits(one: Path, two: Path) -> None:
    with safe_open(weights_file(one), "np") as first, safe_open(weights_file(two), "np") as second:
        assert sorted(first.keys()) == sorted(second.keys())
        assert (first.metadata() or {"format": "pt"}) == second.metadata()
        for name in first.keys():  # noqa: SIM118 (not a mapping)
            left, right = first.get_tensor(name), second.get_tensor(name)
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
            assert left.tobytes() == right.tobytes(), name
    config = "adapter_config.json"
    assert json.loads((one / config).read_text()) == json.loads((two / config).read_text())


@pytest.mark.parametrize("case", PEFT)
def test_peft_to_mlx_and_back_is_bit_exact(write, tmp_path: Path, case: str) -> None:
    folder = write(*PEFT[case])
    there = convert(folder, "mlx", tmp_path / "there")
    same_bits(folder, convert(there, "peft", tmp_path / "back"))
    assert not (tmp_path / "back" / "medeval.json").exists()


@pytest.mark.parametrize("case", MLX)
def test_mlx_to_peft_and_back_is_bit_exact(write, tmp_path: Path, case: str) -> None:
    folder = write(*MLX[case], "adapters.safetensors")
    there = convert(folder, "peft", tmp_path / "there")
    same_bits(folder, convert(there, "mlx", tmp_path / "back"))


def test_a_scale_that_rounds_keeps_the_original(write, tmp_path: Path) -> None:
    config = {"r": 2, "lora_alpha": 4, "alpha_pattern": {"v_proj": 7}}
    tensors = pair(f"{VL}.0.self_attn.q_proj") | pair(f"{VL}.1.self_attn.q_proj") | pair(f"{VL}.0.self_attn.v_proj")
    folder = write(tensors, config)
    there = convert(folder, "mlx", tmp_path / "there")
    assert any("ratio multiplied" in n for n in read_notes(there))
    with safe_open(there / ORIGINALS, "np") as kept:
        assert list(kept.keys()) == [f"{VL}.0.self_attn.v_proj.lora_B.weight"]
    same_bits(folder, convert(there, "peft", tmp_path / "back"))
    (there / ORIGINALS).unlink()
    with pytest.raises(AdapterError, match="no exact way back"):
        convert(there, "peft", tmp_path / "lost")


def test_the_other_files_travel_along(write, tmp_path: Path) -> None:
    folder = write(*PEFT["vl"])
    content = {"title": {"zh": "精准", "en": "Precise"}, "trained_on": ["v2"], "base_fingerprint": "sha256:x"}
    (folder / "medeval.json").write_text(json.dumps(content))
    there = json.loads((convert(folder, "mlx", tmp_path / "there") / "medeval.json").read_text())
    assert {k: there[k] for k in content} == content and there["sha256"].startswith("sha256:")
    back = convert(tmp_path / "there", "peft", tmp_path / "back")
    assert json.loads((back / "medeval.json").read_text()) == content


def test_changed_weights_are_not_taken_for_the_recorded_ones(write, tmp_path: Path) -> None:
    there = convert(write(*PEFT["older names"]), "mlx", tmp_path / "there")
    tensors = {"language_model.model.layers.0.self_attn.q_proj.lora_a": values(6, 2),
               "language_model.model.layers.0.self_attn.q_proj.lora_b": values(2, 8)}  # fmt: skip
    save_file(tensors, there / "adapters.safetensors")
    back = read_adapter(convert(there, "peft", tmp_path / "back"))
    assert [f.module for f in back.factors] == ["model.language_model.layers.0.self_attn.q_proj"]


def test_what_cannot_be_converted_is_refused_and_leaves_nothing(write, tmp_path: Path) -> None:
    folder = write(*PEFT["vl"])
    with pytest.raises(AdapterError, match="already"):
        convert(folder, "peft", tmp_path / "out")
    full = write({"model.norm.weight": values(6)}, {"fine_tune_type": "full"}, "adapters.safetensors", "full")
    with pytest.raises(AdapterError, match="no LoRA factors"):
        convert(full, "peft", tmp_path / "out")
    shutil.copytree(folder, tmp_path / "taken")
    with pytest.raises(UsageError, match="exists"):
        convert(folder, "mlx", tmp_path / "taken")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adapters", "taken"]
