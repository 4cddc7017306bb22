"""Commands that serve a variant elsewhere: exact options, quoted, or the reason why not."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import Variant
from medeval.fusion.serve import gguf_line, serve_commands


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stem = "base_model.model.model.layers.0.q_proj"
    for name in ("v 1", "v2"):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        tensors = {f"{stem}.lora_A.weight": np.ones((20, 4)), f"{stem}.lora_B.weight": np.ones((4, 20))}
        save_file({k: v.astype(np.float32) for k, v in tensors.items()}, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({"r": 20, "lora_alpha": 4}))
    (tmp_path / "adapters" / "v2" / "medeval.json").write_text(json.dumps({"trained_on": ["v 1"]}))
    folder = tmp_path / "adapters" / "m"
    folder.mkdir()
    tensors = {"model.layers.0.q_proj.lora_a": np.ones((4, 2)), "model.layers.0.q_proj.lora_b": np.ones((2, 4))}
    save_file({k: v.astype(np.float32) for k, v in tensors.items()}, folder / "adapters.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"lora_parameters": {"rank": 2, "scale": 1.0}}))
    configs = {"text": {}, "vl": {"vision_config": {"depth": 1}}, "q4": {"quantization": {"bits": 4}}}
    for name, content in configs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(content))
    return tmp_path


def lines(root: Path, base: str, variant: Variant, fused: str = "") -> dict[tuple[str, str], str]:
    commands = serve_commands(str(root / base), variant, root / fused if fused else None)
    assert all(c.line or (c.zh and c.en) for c in commands)
    return {(c.tool, c.what): c.line.replace(str(root), "R") for c in commands}


def test_adapters(root: Path) -> None:
    variants = find_variants(root / "adapters")
    peft = lines(root, "text", variants["v 1"])
    assert peft["vllm", "adapter"] == (
        "vllm serve R/text --enable-lora --lora-modules 'v 1=R/adapters/v 1' --max-lora-rank 32"
        " --host 127.0.0.1 --port 8080"
    )
    assert peft["mlx", "adapter"] == "" and peft["transformers", "adapter"] == ""
    mlx = lines(root, "vl", variants["m"])
    assert mlx["mlx", "adapter"] == (
        "python -m mlx_vlm.server --model R/vl --adapter-path R/adapters/m --host 127.0.0.1 --port 8080"
    )
    assert lines(root, "text", variants["m"])["mlx", "adapter"].startswith("python -m mlx_lm.server --model")
    assert mlx["vllm", "adapter"] == ""


def test_a_stack_must_be_fused_first(root: Path) -> None:
    commands = serve_commands(str(root / "text"), find_variants(root / "adapters")["v2"])
    assert not any(c.line for c in commands) and all("fuse it first" in c.en for c in commands)


def test_fused_models(root: Path) -> None:
    variants = find_variants(root / "adapters")
    whole = lines(root, "text", variants["v2"], "vl")
    assert whole["transformers", "fused"] == "transformers serve R/vl --host 127.0.0.1 --port 8080"
    assert whole["vllm", "fused"] == "vllm serve R/vl --host 127.0.0.1 --port 8080"
    packed = lines(root, "text", variants["v2"], "q4")
    assert packed["mlx", "fused"] and not packed["vllm", "fused"] and not packed["transformers", "fused"]


def test_gguf_only_where_the_converter_is(root: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "not here" in gguf_line(root / "vl").en
    (root / "convert_hf_to_gguf.py").write_text("")
    assert gguf_line(root / "vl", [root]).line.endswith("vl.gguf")
    assert "16-bit" in gguf_line(root / "q4", [root]).en
