"""Builders of tiny random models and adapters, saved as real folders that any loader reads.

Three architectures (Qwen3 text, Qwen3-VL, Qwen3-VL-MoE) share one byte-level tokenizer; weights are wide enough
(`initializer_range` 0.3) that greedy answers differ between variants and do not sit on ties.
"""

import json
from pathlib import Path
from typing import Any, Literal

Kind = Literal["text", "vl", "moe"]
KINDS: tuple[Kind, ...] = ("text", "vl", "moe")

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}"
    "{%- if message.content is string %}{{- message.content }}{%- else %}{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif 'text' in part %}{{- part.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def build_tokenizer(folder: Path) -> dict[str, int]:
    """Writes a byte-level tokenizer (256 bytes + special tokens) and returns its special ids."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {name: i for i, name in enumerate([*SPECIAL, *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in ("<think>", "</think>")])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]), clean_up_tokenization_spaces=False,
    )  # fmt: skip
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)
    return {t: int(wrapped.convert_tokens_to_ids(t)) for t in SPECIAL} | {"size": len(wrapped)}


def _text_config(kind: Kind, size: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "vocab_size": size, "max_position_embeddings": 2048,
        "initializer_range": 0.3, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": False,
        "eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 0,
    }  # fmt: skip
    if kind != "text":
        config["model_type"] = "qwen3_vl_text" if kind == "vl" else "qwen3_vl_moe_text"
        config["rope_scaling"] = {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    if kind == "moe":
        config |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
                   "decoder_sparse_step": 1, "mlp_only_layers": [0]}  # fmt: skip
    return config


def _vision_config(kind: Kind) -> dict[str, Any]:
    return {
        "model_type": "qwen3_vl" if kind == "vl" else "qwen3_vl_moe", "depth": 2, "hidden_size": 16,
        "intermediate_size": 32, "num_heads": 2, "in_channels": 3, "patch_size": 16, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "out_hidden_size": 32, "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0], "initializer_range": 0.3, "hidden_act": "gelu_pytorch_tanh",
    }  # fmt: skip


def write_processor(folder: Path) -> None:
    """Writes the image processor files, 16 pixel patches, at most 64 merged tokens."""
    config = {
        "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor",
        "size": {"shortest_edge": 1024, "longest_edge": 65536}, "min_pixels": 1024, "max_pixels": 65536,
        "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(config))


def build_base(folder: Path, kind: Kind, seed: int = 0, tied: bool = False) -> Path:
    """Builds and saves a tiny random base of `kind` in float32; the same seed gives the same weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    folder.mkdir(parents=True, exist_ok=True)
    ids = build_tokenizer(folder)
    config = _text_config(kind, ids["size"]) | {"tie_word_embeddings": tied}
    if kind == "text":
        whole = config | {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    else:
        name, architecture = {
            "vl": ("qwen3_vl", "Qwen3VLForConditionalGeneration"),
            "moe": ("qwen3_vl_moe", "Qwen3VLMoeForConditionalGeneration"),
        }[kind]
        whole = {
            "model_type": name, "architectures": [architecture], "text_config": config,
            "vision_config": _vision_config(kind), "tie_word_embeddings": tied,
            "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
            "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"],
        }  # fmt: skip
        write_processor(folder)
    (folder / "config.json").write_text(json.dumps(whole))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 0], "pad_token_id": 0}))
    settings = json.loads((folder / "config.json").read_text())
    torch.manual_seed(seed)
    loader = AutoModelForCausalLM if kind == "text" else AutoModelForImageTextToText
    model = loader.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    if kind == "moe":
        _fill_experts(model, torch)
    model.save_pretrained(folder)
    # The published form of the configuration is what a user's folder holds.
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def _fill_experts(model: Any, torch: Any) -> None:
    for name, parameter in model.named_parameters():
        if "experts" in name or name.endswith("mlp.gate.weight"):
            torch.nn.init.normal_(parameter, std=0.3)


def build_adapter(base: Path, folder: Path, seed: int = 1, rank: int = 4, **options: Any) -> Path:
    """Saves a PEFT LoRA adapter with random non-zero factors; `options` go to LoraConfig."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(base)
    loader = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    model = loader.from_pretrained(base, dtype=torch.float32)
    wanted: dict[str, Any] = {"target_modules": rf".*layers\.\d+\..*({'|'.join(TARGETS)})"} | options
    adapted = get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, **wanted))
    torch.manual_seed(seed)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name or "lora_embedding_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif "modules_to_save" in name:
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    adapted.save_pretrained(folder)
    return folder


def to_mlx(folder: Path, target: Path, scale: float, rank: int, vl: bool) -> Path:
    """Writes the same LoRA factors in the MLX dialect (transposed, mlx names, mlx scale)."""
    from safetensors.torch import load_file, save_file

    out = {}
    for name, value in load_file(folder / "adapter_model.safetensors").items():
        path = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".lora_a")
        path = path.replace(".lora_B.weight", ".lora_b")
        if vl:
            path = path.replace("model.language_model.", "language_model.model.")
        out[path] = value.T.contiguous()
    target.mkdir(parents=True, exist_ok=True)
    save_file(out, target / "adapters.safetensors")
    keys = sorted({name.rsplit(".", 1)[0] for name in out})
    config = {
        "fine_tune_type": "lora", "num_layers": -1,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0, "keys": keys},
    }  # fmt: skip
    (target / "adapter_config.json").write_text(json.dumps(config))
    return target
