"""What an adapter says about itself: dialect, producer, rank, scale, targets, size of B, and which base it names."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from medeval.adapters.convert import read_notes
from medeval.adapters.dialects import Lora, read_adapter, read_config, weights_file
from medeval.adapters.sidecar import file_sha256
from medeval.adapters.variant import Adapter

BaseMatch = Literal["proven", "other", "name agrees", "name differs", "not recorded"]
BASE_WORDS: dict[BaseMatch, str] = {
    "proven": "基础模型指纹相符 / base fingerprint equal",
    "other": "指纹不符：为另一个基础模型训练 / trained on another base",
    "name agrees": "只记录了基础模型的名字，与当前相同；未证实权重相同 / only the base's name is recorded, and agrees",
    "name differs": "记录的基础模型名字与当前不同，请核对 / the recorded base has another name: please check",
    "not recorded": "未记录基础模型：形状相符不等于同一个模型 / base not recorded: fitting shapes prove nothing",
}
_QUANTISED = re.compile(r"[-_.]?((mlx|[2-8]-?bit|bf16|fp16|f16|dwq|awq|gptq)[-_.]?)+$", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """The details of one adapter, read from its files alone; whether it fits a base is the gate's to say."""

    name: str
    path: str
    dialect: str
    producer: str
    rank: int
    ranks: tuple[int, ...]
    scale: float
    scales: tuple[float, ...]
    targets: Mapping[str, int]
    """Kind of layer (q_proj, …) -> how many of them."""
    whole: tuple[str, ...]
    tensors: int
    parameters: int
    megabytes: float
    base: str
    """Name of the base as the producer recorded it, empty where it did not."""
    base_match: BaseMatch
    trained_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    generation: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: str = ""
    finite: bool | None = None
    norm_b: float | None = None
    """Frobenius norm of all B together; None where the values were not read."""


def describe_card(adapter: Adapter, base: str = "", fingerprint: str | None = None, values: bool = False) -> Card:
    """The card of an adapter, from headers and configuration; with `values` also hash, finiteness and norm of B.

    Args:
        adapter: as the catalogue found it.
        base: name or folder of the base it is compared with, where one is open.
        fingerprint: that base's fingerprint.
        values: read the weights as well.

    Raises:
        AdapterError: the folder cannot be read.
    """
    lora = read_adapter(adapter.path, values)
    config = read_config(adapter.path)
    file = weights_file(adapter.path)
    ranks = sorted({f.rank for f in lora.factors})
    scales = sorted({f.scale for f in lora.factors})
    recorded = recorded_base(config)
    return Card(
        name=adapter.name, path=str(adapter.path), dialect=lora.dialect,
        producer=adapter.producer or _producer(lora, config),
        rank=lora.rank, ranks=tuple(ranks), scale=lora.scale, scales=tuple(scales),
        targets=dict(sorted(Counter(f.module.rpartition(".")[2] for f in lora.factors).items())),
        whole=tuple(sorted(lora.whole)), tensors=lora.tensors, parameters=_parameters(lora),
        megabytes=round(file.stat().st_size / 1e6, 1), base=recorded,
        base_match=match_base(adapter.base_fingerprint, recorded, fingerprint, base),
        trained_on=adapter.trained_on, labels=adapter.labels, generation=dict(adapter.generation),
        notes=(*lora.notes, *read_notes(adapter.path)),
        sha256=file_sha256(file) if values else "",
        finite=_finite(lora) if values else None, norm_b=_norm_b(lora) if values else None,
    )  # fmt: skip


def recorded_base(config: Mapping[str, Any]) -> str:
    """The base as PEFT (`base_model_name_or_path`) or mlx-lm (`model`) wrote it."""
    return str(config.get("base_model_name_or_path") or config.get("model") or "")


def match_base(recorded_print: str | None, recorded: str, fingerprint: str | None, base: str) -> BaseMatch:
    """How sure it is that the adapter belongs to the open base; only a fingerprint proves it."""
    if recorded_print and fingerprint:
        return "proven" if recorded_print == fingerprint else "other"
    if not recorded or not base:
        return "not recorded"
    return "name agrees" if _plain(recorded) == _plain(base) else "name differs"


def _plain(name: str) -> str:
    """The last part of a path or repo id, without the marks of a quantised copy."""
    return _QUANTISED.sub("", Path(name.rstrip("/\\").replace("\\", "/")).name).lower()


def _producer(lora: Lora, config: Mapping[str, Any]) -> str:
    if lora.dialect == "peft":
        return f"peft {config['peft_version']}" if config.get("peft_version") else "peft"
    if lora.dialect == "mlx-vlm-old":
        return "mlx-vlm (older form)"
    names = [f.module for f in lora.factors] or list(lora.whole)
    return "mlx-vlm" if any(n.startswith(("language_model.", "vision_tower.")) for n in names) else "mlx-lm"


def _parameters(lora: Lora) -> int:
    factors = sum(f.a.size + f.b.size + (0 if f.magnitude is None else f.magnitude.size) for f in lora.factors)
    return factors + sum(v.size for v in lora.whole.values())


def _finite(lora: Lora) -> bool:
    values = [v for f in lora.factors for v in (f.a, f.b, f.magnitude) if v is not None]
    return all(bool(np.isfinite(v).all()) for v in [*values, *lora.whole.values()])


def _norm_b(lora: Lora) -> float | None:
    total = float(np.sqrt(sum(float(np.square(f.b, dtype=np.float64).sum()) for f in lora.factors)))
    return total if np.isfinite(total) else None
