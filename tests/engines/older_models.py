"""Tiny random models of other families that users bring, configured as their published checkpoints are."""

import json
from pathlib import Path
from typing import Any

from tiny_models import build_tokenizer

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen2", "llama")
_ARCHITECTURES = {
    "qwen2_vl": "Qwen2VLForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen2": "Qwen2ForCausalLM",
    "llama": "LlamaForCausalLM",
}


def build_family(folder: Path, family: str) -> Path:
    """Builds and saves a tiny base in float32; text models have tied embeddings."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    folder.mkdir(parents=True)
    ids = build_tokenizer(folder)
    sees = family.endswith("vl")
    config: dict[str, Any] = {
        "model_type": family, "architectures": [_ARCHITECTURES[family]], "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": ids["size"],
        "max_position_embeddings": 2048, "initializer_range": 0.3, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "tie_word_embeddings": not sees, "eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 0,
        "use_sliding_window": False,
    }  # fmt: skip
    if sees:
        config |= {
            "vision_config": _vision(family), "rope_scaling": {"type": "mrope", "mrope_section": [2, 1, 1]},
            "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
            "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"],
        }  # fmt: skip
        processor = {
            "image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 784, "max_pixels": 50176, "patch_size": 14,
            "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        }  # fmt: skip
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    loader = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model = loader.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    model.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _vision(family: str) -> dict[str, Any]:
    common = {
        "model_type": family, "depth": 2, "hidden_size": 32, "num_heads": 2, "in_channels": 3, "in_chans": 3,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "initializer_range": 0.3,
    }  # fmt: skip
    if family == "qwen2_vl":
        return common | {"embed_dim": 32, "mlp_ratio": 2, "hidden_act": "quick_gelu"}
    return common | {
        "intermediate_size": 64, "out_hidden_size": 32, "window_size": 112, "fullatt_block_indexes": [1],
        "hidden_act": "silu", "tokens_per_second": 2,
    }  # fmt: skip
