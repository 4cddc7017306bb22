"""The gate: what is checked before an adapter is used, every problem at once.

The last check, that logits on a probe differ from the base, needs the model and lives in the engine.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from medeval.adapters.coverage import coverage_problems
from medeval.adapters.dialects import Array, Factor, Lora, read_adapter, read_config, weights_file
from medeval.adapters.sidecar import file_sha256
from medeval.adapters.variant import Adapter
from medeval.errors import AdapterError

Shapes = Mapping[str, tuple[int, ...]]
# (as written elsewhere, as transformers names it): mlx-lm, mlx-vlm and older transformers.
_RENAMES = (
    ("language_model.model.", "model.language_model."),
    ("language_model.model.", "model."),
    ("language_model.lm_head", "lm_head"),
    ("model.language_model.", "model."),
    ("vision_tower.", "model.visual."),
    ("model.vision_tower.", "model.visual."),
    ("visual.", "model.visual."),
    ("model.", "model.language_model."),
)


@dataclass(frozen=True)
class Checked:
    """An adapter that fits the base: names are the base's own."""

    adapter: Adapter
    lora: Lora
    factors: tuple[Factor, ...]
    whole: Mapping[str, Array]
    sha256: str


def canonical(name: str, known: Mapping[str, object]) -> str | None:
    """The base's own name for `name` (a module or a parameter), or None where nothing fits."""
    if name in known:
        return name
    for written, ours in _RENAMES:
        if name.startswith(written) and (changed := ours + name.removeprefix(written)) in known:
            return changed
    return None


def aliases(name: str) -> tuple[str, ...]:
    """`name` and what other producers call the same module of this base."""
    other = (w + name.removeprefix(o) for w, o in _RENAMES if name.startswith(o))
    return (name, *other)


def check_adapter(adapter: Adapter, shapes: Shapes, fingerprint: str | None = None) -> Checked:
    """Reads an adapter and compares it with a base.

    Args:
        adapter: the folder as the catalogue found it.
        shapes: parameter name -> shape of the base model.
        fingerprint: the base's fingerprint, compared where the adapter recorded one.

    Raises:
        AdapterError: with every problem found.
    """
    file = weights_file(adapter.path)
    digest = file_sha256(file)
    problems: list[str] = []
    if adapter.sha256 and _bare(adapter.sha256) != _bare(digest):
        problems.append(f"{file.name}: 文件与记录的 sha256 不符，可能损坏 / differs from the recorded sha256")
    if adapter.base_fingerprint and fingerprint and adapter.base_fingerprint != fingerprint:
        problems.append("指纹不符：适配器是为另一个基础模型训练的 / it was trained on another base")
    lora = read_adapter(adapter.path)
    problems.extend(lora.problems)
    problems.extend(_value_problems(lora))
    factors, faults = _match_factors(lora, shapes)
    whole, more = _match_whole(lora, shapes)
    problems.extend([*faults, *more])
    if factors:
        problems.extend(coverage_problems(lora.dialect, read_config(adapter.path), factors, shapes, aliases))
    if problems:
        raise AdapterError([f"{adapter.name}: {p}" for p in problems])
    return Checked(adapter, lora, factors, whole, digest)


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:").lower()


def _value_problems(lora: Lora) -> list[str]:
    problems = []
    for factor in lora.factors:
        for label, value in (("A", factor.a), ("B", factor.b), ("m", factor.magnitude)):
            if value is not None and not np.isfinite(value).all():
                problems.append(f"{factor.module}: {label} 含 NaN 或无穷 / {label} holds NaN or infinity")
    for name, value in lora.whole.items():
        if not np.isfinite(value).all():
            problems.append(f"{name}: 含 NaN 或无穷 / holds NaN or infinity")
    if not lora.factors and not lora.whole:
        problems.append("文件里没有任何张量 / the file holds no tensor")
    elif not lora.whole and all(not np.any(f.b) and f.magnitude is None for f in lora.factors):
        problems.append("所有 B 都是 0，未训练，等于基础模型 / every B is zero: it equals the base")
    return problems


def _match_factors(lora: Lora, shapes: Shapes) -> tuple[tuple[Factor, ...], list[str]]:
    modules = {n.removesuffix(".weight"): s for n, s in shapes.items() if n.endswith(".weight") and len(s) == 2}
    matched: list[Factor] = []
    problems: list[str] = []
    for factor in lora.factors:
        if factor.kind == "experts":
            found_experts = _match_experts(factor, shapes)
            matched.extend([found_experts] if found_experts else [])
            problems.extend([] if found_experts else [_unknown(factor.module, shapes)])
            continue
        name = canonical(factor.module, modules)
        if name is None:
            problems.append(_unknown(factor.module, modules))
            continue
        rows, columns = (factor.a.shape[0], factor.b.shape[1])
        found = (rows, columns) if factor.kind == "embedding" else (columns, rows)
        if found != modules[name]:
            problems.append(_misfit(name, found, modules[name]))
        matched.append(replace(factor, module=name))
    if lora.factors and not matched:
        return (), [
            f"没有一个层名与基础模型相符（共 {len(problems)} 个）"
            f" / no layer name fits the base ({len(problems)} in all)", *problems]
    return tuple(matched), problems


def _match_experts(factor: Factor, shapes: Shapes) -> Factor | None:
    """The expert parameter that a factor fits; PEFT names only the module, so its shape decides."""
    inside = {n: s for n, s in shapes.items() if len(s) == 3}
    known = inside | {n.rpartition(".")[0]: () for n in inside}
    name = canonical(factor.module, known)
    found = [
        (n, s[0]) for n, s in inside.items()
        if name is not None and (n == name or n.rpartition(".")[0] == name) and _fits(factor, s)
    ]  # fmt: skip
    return replace(factor, module=found[0][0], experts=found[0][1]) if len(found) == 1 else None


def _fits(factor: Factor, shape: tuple[int, ...]) -> bool:
    experts, rows, columns = shape
    height = rows // 2 if factor.half else rows
    same = (factor.a.shape[0], factor.b.shape[1]) == (columns, height)
    return same and factor.a.shape[1] % experts == 0 and factor.experts in (1, experts)


def _match_whole(lora: Lora, shapes: Shapes) -> tuple[dict[str, Array], list[str]]:
    matched: dict[str, Array] = {}
    problems: list[str] = []
    for written, value in lora.whole.items():
        name = canonical(written, shapes)
        if name is None:
            problems.append(_unknown(written, shapes))
        elif value.shape != shapes[name]:
            problems.append(_misfit(name, value.shape, shapes[name]))
        else:
            matched[name] = value
    return matched, problems


def _misfit(name: str, found: tuple[int, ...], base: tuple[int, ...]) -> str:
    return f"{name}: 形状 {found}，基础模型是 {base} / shape {found}, the base has {base}"


def _unknown(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    hint = f" · 最接近 {near[0]} / nearest is {near[0]}" if near else ""
    return f"{name}: 基础模型没有这一层 / the base has no such layer" + hint
