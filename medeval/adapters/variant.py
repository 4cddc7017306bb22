"""Variant: a base with a stack of zero or more adapters (V3 = base + [v2, v3])."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medeval.errors import UsageError

BASE_NAME = "base"


@dataclass(frozen=True)
class Adapter:
    """A LoRA folder as found on disk; nothing of it has been checked against a base yet."""

    name: str
    path: Path
    title: dict[str, str] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    trained_on: tuple[str, ...] = ()
    base_fingerprint: str | None = None
    sha256: str | None = None
    producer: str = ""
    labels: tuple[str, ...] = ()
    """Words of the user's own to find it by."""
    generation: Mapping[str, float] = field(default_factory=dict)
    """Settings this adapter is best asked with: max_tokens, temperature, top_p, seed; those given."""


@dataclass(frozen=True)
class Variant:
    """What one column is: a name and the adapters applied to the base, in order."""

    name: str
    stack: tuple[Adapter, ...] = ()

    @property
    def is_base(self) -> bool:
        """Whether this variant is the unadapted base."""
        return not self.stack

    @property
    def generation(self) -> Mapping[str, float]:
        """Settings of the last adapter of the stack, for requests that choose none of their own."""
        return self.stack[-1].generation if self.stack else {}

    def title(self, lang: str = "zh") -> str:
        """Label for people: the last adapter's title, or the name."""
        if self.is_base and self.name != BASE_NAME:
            return self.name  # answered elsewhere: recorded, or by a server
        if self.is_base:
            return {"zh": "基础模型", "en": "Base"}.get(lang, self.name)
        return self.stack[-1].title.get(lang) or self.name


def unknown_variant(names: Iterable[str], known: Iterable[str]) -> UsageError:
    """The error for names of variants that nobody knows, with those that are known."""
    given, there = ", ".join(names), ", ".join(known)
    return UsageError(f"没有版本 {given}；可用：{there} / unknown variant {given}; known: {there}")
