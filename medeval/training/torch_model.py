"""The model under training: base (quantised where asked), frozen adapters below, and the new adapter on top.

The stack below is loaded as PEFT adapters of its own, beside the new one and never merged, so that a quantised base
works too and the saved adapter holds only what was trained.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medeval.adapters.dialects import Factor
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Adapter
from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder, load_image_processor, load_tokenizer, template_digest
from medeval.engines.gating import split
from medeval.engines.torch.encoding import Encoder
from medeval.engines.torch.loading import Loaded, choose_device, load_base, stop_ids
from medeval.engines.torch.overrides import changed
from medeval.errors import EngineError, MissingPackageError, UsageError
from medeval.training.config import TrainConfig
from medeval.training.exchanges import scaled_down
from medeval.training.targets import Skeleton, Targets, find_targets

NEW = "default"
"""PEFT's name of the adapter under training."""


@dataclass
class Trainee:
    """A model ready to be trained."""

    base: Loaded
    """The plain model inside, with every adapter acting: what answers come from."""
    model: Any
    """What the trainer sees: a PeftModel, or the plain model in full fine-tuning."""
    encoder: Encoder
    """For training: images scaled down to the run's size."""
    asker: Encoder
    """For answers: images as Compare shows them to the model."""
    fingerprint: str
    targets: Targets

    @property
    def adapted(self) -> bool:
        """Whether an adapter is trained, not the whole model."""
        return self.model is not self.base.model

    @property
    def trained(self) -> int:
        """Numbers that training changes."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)


def load_trainee(config: TrainConfig, reference: BaseRef, stack: Sequence[Adapter]) -> Trainee:
    """Loads everything a run trains on.

    Raises:
        EngineError: the base cannot be loaded. MissingPackageError: bitsandbytes is wanted and absent.
        AdapterError: an adapter below does not fit. TargetError: a target matches nothing.
    """
    # a whole model is trained in full precision: steps of 5e-6 vanish in bfloat16
    wanted = "float32" if config.method == "full" and config.dtype == "auto" else config.dtype
    reference = replace(reference, dtype=wanted if wanted != "auto" else reference.dtype)
    base = _load(config, reference)
    fingerprint = base_fingerprint(base.folder)
    skeleton = skeleton_of(base.model)
    if config.method == "full":
        model, targets = _whole(base), Targets(())
    else:
        targets = find_targets(skeleton, config.targets, config.modules_to_save)
        model = _adapted(config, base, stack, fingerprint, targets)
    if config.gradient_checkpointing:
        base.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        base.model.enable_input_require_grads()
    base.model.config.use_cache = False
    encoder = Encoder(replace(base, image_processor=scaled_down(base.image_processor, config.image_size)))
    return Trainee(base, model, encoder, Encoder(base), fingerprint, targets)


def skeleton_of(model: nn.Module) -> Skeleton:
    """Names of a model that runs choose their targets from."""
    linears: dict[str, tuple[int, int]] = {}
    others: list[str] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            linears[name] = (module.out_features, module.in_features)
        elif not list(module.children()) and list(module.parameters(recurse=False)):
            others.append(name)
    experts = [name for name, value in model.named_parameters() if value.dim() == 3 and "experts" in name]
    return Skeleton(linears, tuple(experts), tuple(others))


def skeleton_of_folder(folder: Path) -> Skeleton:
    """The same from config.json alone: no weight is read."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    loader: Any = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    with torch.device("meta"):
        return skeleton_of(loader.from_config(config))


def _load(config: TrainConfig, reference: BaseRef) -> Loaded:
    if config.quantization == "none":
        return load_base(reference)
    return _load_quantized(config, reference)


def _load_quantized(config: TrainConfig, reference: BaseRef) -> Loaded:
    try:
        import bitsandbytes  # type: ignore[import-not-found] # noqa: F401
    except ImportError:
        raise MissingPackageError(
            f"{config.quantization} 量化需要 bitsandbytes：pip install bitsandbytes，或 --set quantization=none"
            f" / {config.quantization} needs bitsandbytes: pip install bitsandbytes, or --set quantization=none"
        ) from None
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, BitsAndBytesConfig

    folder = find_folder(reference)
    device, dtype = choose_device(reference)
    four = config.quantization == "4bit"
    settings = BitsAndBytesConfig(
        load_in_4bit=four, load_in_8bit=not four, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True, llm_int8_skip_modules=["lm_head", "visual"],
    )  # fmt: skip
    plain = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    loader: Any = AutoModelForImageTextToText if hasattr(plain, "vision_config") else AutoModelForCausalLM
    try:
        model = loader.from_pretrained(
            folder, quantization_config=settings, dtype=dtype, device_map={"": str(device)}, use_safetensors=True,
            attn_implementation="sdpa", trust_remote_code=False, local_files_only=True,
        )  # fmt: skip
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineError(
            f"{config.quantization} 量化在 {device} 上不可用，请用 --set quantization=none"
            f" / the base cannot be loaded as {config.quantization} on {device}:"
            f" use --set quantization=none · {first}"
        ) from error
    model.requires_grad_(False)
    return _loaded_around(model.eval(), folder, device, dtype)


def _loaded_around(model: Any, folder: Path, device: torch.device, dtype: torch.dtype) -> Loaded:
    """Tokenizer and image processor for a model that was loaded by another way than the engine's."""
    tokenizer = load_tokenizer(folder)
    processor = load_image_processor(folder) if hasattr(model.config, "vision_config") else None
    ends = stop_ids(model, tokenizer)
    return Loaded(folder, model, tokenizer, processor, device, dtype, ends, template_digest(tokenizer))


def _whole(base: Loaded) -> Any:
    base.model.requires_grad_(True)
    return base.model


def _adapted(config: TrainConfig, base: Loaded, stack: Sequence[Adapter], fingerprint: str, targets: Targets) -> Any:
    from peft import LoraConfig, get_peft_model

    below = _read_stack(base.model, stack, fingerprint)
    torch.manual_seed(config.seed)
    new = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, bias="none", task_type="CAUSAL_LM",
        target_modules=_as_written(config, base.model, targets), modules_to_save=list(targets.whole) or None,
        target_parameters=list(targets.parameters) or None,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(base.model, new)
        names = [_add_below(model, index, factors) for index, factors in enumerate(below) if factors]
        if names:
            model.base_model.set_adapter([*names, NEW])
    for name, parameter in model.named_parameters():
        if any(f".{below_name}." in name for below_name in names):
            parameter.requires_grad_(False)
        elif parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def _as_written(config: TrainConfig, model: nn.Module, targets: Targets) -> list[str]:
    """Short names where PEFT finds the same modules by them, else the full ones."""
    short = [t for t in config.targets]
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    by_short = {name for name in linears if any(name == t or name.endswith("." + t) for t in short)}
    return short if by_short == set(targets.modules) and not targets.parameters else list(targets.modules)


def _read_stack(model: nn.Module, stack: Sequence[Adapter], fingerprint: str) -> list[list[Factor]]:
    """Factors of each adapter below; what is no low-rank change of a linear is written into the model in memory."""
    shapes = _shapes(model)
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    found = []
    for adapter in stack:
        checked: Checked = check_adapter(adapter, shapes, fingerprint)
        factors, changes, _ = split(checked, linears)
        for change in changes:
            path, _, leaf = change.parameter.rpartition(".")
            owner = model.get_submodule(path)
            current = getattr(owner, leaf)
            if not current.is_floating_point():
                raise UsageError(
                    f"{adapter.name}: {change.parameter} 已量化，不能叠加这种改动，请用 --set quantization=none"
                    f" / {change.parameter} is quantised, such a change cannot be applied: set quantization=none"
                )
            setattr(owner, leaf, nn.Parameter(changed(change, current).to(current.dtype), requires_grad=False))
        found.append(factors)
    return found


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters(remove_duplicate=False)}
    # a quantised weight is packed: the layer knows its real shape
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            shapes[f"{name}.weight"] = (module.out_features, module.in_features)
    return shapes


def _add_below(model: Any, index: int, factors: Sequence[Factor]) -> str:
    from peft import LoraConfig

    name = f"below{index}"
    # exact alternatives: PEFT matches the keys of its patterns as regular expressions
    ranks = {f"^{factor.module.replace('.', chr(92) + '.')}": factor.rank for factor in factors}
    alphas = {key: factor.scale * factor.rank for key, factor in zip(ranks, factors, strict=True)}
    config = LoraConfig(
        r=1, lora_alpha=1, lora_dropout=0.0, bias="none", target_modules=[factor.module for factor in factors],
        rank_pattern=ranks, alpha_pattern=alphas,
    )  # fmt: skip
    model.add_adapter(name, config)
    modules = dict(model.base_model.model.named_modules())
    with torch.no_grad():
        for factor in factors:
            layer = modules[factor.module]
            layer.lora_A[name].weight.copy_(torch.from_numpy(factor.a.T.copy()))
            layer.lora_B[name].weight.copy_(torch.from_numpy(factor.b.T.copy()))
    return name
