"""Adapter folders written tensor by tensor, so that each fault is one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

Q = "base_model.model.model.layers.0.self_attn.q_proj"
V = "base_model.model.model.layers.0.self_attn.v_proj"
SHAPES = {
    "model.layers.0.self_attn.q_proj.weight": (8, 6),
    "model.layers.0.self_attn.v_proj.weight": (4, 6),
    "model.embed_tokens.weight": (10, 6),
    "lm_head.weight": (10, 6),
}


def peft_tensors(rank: int = 2) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        f"{Q}.lora_A.weight": random.normal(size=(rank, 6)).astype(np.float32),
        f"{Q}.lora_B.weight": random.normal(size=(8, rank)).astype(np.float32),
        f"{V}.lora_A.weight": random.normal(size=(rank, 6)).astype(np.float32),
        f"{V}.lora_B.weight": random.normal(size=(4, rank)).astype(np.float32),
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(tensors: dict[str, np.ndarray], config: dict[str, Any] | None = None,
             file: str = "adapter_model.safetensors", name: str = "v1") -> Path:  # fmt: skip
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / file)
        content = {"peft_type": "LORA", "r": 2, "lora_alpha": 4} if config is None else config
        (folder / "adapter_config.json").write_text(json.dumps(content))
        return folder

    return make
