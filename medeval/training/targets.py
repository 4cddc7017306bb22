"""Which modules a run trains: the config's names matched with the base's, near misses named, nothing dropped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from medeval.errors import UsageError

VISION_WORDS = ("visual", "vision", "merger")


@dataclass(frozen=True)
class Skeleton:
    """Names of a base: its linears in the language model and in the vision side, and its other parameters by shape."""

    linears: Mapping[str, tuple[int, int]]
    """Module -> (out, in)."""
    experts: tuple[str, ...] = ()
    """Fused expert parameters (three-dimensional)."""
    others: tuple[str, ...] = ()
    """Modules that can be trained whole but carry no LoRA (embedding, norms)."""

    @property
    def leaves(self) -> list[str]:
        """Last parts of all names, for suggestions: the merger's with two parts."""
        names = dict.fromkeys(_short(name) for name in (*self.linears, *self.experts))
        return list(names)


@dataclass(frozen=True)
class Targets:
    """What was found: full module names, full parameter names of experts, modules trained whole."""

    modules: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()


class TargetError(UsageError):
    """Targets that match nothing; `problems` holds one sentence per target."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def find_targets(skeleton: Skeleton, targets: Sequence[str], whole: Sequence[str] = ()) -> Targets:
    """Matches names by their endings; the vision side only where a target names it (`merger.linear_fc1`).

    Raises:
        TargetError: with a sentence and the nearest names for every target that matches nothing.
    """
    modules: dict[str, None] = {}
    parameters: dict[str, None] = {}
    saved: dict[str, None] = {}
    problems: list[str] = []
    for target in targets:
        found = [name for name in skeleton.linears if _matches(name, target)]
        fused = [name for name in skeleton.experts if _matches(name, target)]
        modules.update(dict.fromkeys(found))
        parameters.update(dict.fromkeys(fused))
        if not found and not fused:
            problems.append(_nothing("targets", target, skeleton.leaves))
    for target in whole:
        named = [name for name in (*skeleton.others, *skeleton.linears) if _ends(name, target)]
        saved.update(dict.fromkeys(named))
        if not named:
            near = list(dict.fromkeys(name.rpartition(".")[2] for name in (*skeleton.others, *skeleton.linears)))
            problems.append(_nothing("modules_to_save", target, near))
    if problems:
        raise TargetError(problems)
    return Targets(tuple(modules), tuple(parameters), tuple(saved))


def _matches(name: str, target: str) -> bool:
    seen = any(word in name for word in VISION_WORDS)
    asked = any(word in target for word in VISION_WORDS)
    return _ends(name, target) and (asked or not seen)


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)


def _short(name: str) -> str:
    parts = name.split(".")
    if "merger" in name or "experts" in name:
        start = next((i for i, part in enumerate(parts) if "merger" in part or "experts" in part), len(parts) - 1)
        return ".".join([parts[start], *(part for part in parts[start + 1 :] if not part.isdigit())])
    return parts[-1]


def _nothing(field: str, target: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(target.rpartition(".")[2], names, 4, 0.5)
    if any(word in target for word in ("vis", "cross", "merge", "img", "image")):
        near += [name for name in names if "merger" in name and name not in near][:3]
    hint = ", ".join(near or names[:12])
    return (
        f"{field}: 基础模型没有名为 {target} 的层，相近的有：{hint}"
        f" / no module of the base is called {target}; near: {hint}"
    )
