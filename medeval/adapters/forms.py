"""The two written forms of the same LoRA: which tensor names, shapes and configuration each dialect wants.

Both builders take `Lora` (names as any producer wrote them) and give tensors by (module, part), so that `convert` can
put recorded names and widths back. Sources: peft/utils/save_and_load.py, mlx_lm/tuner/lora.py, mlx_vlm/trainer/peft.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from medeval.adapters.dialects import Array, Factor, Lora, pattern_value

Key = tuple[str, str]
"""(module, part): part is a, b, m for a factor, and empty for a parameter saved whole."""
_MLX = (("model.language_model.", "language_model.model."), ("model.visual.", "vision_tower."),
        ("visual.", "vision_tower."))  # fmt: skip
_SWITCH = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}


@dataclass
class Form:
    """An adapter in one dialect, before it is written: tensors by key, file names by key, configuration, notes."""

    tensors: dict[Key, Array] = field(default_factory=dict)
    names: dict[Key, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, module: str, part: str, name: str, value: Array) -> None:
        """Adds a tensor under the name that the dialect's own producer would write."""
        self.tensors[module, part] = np.ascontiguousarray(value)
        self.names[module, part] = name


def to_mlx_name(name: str, sees: bool) -> str:
    """A module of transformers as mlx-lm (text models) or mlx-vlm (models that see) names it."""
    for theirs, ours in _MLX:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    if sees and name.split(".")[0] == "lm_head":
        return f"language_model.{name}"
    # older transformers kept the text stack of a vision model under `model.`
    return f"language_model.{name}" if sees and name.startswith("model.layers.") else name


def to_peft_name(name: str) -> str:
    """A module of mlx-lm or mlx-vlm as transformers names it."""
    if name.startswith("language_model.lm_head"):
        return name.removeprefix("language_model.")
    for ours, theirs in _MLX[:2]:
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def sees(names: Iterable[str]) -> bool:
    """Whether the adapter belongs to a model that sees, told from its layer names."""
    return any("language_model" in n or n.split(".")[0] in ("visual", "vision_tower") or ".visual." in n for n in names)


def mlx_form(lora: Lora, config: Mapping[str, Any]) -> Form:
    """The MLX dialect: one rank and one scale for all modules; smaller ranks are filled with zeros, which is exact.

    A module of another scale gets the ratio multiplied into its B, exact where the ratio is a power of two.
    """
    form = Form()
    vision = sees([*(f.module for f in lora.factors), *lora.whole])
    factors = [part for f in lora.factors for part in _split_experts(f, lora, config)]
    rank = max((f.rank for f in factors), default=0)
    scale = Counter(f.scale for f in factors).most_common(1)[0][0] if factors else 1.0
    for factor in factors:
        module = to_mlx_name(factor.module, vision)
        a, b = factor.a, factor.b
        if factor.scale != scale:
            b = b * np.float32(factor.scale / scale)
            form.notes.append(f"{module}: scale {factor.scale:g} -> {scale:g}, ratio multiplied into B")
        if factor.kind == "experts":
            a, b = _mlx_experts(factor, a, b, rank)
        else:
            a, b = _widen(a, 1, rank), _widen(b, 0, rank)
        form.put(module, "a", f"{module}.lora_a", a)
        form.put(module, "b", f"{module}.lora_b", b)
        if factor.magnitude is not None:
            form.put(module, "m", f"{module}.m", factor.magnitude.reshape(-1))
    for name, value in lora.whole.items():
        form.put(to_mlx_name(name, vision), "", to_mlx_name(name, vision), value)
    if lora.whole:
        form.notes.append("mlx-lm refuses parameters saved whole; mlx-vlm and medeval read them")
    keys = list(dict.fromkeys(m for m, part in form.tensors if part == "a"))
    form.config = {
        "fine_tune_type": "dora" if any(f.magnitude is not None for f in factors) else "lora",
        "num_layers": -1,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0, "keys": keys},
    }  # fmt: skip
    if config.get("base_model_name_or_path"):
        form.config["model"] = config["base_model_name_or_path"]
    return form


def _widen(value: Array, axis: int, width: int) -> Array:
    pad = [(0, 0)] * value.ndim
    pad[axis] = (0, width - value.shape[axis])
    return np.pad(value, pad)


def _split_experts(factor: Factor, lora: Lora, config: Mapping[str, Any]) -> list[Factor]:
    """PEFT's change of a fused expert parameter as MLX's layers of their own: gate, up and down."""
    if factor.kind != "experts" or "switch_mlp" in factor.module:
        return [factor]
    parameter = _expert_parameter(factor, lora, config)
    stem = factor.module.removesuffix(".experts").removesuffix(f".experts.{parameter}") + ".switch_mlp."
    count = _expert_count(factor, parameter, config)
    width = factor.b.shape[1] // len(_SWITCH[parameter])
    return [
        replace(factor, module=stem + name, b=factor.b[:, i * width : (i + 1) * width], experts=count)
        for i, name in enumerate(_SWITCH[parameter])
    ]


def _expert_parameter(factor: Factor, lora: Lora, config: Mapping[str, Any]) -> str:
    """gate_up_proj reads the hidden width and writes twice what down_proj reads: with both there, shapes decide."""
    module = factor.module
    named = {p.rpartition(".")[2] for p in config.get("target_parameters") or ()} & set(_SWITCH)
    if module.rpartition(".")[2] in _SWITCH:
        return module.rpartition(".")[2]
    for other in lora.factors:
        if other is not factor and other.module == module:
            if factor.b.shape[1] == 2 * other.a.shape[0] and factor.a.shape[0] == other.b.shape[1]:
                return "gate_up_proj"
            return "down_proj"
    return named.pop() if len(named) == 1 else "gate_up_proj"


def _expert_count(factor: Factor, parameter: str, config: Mapping[str, Any]) -> int:
    name = f"{factor.module.removesuffix(f'.{parameter}')}.{parameter}"
    rank = int(pattern_value(config.get("rank_pattern"), name, config.get("r")) or 1)
    return factor.experts if factor.experts > 1 else factor.a.shape[1] // rank


def _mlx_experts(factor: Factor, a: Array, b: Array, rank: int) -> tuple[Array, Array]:
    """Gives a [experts, r, in] and b [experts, out, r], from PEFT's flat [in, experts x r] and [r x experts, out]."""
    count = factor.experts
    inward = a.T.reshape(count, -1, a.shape[0])
    outward = b.reshape(-1, count, b.shape[1]).transpose(1, 2, 0)
    return _widen(inward, 1, rank), _widen(outward, 2, rank)


def peft_form(lora: Lora, config: Mapping[str, Any]) -> Form:
    """The PEFT dialect; ranks and scales that differ become patterns."""
    form = Form()
    factors = _fuse_experts([_renamed(f) for f in lora.factors])
    rank = Counter(f.rank for f in factors).most_common(1)[0][0] if factors else 1
    scale = Counter(f.scale for f in factors).most_common(1)[0][0] if factors else 1.0
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    both = Counter(f.module.rpartition(".")[0] for f in factors if f.kind == "experts")
    for factor in factors:
        if (factor.rank, factor.scale) != (rank, scale):
            pattern = factor.module.replace(".", r"\.")
            ranks[pattern], alphas[pattern] = factor.rank, factor.scale * factor.rank
        stem, a, b = factor.module, "lora_A.weight", "lora_B.weight"
        if factor.kind == "embedding":
            a, b = "lora_embedding_A", "lora_embedding_B"
        elif factor.kind == "experts":
            stem, _, leaf = stem.rpartition(".")
            # PEFT wraps gate_up_proj first, so it lies inside where both are adapted
            stem += ".base_layer" if leaf == "gate_up_proj" and both[stem] > 1 else ""
        form.put(factor.module, "a", f"base_model.model.{stem}.{a}", factor.a.T)
        form.put(factor.module, "b", f"base_model.model.{stem}.{b}", factor.b.T)
        if factor.magnitude is not None:
            name = f"base_model.model.{stem}.lora_magnitude_vector"
            form.put(factor.module, "m", name, factor.magnitude.reshape(-1))
    for name, value in lora.whole.items():
        ours = to_peft_name(name)
        form.put(ours, "", f"base_model.model.{ours}", value)
    form.config = _peft_config(factors, form, rank, scale, config) | {"rank_pattern": ranks, "alpha_pattern": alphas}
    return form


def _renamed(factor: Factor) -> Factor:
    return replace(factor, module=to_peft_name(factor.module))


def _peft_config(
    factors: list[Factor], form: Form, rank: int, scale: float, config: Mapping[str, Any]
) -> dict[str, Any]:
    alpha = scale * rank
    whole = sorted({m.rpartition(".")[0] for m, part in form.tensors if not part})
    return {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "inference_mode": True, "bias": "none",
        "base_model_name_or_path": config.get("model"), "r": rank,
        "lora_alpha": int(alpha) if float(alpha).is_integer() else alpha, "lora_dropout": 0.0,
        "target_modules": sorted({f.module for f in factors if f.kind != "experts"}),
        "target_parameters": sorted({f.module for f in factors if f.kind == "experts"}) or None,
        "modules_to_save": whole or None, "use_rslora": False, "fan_in_fan_out": False,
        "use_dora": any(f.magnitude is not None for f in factors),
    }  # fmt: skip


def _fuse_experts(factors: list[Factor]) -> list[Factor]:
    """MLX's gate and up as one change of gate_up_proj: the same A once, or both ranks side by side."""
    out: list[Factor] = []
    halves: dict[str, dict[str, Factor]] = {}
    for factor in factors:
        if factor.half:
            halves.setdefault(factor.module, {})[factor.half] = factor
        else:
            out.append(factor)
    for module, found in halves.items():
        some = next(iter(found.values()))
        gate, up = (found.get(half, replace(some, b=np.zeros_like(some.b))) for half in ("first", "second"))
        if np.array_equal(gate.a, up.a):
            a, b = gate.a, np.concatenate([gate.b, up.b], axis=1)
        else:
            a, b = _side_by_side(gate, up)
        out.append(replace(some, module=module, a=a, b=b, half=""))
    return out


def _side_by_side(gate: Factor, up: Factor) -> tuple[Array, Array]:
    count, rank, width = gate.experts, gate.rank, gate.b.shape[1]
    inward = np.concatenate([f.a.T.reshape(count, -1, f.a.shape[0]) for f in (gate, up)], axis=1)
    outward = np.zeros((2 * rank, count, 2 * width), np.float32)
    outward[:rank, :, :width] = gate.b.reshape(rank, count, width)
    outward[rank:, :, width:] = up.b.reshape(rank, count, width)
    return inward.reshape(-1, gate.a.shape[0]).T, outward.reshape(-1, 2 * width)
