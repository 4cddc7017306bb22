"""Reads LoRA folders of both dialects into one plain structure; names stay as the file has them.

PEFT: `adapter_model.safetensors`, factors transposed, alpha/rank (or alpha/sqrt(rank)) as scale.
MLX: `adapters.safetensors` of mlx-lm and mlx-vlm, scale as written; the older mlx-vlm form (`A`, `B`, alpha).
Matching names with a base lives in `medeval.adapters.gate`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medeval.adapters.weights import read_header, read_tensors
from medeval.errors import AdapterError

Dialect = Literal["peft", "mlx", "mlx-vlm-old"]
Array = NDArray[np.float32]
PEFT_FILE, MLX_FILE = "adapter_model.safetensors", "adapters.safetensors"
_FORBIDDEN = (".bin", ".pt", ".pth", ".npz", ".ckpt", ".pkl")
_PEFT_PART = re.compile(
    r"^(?P<module>.+?)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector|lora_bias)"
    r"(\.weight)?$"
)
_PREFIX = "base_model.model."
# PEFT wraps the parameters of a module one around the other.
_EXPERTS = re.compile(r"\.experts(\.base_layer)*$")
_SWITCH = {
    "switch_mlp.gate_proj": ("experts.gate_up_proj", "first"),
    "switch_mlp.up_proj": ("experts.gate_up_proj", "second"),
    "switch_mlp.down_proj": ("experts.down_proj", ""),
}
# PEFT writes modules saved whole with one of these infixes or none, by version and kind.
_INFIX = re.compile(r"\.(modules_to_save(\.default)?|base_layer|original_module)(?=\.)")


@dataclass(frozen=True)
class Factor:
    """A low-rank change of one module: `x @ a @ b * scale`; a [in, r], b [r, out]."""

    module: str
    a: Array
    b: Array
    scale: float
    magnitude: Array | None = None
    """DoRA's magnitudes [out]; such a factor cannot be batched."""
    kind: Literal["linear", "embedding", "experts"] = "linear"
    """Of experts, a is [in, experts x r] and b [r x experts, out], as PEFT lays them out."""
    experts: int = 1
    half: Literal["", "first", "second"] = ""
    """Which rows of the base's fused gate_up_proj the change belongs to."""

    @property
    def rank(self) -> int:
        """Inner width of the two factors (of each expert)."""
        return int(self.a.shape[1]) // self.experts


@dataclass(frozen=True)
class Lora:
    """What an adapter folder holds, before it is compared with a base."""

    dialect: Dialect
    factors: tuple[Factor, ...]
    whole: Mapping[str, Array] = field(default_factory=dict)
    """Parameters saved whole (modules_to_save, or an unfrozen layer), by name."""
    tensors: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """Largest rank of all modules."""
        return max((f.rank for f in self.factors), default=0)

    @property
    def scale(self) -> float:
        """Effective scale where all modules share it, else the largest."""
        return max((f.scale for f in self.factors), default=0.0)


def weights_file(folder: Path) -> Path:
    """The weights file of an adapter folder.

    Raises:
        AdapterError: none is there, or only a format that is never opened (pickle).
    """
    for name in (PEFT_FILE, MLX_FILE):
        if (folder / name).is_file():
            return folder / name
    other = sorted(p.name for p in folder.iterdir() if p.suffix in _FORBIDDEN) if folder.is_dir() else []
    if other:
        found = ", ".join(other)
        raise AdapterError([
            f"{folder.name}: {found} 不安全，只读取 .safetensors"
            f" / {found} is not safe, only .safetensors is read"
        ])
    raise AdapterError([
        f"{folder.name}: 缺少 {PEFT_FILE} 或 {MLX_FILE}"
        f" / no adapter weights in the folder: {PEFT_FILE} or {MLX_FILE}"
    ])


def read_adapter(folder: Path, values: bool = True) -> Lora:
    """Reads an adapter folder of either dialect; without `values` only names and shapes, all numbers being zero.

    Raises:
        AdapterError: no weights, no or bad `adapter_config.json`, damaged file, unknown kind of adapter.
    """
    file = weights_file(folder)
    config = read_config(folder)
    tensors = read_tensors(file) if values else _hollow(file)
    if file.name == PEFT_FILE:
        return _read_peft(config, tensors)
    return _read_mlx(config, tensors)


def _hollow(file: Path) -> dict[str, Array]:
    zero = np.zeros((), np.float32)
    return {name: np.broadcast_to(zero, info.shape) for name, info in read_header(file).tensors.items()}


def read_config(folder: Path) -> dict[str, Any]:
    """The `adapter_config.json` of a folder; raises AdapterError where it is missing or not a JSON object."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise AdapterError([f"{folder.name}: 缺少 adapter_config.json / adapter_config.json is missing"])
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError):
        config = None
    if not isinstance(config, dict):
        raise AdapterError([f"{folder.name}: adapter_config.json 不是 JSON 对象 / is not a JSON object"])
    return config


def _read_peft(config: dict[str, Any], tensors: dict[str, Array]) -> Lora:
    if str(config.get("peft_type", "LORA")).upper() != "LORA":
        raise AdapterError([
            f"peft_type {config.get('peft_type')} 不支持，只支持 LORA"
            f" / peft_type {config.get('peft_type')}: only LORA is supported"
        ])
    parts: dict[str, dict[str, Array]] = {}
    whole: dict[str, Array] = {}
    problems: list[str] = []
    for name, value in tensors.items():
        short = name.removeprefix(_PREFIX)
        match = _PEFT_PART.match(short)
        if match:
            parts.setdefault(match["module"], {})[match["part"]] = value
        elif "lora_" in short:
            problems.append(f"{name}: 不认识的 LoRA 张量 / unknown LoRA tensor")
        else:
            whole[_INFIX.sub("", short)] = value
    factors = []
    for module, found in parts.items():
        try:
            scale = _peft_scale(config, module)
        except AdapterError as error:
            problems.extend(error.problems)
            continue
        factor, problem = _peft_factor(module, found, scale)
        problems.extend([problem] if problem else [])
        factors.extend([factor] if factor else [])
    return Lora("peft", tuple(factors), whole, len(tensors), tuple(problems))


def split_peft_name(name: str) -> tuple[str, str]:
    """Module and part (`lora_A.weight`, …) of a tensor's name in a PEFT file; a whole parameter has no part."""
    short = name.removeprefix(_PREFIX)
    match = _PEFT_PART.match(short)
    if not match:
        return _INFIX.sub("", short), ""
    plain = match["part"].startswith(("lora_embedding", "lora_magnitude"))
    return match["module"], match["part"] + ("" if plain else ".weight")


def _peft_factor(module: str, found: dict[str, Array], scale: tuple[int | None, float]) -> tuple[Factor | None, str]:
    embedding = "lora_embedding_A" in found or "lora_embedding_B" in found
    stem = "lora_embedding_" if embedding else "lora_"
    a, b = found.get(f"{stem}A"), found.get(f"{stem}B")
    if a is None or b is None:
        missing = f"{stem}{'A' if a is None else 'B'}"
        return None, f"{module}: 缺少 {missing} / {missing} is missing"
    if "lora_bias" in found:
        return None, f"{module}: lora_bias 不支持 / lora_bias is not supported"
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        return None, f"{module}: A {a.shape} 与 B {b.shape} 不匹配 / A {a.shape} and B {b.shape} do not fit"
    rank, value = scale
    experts = _EXPERTS.search(module) is not None
    if rank is not None and rank != a.shape[0] and not (experts and a.shape[0] % rank == 0):
        return None, f"{module}: 配置秩 {rank}，文件秩 {a.shape[0]} / config rank {rank}, file rank {a.shape[0]}"
    kind: Literal["linear", "embedding", "experts"] = "experts" if experts else "linear"
    magnitude = found.get("lora_magnitude_vector")
    return Factor(_EXPERTS.sub(".experts", module), a.T, b.T, value, magnitude, "embedding" if embedding else kind), ""


def _peft_scale(config: dict[str, Any], module: str) -> tuple[int | None, float]:
    """Rank and effective scale of a module: alpha / rank, or alpha / sqrt(rank) for rank-stabilised LoRA."""
    if _EXPERTS.search(module):
        stem = _EXPERTS.sub(".experts", module)
        found = [_scale_of(config, f"{stem}.{parameter}") for parameter in ("gate_up_proj", "down_proj")]
        if found[0][1] != found[1][1]:
            # Which parameter a nested wrapper belongs to is not written in the file.
            raise AdapterError([f"{stem}: 专家参数的缩放不同，不支持 / expert parameters of different scale: not read"])
        return (found[0][0] if found[0][0] == found[1][0] else None), found[0][1]
    return _scale_of(config, module)


def _scale_of(config: dict[str, Any], name: str) -> tuple[int | None, float]:
    rank = pattern_value(config.get("rank_pattern"), name, config.get("r"))
    alpha = pattern_value(config.get("alpha_pattern"), name, config.get("lora_alpha"))
    if not rank:
        return None, 1.0
    divisor = float(rank) ** 0.5 if config.get("use_rslora") else float(rank)
    return int(rank), float(alpha if alpha is not None else rank) / divisor


def pattern_value(patterns: dict[str, Any] | None, module: str, default: Any) -> Any:
    """PEFT's rule for rank_pattern and alpha_pattern: the first key that matches the end of the name."""
    for key, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default


def _read_mlx(config: dict[str, Any], tensors: dict[str, Array]) -> Lora:
    if config.get("fine_tune_type") == "full":
        return Lora("mlx", (), dict(tensors), len(tensors), (), ("full fine-tuning",))
    old = any(name.endswith((".A", ".B")) for name in tensors)
    scale, notes = _mlx_scale(config, old)
    leaves = {".lora_a": "a", ".lora_b": "b", ".A": "a", ".B": "b", ".m": "m"}
    parts: dict[str, dict[str, Array]] = {}
    whole: dict[str, Array] = {}
    for name, value in tensors.items():
        leaf = next((k for k in leaves if name.endswith(k)), None)
        if leaf is None:
            whole[name] = value
        else:
            parts.setdefault(name.removesuffix(leaf), {})[leaves[leaf]] = value
    factors, problems = [], []
    for module, found in parts.items():
        a, b = found.get("a"), found.get("b")
        if a is None or b is None:
            problems.append(
                f"{module}: 缺少 lora_{'a' if a is None else 'b'}"
                f" / lora_{'a' if a is None else 'b'} is missing"
            )
        elif a.ndim == 3 and b.ndim == 3 and a.shape[:2] == (b.shape[0], b.shape[2]):
            factors.append(_mlx_experts(module, a, b, scale))
        elif a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            problems.append(f"{module}: a {a.shape} 与 b {b.shape} 不匹配 / a {a.shape} and b {b.shape} do not fit")
        else:
            kind: Literal["linear", "embedding"] = "embedding" if module.endswith("embed_tokens") else "linear"
            factors.append(Factor(module, a, b, scale, found.get("m"), kind))
    return Lora("mlx-vlm-old" if old else "mlx", tuple(factors), whole, len(tensors), tuple(problems), notes)


def _mlx_experts(module: str, a: Array, b: Array, scale: float) -> Factor:
    """MLX keeps a [experts, r, in] and b [experts, out, r] of each expert layer."""
    experts, rank, width = a.shape
    half: Any = ""
    for written, (ours, part) in _SWITCH.items():
        if module.endswith(written):
            module, half = module.removesuffix(written) + ours, part
    flat_a = a.reshape(experts * rank, width).T
    flat_b = b.transpose(2, 0, 1).reshape(rank * experts, b.shape[1])
    return Factor(module, flat_a, flat_b, scale, None, "experts", experts, half)


def _mlx_scale(config: dict[str, Any], old: bool) -> tuple[float, tuple[str, ...]]:
    parameters = config.get("lora_parameters")
    if isinstance(parameters, dict):
        if "scale" not in parameters:
            raise AdapterError(["adapter_config.json: lora_parameters 缺少 scale / lora_parameters has no scale"])
        return float(parameters["scale"]), ()
    if "rank" not in config:
        raise AdapterError(["adapter_config.json: 缺少 lora_parameters / has no lora_parameters"])
    alpha, rank = float(config.get("alpha", 0.1)), int(config["rank"])
    # mlx-vlm read alpha as the scale itself until 2026, since then as alpha / rank.
    if old and config.get("scale_rule") == "alpha":
        return alpha, ()
    note = f"mlx-vlm old form: scale = alpha/rank = {alpha / rank:g}; versions before 2026 used alpha = {alpha:g}"
    return alpha / rank, (note,)
