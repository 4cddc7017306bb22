"""Variants at the door of a batched engine: the gate, what is batched and what is switched, and the badges.

Names of layers are those of transformers here, whatever the engine calls them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from medeval.adapters.dialects import Array, Factor
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Adapter, Variant
from medeval.engines.contract import Loaded as Badge
from medeval.errors import AdapterError

PROBE = "血压140/90 mmHg，需要担心吗？Is 7.2 mmol/L high?"
"""Fixed text on which every variant must answer otherwise than the base."""


@dataclass(frozen=True)
class Change:
    """One parameter's change by one adapter of a stack that cannot be batched: a factor, or a whole new value."""

    parameter: str
    factor: Factor | None = None
    value: Array | None = None

    @property
    def on_vision(self) -> bool:
        """Whether it changes what an image looks like to the model."""
        return "visual" in self.parameter or "vision" in self.parameter


@dataclass(frozen=True)
class Piece:
    """One adapter's change of one linear, scale folded into b: a [rank, in], b [out, rank], float32."""

    adapter: str
    a: Array
    b: Array


@dataclass
class Stacks:
    """The variants that passed the gate, taken apart into what is batched and what is switched."""

    variants: dict[str, Variant] = field(default_factory=dict)
    checked: dict[str, Checked] = field(default_factory=dict)
    factors: dict[str, list[Factor]] = field(default_factory=dict)
    changes: dict[str, list[Change]] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, list[str]] = field(default_factory=dict)

    def changes_of(self, variant: Variant) -> list[Change]:
        """What stands in the base's place while this variant runs."""
        return [c for adapter in variant.stack for c in self.changes[key_of(adapter)]]

    def names(self) -> dict[str, tuple[str, ...]]:
        """Adapter keys of each variant's stack, in order."""
        return {n: tuple(key_of(a) for a in v.stack) for n, v in self.variants.items()}

    def pieces(self) -> dict[str, list[Piece]]:
        """Factors by module, in the order of the adapters; a later adapter of a stack stands right of the earlier."""
        used = dict.fromkeys(key_of(a) for v in self.variants.values() for a in v.stack)
        pieces: dict[str, list[Piece]] = {}
        for key in used:
            for factor in self.factors[key]:
                a = np.ascontiguousarray(factor.a.T)
                b = np.ascontiguousarray(factor.b.T * np.float32(factor.scale))
                pieces.setdefault(factor.module, []).append(Piece(key, a, b))
        return pieces

    def notes(self, sees: bool) -> tuple[str, ...]:
        """What the readers of the adapters found worth saying, each once; and that a base sees no images."""
        blind = () if sees else ("文字模型，不能看图 / text-only model",)
        return (*dict.fromkeys(note for checked in self.checked.values() for note in checked.lora.notes), *blind)


def key_of(adapter: Adapter) -> str:
    """What an adapter is called inside an engine; two columns of one folder share it."""
    return str(adapter.path)


def pass_gate(
    variants: Sequence[Variant], shapes: Mapping[str, tuple[int, ...]], fingerprint: str, linears: Iterable[str]
) -> Stacks:
    """Checks every adapter once against the base; what fails is in `refused` with every reason.

    Args:
        variants: what shall be loaded.
        shapes: parameter name -> shape of the base, as transformers names and lays them out.
        fingerprint: the base's.
        linears: modules whose rows may carry different adapters.
    """
    stacks, batchable = Stacks(), frozenset(linears)
    for variant in variants:
        problems: list[str] = []
        for adapter in variant.stack:
            key = key_of(adapter)
            if key in stacks.checked:
                continue
            try:
                checked = check_adapter(adapter, shapes, fingerprint)
            except AdapterError as error:
                problems.extend(error.problems)
                continue
            except OSError as error:
                problems.append(f"{adapter.name}: 无法读取：{error.strerror} / cannot be read: {error.strerror}")
                continue
            stacks.checked[key] = checked
            stacks.factors[key], stacks.changes[key], stacks.reasons[key] = split(checked, batchable)
        if problems:
            stacks.refused[variant.name] = problems
        else:
            stacks.variants[variant.name] = variant
    return stacks


def split(checked: Checked, batchable: Collection[str]) -> tuple[list[Factor], list[Change], list[str]]:
    """Separates an adapter into factors that can be batched and changes that cannot, with the reasons."""
    factors: list[Factor] = []
    changes: list[Change] = []
    reasons: dict[str, None] = {}
    # Whole values come first: a layer may be saved whole and carry a factor on top.
    for name, value in checked.whole.items():
        changes.append(Change(name, value=value))
        reasons["modules_to_save"] = None
    for factor in checked.factors:
        if factor.module in batchable and factor.magnitude is None and factor.kind == "linear":
            factors.append(factor)
            continue
        experts = factor.kind == "experts"
        changes.append(Change(factor.module if experts else f"{factor.module}.weight", factor=factor))
        reasons[_reason(factor)] = None
    return factors, changes, list(reasons)


def _reason(factor: Factor) -> str:
    if factor.magnitude is not None:
        return "DoRA"
    if factor.kind != "linear":
        return "LoRA on the experts" if factor.kind == "experts" else "LoRA on an embedding"
    if "visual" in factor.module or "vision" in factor.module:
        return "LoRA on the vision tower"
    return f"LoRA on {factor.module.rpartition('.')[2]}"


def badges(stacks: Stacks, moved: Mapping[str, float]) -> tuple[Badge, ...]:
    """One badge per variant; a variant that moved nothing on the probe is refused instead.

    Args:
        stacks: what passed the gate; `refused` grows.
        moved: variant -> largest |change| on the probe, for all but the base.
    """
    found: list[Badge] = []
    for name, variant in stacks.variants.items():
        if variant.is_base:
            found.append(Badge(name, "base", 0, 0))
        elif moved[name] > 0:
            found.append(_badge(name, variant, stacks, moved[name]))
        else:
            stacks.refused[name] = [f"{name}: 没有起作用，探测输出与基础模型相同 / changes nothing on the probe"]
    return tuple(found)


def _badge(name: str, variant: Variant, stacks: Stacks, change: float) -> Badge:
    parts = [stacks.checked[key_of(a)] for a in variant.stack]
    reasons = dict.fromkeys(r for a in variant.stack for r in stacks.reasons[key_of(a)])
    badge = Badge(
        name, "switched" if reasons else "batched",
        sum(_tensors(c) for c in parts), sum(c.lora.tensors for c in parts),
        rank=sum(max((f.rank for f in c.factors), default=0) for c in parts),
        scale=max((f.scale for f in parts[-1].factors), default=0.0), logit_change=change,
        dialect="+".join(dict.fromkeys(c.lora.dialect for c in parts)), sha256=parts[-1].sha256,
        stack_sha256=tuple(c.sha256 for c in parts),
    )  # fmt: skip
    return replace(badge, why_switched=", ".join(reasons))


def _tensors(checked: Checked) -> int:
    return sum(2 + (f.magnitude is not None) for f in checked.factors) + len(checked.whole)
