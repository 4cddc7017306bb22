"""Tiny bases with one adapter of every kind, built once a session."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from safetensors.torch import load_file, save_file
from tiny_models import Kind, build_adapter, build_base

torch.set_num_threads(1)

TEXT = r".*language_model\.layers\.\d+\..*(q_proj|v_proj|down_proj)"
VISION = r".*visual\.(blocks\.\d+\.attn\.qkv|merger\.linear_fc2|deepstack_merger_list\.\d+\.linear_fc1)"
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
ADAPTERS: dict[str, dict[str, dict[str, Any]]] = {
    "text": {"plain": {}, "top": {}, "head": {"modules_to_save": ["lm_head"]}},
    "tied": {
        "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
        "head": {"modules_to_save": ["lm_head"]},
        "plain": {},
    },
    "vl": {
        "plain": {}, "top": {}, "dora": {"use_dora": True}, "vision": {"target_modules": VISION},
        "patterns": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}, "use_rslora": True},
        "saved": {"modules_to_save": ["lm_head", "merger"]},
    },
    "moe": {"plain": {}, "experts": {"target_modules": ["q_proj"], "target_parameters": EXPERTS}},
}  # fmt: skip
"""Base -> adapter -> options of LoraConfig; `top` was trained on `plain`."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`made(base)` is a folder with `base` and `adapters`, built at the first call."""
    found: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in found:
            root = tmp_path_factory.mktemp(name)
            kind: Kind = "text" if name == "tied" else name  # type: ignore[assignment]
            base = build_base(root / "base", kind, tied=name == "tied")
            for seed, (adapter, options) in enumerate(ADAPTERS[name].items(), 30):
                build_adapter(base, root / "adapters" / adapter, seed=seed, rank=4, **options)
                _train_embedding(root / "adapters" / adapter / "adapter_model.safetensors")
            if (root / "adapters" / "top").is_dir():
                (root / "adapters" / "top" / "medeval.json").write_text(json.dumps({"trained_on": ["plain"]}))
            found[name] = root
        return found[name]

    return build


def _train_embedding(file: Path) -> None:
    """PEFT starts the first factor of an embedding at zero; here it has learnt something."""
    tensors = load_file(file)
    for name in [n for n in tensors if "lora_embedding_A" in n]:
        tensors[name] = 0.2 * torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(1))
        save_file(tensors, file, {"format": "pt"})
