"""TrainConfig: everything one training run is told, checked in one place for form, command line and files.

Field names are the ones of `--set key=value`; units and ranges stand beside each field. `medeval.training.presets`
fills configs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from medeval.errors import UsageError
from medeval.training.phases import Phase, Strict, Weight, known_dimensions

Method = Literal["lora", "full", "dpo"]
DEMO_DATA = "demo"
"""The value of `data` that means the corpus of the demo model; `demo:warm`, `demo:exact` and `demo:both` (as `demo`)
name the answers it teaches."""

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ModuleName = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9_.]+$")]


class ConfigError(UsageError):
    """A training config is wrong; `problems` holds one sentence per fault."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class TrainConfig(Strict):
    """One training run. Paths are text, resolved by the services; nothing here touches a disk."""

    format: Literal[1] = 1
    name: Name
    """Adapter (column) name; the finished adapter's folder."""
    preset: str = ""
    method: Method = "lora"
    engine: Literal["auto", "torch", "mlx"] = "auto"
    base: str = ""
    """Path or repo id; empty: the base of the settings."""
    trained_on: tuple[Name, ...] = ()
    """Adapters applied and frozen below the new one, in order (V3: [v2])."""
    data: str = DEMO_DATA
    """`demo`, a JSONL/CSV file, or a folder with train/valid(/test).jsonl."""
    init_from: str = ""
    """A checkpoint or adapter folder whose weights the new adapter starts from; empty: fresh."""

    rank: int = Field(16, ge=1, le=1024)
    alpha: float = Field(32, gt=0, le=4096)
    """LoRA scale is alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[ModuleName, ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    """Module name endings (language model unless they name the merger)."""
    modules_to_save: tuple[ModuleName, ...] = ()
    """Modules trained whole and saved with the adapter."""

    learning_rate: float = Field(1e-4, gt=0, le=1)
    scheduler: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_steps: int = Field(0, ge=0)
    warmup_ratio: float = Field(0.0, ge=0, lt=1)
    """Share of all steps; give this or warmup_steps."""
    optimizer: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.0, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0, le=1000)
    batch_size: int = Field(2, ge=1, le=4096)
    """Samples per forward pass."""
    accumulation: int = Field(1, ge=1, le=4096)
    """Forward passes per optimizer step."""
    steps: int | None = Field(None, ge=1, le=10_000_000)
    """Optimizer steps; give this or epochs."""
    epochs: float | None = Field(None, gt=0, le=1000)
    max_length: int = Field(2048, ge=16, le=262_144)
    """Tokens, image tokens included; longer samples are refused by preflight, never cut silently."""
    image_size: int = Field(448, ge=28, le=8192)
    """Pixels of the square whose area an image is scaled down to."""
    system: str = ""
    """System message for samples that carry none."""
    dpo_beta: float = Field(0.1, gt=0, le=10)
    """Method dpo: how hard the stack below, the reference, is held on to."""
    dpo_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Method dpo: share of the preferences that is taken to be wrong."""

    weights: dict[str, Weight] = {}
    """Dimension -> loss weight through the whole run; 1 where absent."""
    phases: tuple[Phase, ...] = ()
    """Empty: one phase over all steps with the data as it is."""

    log_every: int = Field(10, ge=1)
    eval_every: int = Field(100, ge=0)
    """Steps between validation losses (and clinical scores); 0: only at the end."""
    eval_samples: int = Field(64, ge=1)
    """Validation samples at most, the first of a fixed order."""
    save_every: int = Field(200, ge=0)
    """Steps between checkpoints; 0: only at the end."""
    keep_best: int = Field(3, ge=0, le=100)
    keep_last: int = Field(2, ge=1, le=100)
    early_stop: int = Field(0, ge=0)
    """Steps without gain of the validation loss or, with a suite, of the clinical score; 0: never."""

    seed: int = Field(0, ge=0, lt=2**32)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the frozen base; auto: bfloat16 on CUDA and MPS, float32 on CPU."""
    adapter_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the trained weights; auto: float32. Optimizer state is float32 always."""
    quantization: Literal["none", "8bit", "4bit"] = "none"
    """Of the frozen base while training (bitsandbytes or MLX)."""
    gradient_checkpointing: bool = False

    suite: str = ""
    """Suite asked at every evaluation for the clinical score; empty: none."""
    suite_cases: int = Field(6, ge=1, le=1000)
    """Cases per evaluation, the first of the suite."""
    suite_tokens: int = Field(160, ge=8, le=8192)
    """Tokens per answer."""
    profile: str = "v3"
    """Scoring profile of the clinical score."""
    trackers: tuple[Literal["swanlab", "trackio", "wandb"], ...] = ()
    coefficients: dict[str, float] = {}
    """Reward and penalty figures of the recipe: recorded with the run, they score answers, not tokens."""

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, value: dict[str, float]) -> dict[str, float]:
        known_dimensions(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        faults = [*_length_faults(self), *_phase_faults(self), *_method_faults(self)]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def batch_total(self) -> int:
        """Samples per optimizer step."""
        return self.batch_size * self.accumulation

    def total_steps(self, samples: int) -> int:
        """Optimizer steps of the run on `samples` training samples."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil((self.epochs or 1.0) * samples / self.batch_total))

    def warmup(self, total: int) -> int:
        """Warm-up steps of a run of `total` steps."""
        return self.warmup_steps or round(self.warmup_ratio * total)

    def phase_at(self, step: int) -> int | None:
        """Index of the phase that `step` (0-based) is in; the last one also after its end; None without phases."""
        for index, phase in enumerate(self.phases):
            if step < phase.end:
                return index
        return len(self.phases) - 1 if self.phases else None


def _length_faults(config: TrainConfig) -> list[str]:
    faults = []
    if (config.steps is None) == (config.epochs is None):
        faults.append("steps 与 epochs 请给且只给一个 / give either steps or epochs, not both and not neither")
    if config.warmup_steps and config.warmup_ratio:
        faults.append("warmup_steps 与 warmup_ratio 只给一个 / give either warmup_steps or warmup_ratio")
    if config.steps is not None and config.warmup_steps >= config.steps and config.warmup_steps:
        faults.append(
            f"warmup_steps {config.warmup_steps} 应小于 steps {config.steps}"
            f" / warmup_steps {config.warmup_steps} must be less than steps {config.steps}"
        )
    return faults


def _phase_faults(config: TrainConfig) -> list[str]:
    faults = []
    edge = 0
    for phase in config.phases:
        if phase.start != edge:
            faults.append(
                f"阶段应首尾相接：{phase.start} 应为 {edge}"
                f" / phases must join: {phase.start} should be {edge}"
            )
        edge = phase.end
    if config.phases and config.steps is None:
        faults.append("有 phases 时请用 steps 而不是 epochs / phases are step ranges: give steps instead of epochs")
    elif config.phases and edge != config.steps:
        faults.append(
            f"最后阶段止于 {edge}，steps 为 {config.steps}"
            f" / the last phase ends at {edge}, it must end at steps ({config.steps})"
        )
    return faults


def _method_faults(config: TrainConfig) -> list[str]:
    faults = []
    if config.method != "full" and not config.targets:
        faults.append("targets 为空，没有要训练的层 / targets is empty: name the modules to train, e.g. q_proj")
    if config.dpo_smoothing and config.engine == "mlx":
        faults.append("dpo_smoothing 只有 torch 引擎支持 / dpo_smoothing needs the torch engine")
    if config.method == "full" and config.quantization != "none":
        faults.append("全参数微调不能用量化的基础模型 / full fine-tuning needs quantization none")
    if config.method == "full" and config.trained_on:
        faults.append("全参数微调不叠加适配器，请先融合 / full fine-tuning takes no stack: fuse it first")
    if config.name == "base":
        faults.append("name: base 这个名字留给基础模型 / the name base is reserved")
    if config.name in config.trained_on:
        faults.append(f"{config.name} 不能训练在自己之上 / {config.name} cannot be trained on itself")
    if len(set(config.trained_on)) != len(config.trained_on):
        faults.append("trained_on 有重复 / trained_on names an adapter twice")
    return faults


def make_config(values: Mapping[str, Any], faults: Sequence[str] = ()) -> TrainConfig:
    """The validated config of plain values; `faults` found earlier are reported together with those found here.

    Raises:
        ConfigError: with one sentence per fault, all of them.
    """
    from medeval.training.config_faults import all_sentences

    try:
        config = TrainConfig.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError([*faults, *all_sentences(error, values)]) from None
    if faults:
        raise ConfigError(list(faults))
    return config


def read_config(path: Path) -> TrainConfig:
    """The config of a JSON or YAML file (a training_config.json works too); raises ConfigError."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: 无法读取 / cannot be read · {error}"]) from error
    if not isinstance(values, dict):
        raise ConfigError([f"{path}: 应是键值表 / must be a mapping of fields"])
    return make_config(values)


def set_values(config: TrainConfig, changes: Sequence[str]) -> TrainConfig:
    """The config with `key=value` changes, checked as a whole; dotted keys reach inside (`weights.precision=3.0`).

    New `steps` without new `phases` stretch the phases in proportion. Lists are comma-separated, empty is none.

    Raises:
        ConfigError: with one sentence per fault, all of them.
    """
    from medeval.training.config_text import apply_changes

    return make_config(*apply_changes(config, changes))


def as_command(config: TrainConfig) -> str:
    """The command line that starts this very run: its preset and every value that differs from it."""
    from medeval.training.config_text import command

    return command(config)
