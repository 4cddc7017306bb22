"""The shape of the demo model and the files beside its weights.

`config.json` has the form of the published Qwen3-VL checkpoints, which both transformers
and mlx-vlm read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Qwen3VLForConditionalGeneration

PATCH = 16
MERGE = 2
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
THINK_TOKENS = ("<think>", "</think>")
VOCABULARY = 4096
# 100 merged tokens of 32x32 at most, 4 at least.
MIN_PIXELS = 4 * 32 * 32
MAX_PIXELS = 100 * 32 * 32

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.content is string %}{{- message.content }}"
    "{%- else %}{%- for part in message.content %}"
    "{%- if part.type == 'image' or 'image' in part or 'image_url' in part %}"
    "{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif part.type == 'video' or 'video' in part %}"
    "{{- '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{%- elif 'text' in part %}{{- part.text }}{%- endif %}"
    "{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def text_config(vocabulary: int) -> dict[str, Any]:
    """The language model: 5 layers of 256."""
    return {
        "model_type": "qwen3_vl_text", "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0, "dtype": "float16",
        "head_dim": 64, "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02,
        "intermediate_size": 768, "max_position_embeddings": 4096, "num_attention_heads": 4,
        "num_hidden_layers": 5, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "tie_word_embeddings": True, "use_cache": True,
        "rope_scaling": {
            "mrope_interleaved": True, "mrope_section": [12, 10, 10], "rope_type": "default",
        },
        "vocab_size": vocabulary,
    }  # fmt: skip


def vision_config() -> dict[str, Any]:
    """The vision tower: 3 layers of 192 on patches of 16 pixels."""
    return {
        "model_type": "qwen3_vl", "deepstack_visual_indexes": [1], "depth": 3,
        "hidden_act": "gelu_pytorch_tanh", "hidden_size": 192, "in_channels": 3,
        "initializer_range": 0.02, "intermediate_size": 768, "num_heads": 3,
        "num_position_embeddings": 256, "out_hidden_size": 256, "patch_size": PATCH,
        "spatial_merge_size": MERGE, "temporal_patch_size": 2,
    }  # fmt: skip


def model_config(token_ids: dict[str, int], vocabulary: int) -> dict[str, Any]:
    """The whole config.json."""
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": token_ids["<|image_pad|>"],
        "video_token_id": token_ids["<|video_pad|>"],
        "vision_start_token_id": token_ids["<|vision_start|>"],
        "vision_end_token_id": token_ids["<|vision_end|>"],
        "tie_word_embeddings": True,
        "dtype": "float16",
        "text_config": text_config(vocabulary),
        "vision_config": vision_config(),
    }


def preprocessor_config() -> dict[str, Any]:
    """Image preprocessing as the published checkpoints have it, with smaller limits."""
    return {
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "processor_class": "Qwen3VLProcessor",
        "size": {"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS},
        "min_pixels": MIN_PIXELS, "max_pixels": MAX_PIXELS,
        "patch_size": PATCH, "temporal_patch_size": 2, "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip


def video_preprocessor_config() -> dict[str, Any]:
    """Video preprocessing: no video was trained, but both libraries look for the file."""
    config = preprocessor_config() | {"video_processor_type": "Qwen3VLVideoProcessor"}
    return {k: v for k, v in config.items() if k not in ("image_processor_type", "min_pixels", "max_pixels")}


def generation_config() -> dict[str, Any]:
    """Greedy by default; stops at the end of the turn or of the text."""
    return {"bos_token_id": 0, "pad_token_id": 0, "eos_token_id": [2, 0], "do_sample": False}


def write_side_files(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Writes config, processor and generation files for a tokenizer's vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {name: int(tokenizer.convert_tokens_to_ids(name)) for name in SPECIAL_TOKENS}
    files = {
        "config.json": model_config(ids, len(tokenizer)),
        "preprocessor_config.json": preprocessor_config(),
        "video_preprocessor_config.json": video_preprocessor_config(),
        "generation_config.json": generation_config(),
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=2)
        (folder / name).write_text(text + "\n", encoding="utf-8")


def random_model(folder: Path, seed: int) -> Qwen3VLForConditionalGeneration:
    """A freshly initialised model for the config in `folder`, in float32."""
    import torch
    from transformers import AutoConfig, Qwen3VLForConditionalGeneration

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(folder)
    config.dtype = torch.float32
    return Qwen3VLForConditionalGeneration(config).float()
