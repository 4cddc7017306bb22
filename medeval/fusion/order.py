"""What is to be fused, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medeval.adapters.variant import Variant
from medeval.cases.schema import Case
from medeval.fusion.parity import Parity
from medeval.fusion.write import Dtype

Engine = Literal["torch", "mlx"]
BITS = (16, 8, 4)


@dataclass(frozen=True)
class Order:
    """What is to be fused, and how it is proven.

    `bits` is the model that is kept; `measure` names further widths whose loss goes into the table.
    """

    base: Path
    variant: Variant
    out: Path
    cases: Sequence[Case]
    bits: int = 16
    measure: tuple[int, ...] = ()
    dtype: Dtype = "auto"
    tokens: int = 256
    engine: Engine | None = None
    replace: bool = False
    base_name: str = ""


@dataclass(frozen=True)
class Outcome:
    """Where the model lies and what the proof found; `ok` false means `NAME.failed`."""

    ok: bool
    path: Path
    rows: tuple[Parity, ...]
    report: dict[str, Any]
    backup: Path | None = None


Progress = Callable[[int, int, str, str], None]
"""(done, total, zh, en): parts of the whole work and what is being done."""
