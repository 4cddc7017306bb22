"""Which row of a batch uses which adapters; set before a forward pass, read by every adapted layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

SIBLINGS: tuple[tuple[str, ...], ...] = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Linears that read the same input."""
Layout = tuple[tuple[str, int], ...]
"""Adapters and their ranks in the order of the columns."""


@dataclass
class Plan:
    """The stacks of all variants, and the rows of the next forward passes."""

    stacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    spans: tuple[tuple[str, int, int], ...] | None = None
    """Prefill: (adapter, first row, end row) where each variant's rows are neighbours; else masks are used."""
    active: bool = False
    version: int = 0
    """Grows whenever the rows change, so that a layer knows when its mask is old."""

    def assign(self, rows: Sequence[str], prefill: bool = False) -> None:
        """Says which variant each row of the next forward passes belongs to."""
        chosen = tuple(rows)
        if chosen != self.rows:
            self.version += 1
        self.rows = chosen
        self.active = any(self.stacks.get(name) for name in chosen)
        self.spans = self._spans() if prefill else None

    def kept(self, layout: Layout) -> list[list[float]]:
        """Per row, a one for every column of an adapter in the row's stack; [rows, R]."""
        return [
            [1.0 if adapter in self.stacks.get(row, ()) else 0.0 for adapter, rank in layout for _ in range(rank)]
            for row in self.rows
        ]

    def _spans(self) -> tuple[tuple[str, int, int], ...] | None:
        spans: list[tuple[str, int, int]] = []
        start, seen = 0, set()
        for name, group in groupby(self.rows):
            end = start + len(list(group))
            if name in seen:
                return None
            seen.add(name)
            spans.extend((adapter, start, end) for adapter in self.stacks.get(name, ()))
            start = end
        return tuple(spans)


def families(linears: Sequence[str]) -> list[list[str]]:
    """Groups module names that read the same input, in the order in which they are called."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in linears:
        parent, _, leaf = name.rpartition(".")
        family: tuple[str, ...] = next((s for s in SIBLINGS if leaf in s), (leaf,))
        groups.setdefault((parent, family), []).append(name)
    return [
        sorted(names, key=lambda n, family=family: family.index(n.rpartition(".")[2]))  # type: ignore[misc]
        for (_, family), names in groups.items()
    ]
