"""Reading both dialects: names, orientation, scale."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medeval.adapters.dialects import read_adapter
from medeval.adapters.gate import canonical
from medeval.adapters.weights import read_header, read_tensors
from medeval.errors import AdapterError

Q = "base_model.model.model.layers.0.self_attn.q_proj"


def peft(rank: int = 2) -> dict[str, np.ndarray]:
    return {f"{Q}.lora_A.weight": np.ones((rank, 6), np.float32), f"{Q}.lora_B.weight": np.ones((8, rank), np.float32)}


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"r": 2, "lora_alpha": 4}, 2.0),
        ({"r": 2, "lora_alpha": 4, "use_rslora": True}, 4 / math.sqrt(2)),
        ({"r": 8, "lora_alpha": 4, "rank_pattern": {"q_proj": 2}}, 2.0),
        ({"r": 2, "lora_alpha": 4, "alpha_pattern": {"q_proj": 1}}, 0.5),
        ({"r": 2, "lora_alpha": 4, "alpha_pattern": {"v_proj": 1}}, 2.0),
        ({"r": 2, "lora_alpha": 4, "alpha_pattern": {r"layers\.0\..*q_proj": 8}}, 4.0),
    ],
)
def test_peft_scale(write, config, scale) -> None:
    factor = read_adapter(write(peft(), config)).factors[0]
    assert factor.scale == pytest.approx(scale)
    assert (factor.module, factor.a.shape, factor.b.shape) == ("model.layers.0.self_attn.q_proj", (6, 2), (2, 8))


def test_peft_extras_are_told_apart(write) -> None:
    tensors = peft() | {
        f"{Q}.lora_magnitude_vector": np.ones(8, np.float32),
        "base_model.model.lm_head.modules_to_save.weight": np.ones((10, 6), np.float32),
    }
    lora = read_adapter(write(tensors))
    assert lora.factors[0].magnitude is not None
    assert list(lora.whole) == ["lm_head.weight"]
    assert lora.tensors == 4


@pytest.mark.parametrize(
    ("config", "names", "scale", "dialect"),
    [
        ({"lora_parameters": {"rank": 2, "scale": 20.0}}, ("lora_a", "lora_b"), 20.0, "mlx"),
        ({"rank": 2, "alpha": 16}, ("A", "B"), 8.0, "mlx-vlm-old"),
        ({"rank": 2, "alpha": 16, "scale_rule": "alpha"}, ("A", "B"), 16.0, "mlx-vlm-old"),
    ],
)
def test_mlx_scale(write, config, names, scale, dialect) -> None:
    stem = "language_model.model.layers.0.self_attn.q_proj"
    tensors = {f"{stem}.{names[0]}": np.ones((6, 2), np.float32), f"{stem}.{names[1]}": np.ones((2, 8), np.float32)}
    lora = read_adapter(write(tensors, config, "adapters.safetensors"))
    assert (lora.dialect, lora.factors[0].scale, lora.factors[0].a.shape) == (dialect, scale, (6, 2))


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("model.layers.0.q", "model.layers.0.q"),
        ("language_model.model.layers.0.q", "model.language_model.layers.0.q"),
        ("language_model.model.layers.0.q", "model.layers.0.q"),
        ("model.layers.0.q", "model.language_model.layers.0.q"),
        ("model.language_model.layers.0.q", "model.layers.0.q"),
        ("vision_tower.blocks.0.attn.qkv", "model.visual.blocks.0.attn.qkv"),
        ("visual.merger.linear_fc1", "model.visual.merger.linear_fc1"),
        ("language_model.lm_head", "lm_head"),
    ],
)
def test_names_of_other_producers(written: str, known: str) -> None:
    assert canonical(written, {known: 1, "other": 1}) == known
    assert canonical("x." + written, {known: 1}) is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_reads_floats(tmp_path: Path, dtype) -> None:
    value = np.linspace(-3, 3, 12).reshape(3, 4).astype(dtype)
    save_file({"x": value}, tmp_path / "a.safetensors")
    assert np.array_equal(read_tensors(tmp_path / "a.safetensors")["x"], value.astype(np.float32))


def test_reads_bfloat16(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    value = torch.randn(3, 5).to(torch.bfloat16)
    save_torch({"x": value}, tmp_path / "a.safetensors")
    assert np.array_equal(read_tensors(tmp_path / "a.safetensors")["x"], value.float().numpy())


@pytest.mark.parametrize(
    "content",
    [b"", b"12345", b"\xff" * 64, (10**9).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
     (3).to_bytes(8, "little") + b"{x}", b"\x80\x04\x95" + b"pickle" * 9],
    ids=["empty", "short", "huge header", "header over the file", "a list", "not json", "pickle"],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(AdapterError):
        read_header(tmp_path / "a.safetensors")


def test_a_truncated_file_is_refused(write) -> None:
    file = write(peft()) / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(AdapterError, match="truncated"):
        read_adapter(file.parent)


@pytest.mark.parametrize(
    ("config", "said"),
    [({"peft_type": "IA3"}, "only LORA"), ({"r": 4, "lora_alpha": 4}, "config rank 4, file rank 2")],
)
def test_configs_that_do_not_fit(write, config, said) -> None:
    folder = write(peft(), config)
    try:
        problems = read_adapter(folder).problems
    except AdapterError as error:
        problems = tuple(error.problems)
    assert any(said in p for p in problems)


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt", "weights.npz"])
def test_pickle_formats_are_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 2}))
    with pytest.raises(AdapterError, match="only .safetensors"):
        read_adapter(tmp_path)
