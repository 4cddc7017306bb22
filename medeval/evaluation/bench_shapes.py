"""Random bases in the shapes of published models, with random adapters: speed depends on shapes, not on values.

They are built in a folder that the caller throws away; the tokenizer and image processor are copied from a real base.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medeval.errors import UsageError

RANKS = {"v1": 16, "v2": 128, "v3": 64}


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen3-VL model."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    head: int
    vocabulary: int
    tied: bool
    vision_depth: int
    vision_hidden: int
    vision_inner: int
    vision_heads: int
    deepstack: tuple[int, ...]


SHAPES = {
    "tiny": Shape(64, 128, 2, 4, 2, 16, 5000, True, 2, 32, 64, 2, (0,)),
    "qwen3-vl-2b": Shape(2048, 6144, 28, 16, 8, 128, 151936, True, 24, 1024, 4096, 16, (5, 11, 17)),
    "qwen3-vl-8b": Shape(4096, 12288, 36, 32, 8, 128, 151936, False, 27, 1152, 4304, 16, (8, 16, 24)),
}


def build_shape(name: str, folder: Path, tokenizer_from: Path) -> tuple[Path, Path]:
    """Writes a random base and three random adapters (v3 on v2).

    Args:
        name: one of `SHAPES`.
        folder: where they go; the 8B shape takes 18 GB.
        tokenizer_from: a Qwen3-VL folder whose tokenizer and processor files are copied.

    Returns:
        The base folder and the adapters folder.

    Raises:
        UsageError: an unknown shape, or `tokenizer_from` is no folder of a Qwen3-VL model.
    """
    if name not in SHAPES:
        raise UsageError(
            f"没有形状 {name}；可用：{', '.join(SHAPES)}"
            f" / unknown shape {name}; known: {', '.join(SHAPES)}"
        )
    if not (tokenizer_from / "tokenizer.json").is_file() or not (tokenizer_from / "preprocessor_config.json").is_file():
        raise UsageError(
            f"{tokenizer_from} 里没有分词器和图像处理器"
            f" / {tokenizer_from} holds no tokenizer and image processor to copy"
        )
    shape = SHAPES[name]
    base = folder / "base"
    base.mkdir(parents=True)
    for file in tokenizer_from.iterdir():
        if file.suffix in (".json", ".jinja", ".txt") and not file.name.startswith(("config", "model")):
            shutil.copy(file, base / file.name)
    _write_base(shape, base, json.loads((tokenizer_from / "config.json").read_text("utf-8")))
    for index, (adapter, rank) in enumerate(RANKS.items()):
        _write_adapter(shape, folder / "adapters" / adapter, rank, index)
    (folder / "adapters" / "v3" / "medeval.json").write_text(json.dumps({"trained_on": ["v2"]}))
    return base, folder / "adapters"


def _config(shape: Shape, like: dict[str, Any]) -> dict[str, Any]:
    third = shape.head // 2 // 3
    text = {
        "model_type": "qwen3_vl_text", "hidden_size": shape.hidden, "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head, "vocab_size": shape.vocabulary, "max_position_embeddings": 32768, "rope_theta": 5e6,
        "rope_scaling": {"rope_type": "default", "mrope_interleaved": True,
                         "mrope_section": [shape.head // 2 - 2 * third, third, third]},
        "tie_word_embeddings": shape.tied, "rms_norm_eps": 1e-6, "hidden_act": "silu", "initializer_range": 0.02,
    }  # fmt: skip
    vision = {
        "model_type": "qwen3_vl", "depth": shape.vision_depth, "hidden_size": shape.vision_hidden,
        "intermediate_size": shape.vision_inner, "num_heads": shape.vision_heads, "out_hidden_size": shape.hidden,
        "deepstack_visual_indexes": list(shape.deepstack), "patch_size": 16, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "num_position_embeddings": 2304, "hidden_act": "gelu_pytorch_tanh",
    }  # fmt: skip
    tokens = {k: v for k, v in like.items() if k.endswith("token_id")}
    return {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "text_config": text,
            "vision_config": vision, "tie_word_embeddings": shape.tied, **tokens}  # fmt: skip


def _write_base(shape: Shape, folder: Path, like: dict[str, Any]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    content = json.dumps(_config(shape, like))
    (folder / "config.json").write_text(content)
    torch.manual_seed(0)
    where = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(where):
        config = AutoConfig.from_pretrained(folder)
        model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    (folder / "config.json").write_text(content)


def _write_adapter(shape: Shape, folder: Path, rank: int, seed: int) -> None:
    import torch
    from safetensors.torch import save_file

    key, query = shape.key_heads * shape.head, shape.heads * shape.head
    sizes = {
        "self_attn.q_proj": (shape.hidden, query), "self_attn.k_proj": (shape.hidden, key),
        "self_attn.v_proj": (shape.hidden, key), "self_attn.o_proj": (query, shape.hidden),
        "mlp.gate_proj": (shape.hidden, shape.inner), "mlp.up_proj": (shape.hidden, shape.inner),
        "mlp.down_proj": (shape.inner, shape.hidden),
    }  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(shape.layers):
        for name, (width, height) in sizes.items():
            stem = f"base_model.model.model.language_model.layers.{layer}.{name}"
            tensors[f"{stem}.lora_A.weight"] = (torch.randn(rank, width, generator=generator) * 0.02).bfloat16()
            tensors[f"{stem}.lora_B.weight"] = (torch.randn(height, rank, generator=generator) * 0.02).bfloat16()
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    targets = sorted({name.rpartition(".")[2] for name in sizes})
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": targets,
              "exclude_modules": r".*visual.*", "task_type": None, "inference_mode": True}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
