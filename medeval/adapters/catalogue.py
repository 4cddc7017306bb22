"""Finds adapter folders and the variants they make: base first, then one per folder, lineage from `medeval.json`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any

from medeval.adapters.dialects import read_config, weights_file
from medeval.adapters.sidecar import SIDECAR, read_sidecar
from medeval.adapters.variant import BASE_NAME, Adapter, Variant
from medeval.adapters.weights import read_header
from medeval.errors import AdapterError

_RANGES: dict[str, tuple[float, float, type[int] | UnionType]] = {
    "max_tokens": (1, 32768, int), "temperature": (0, 2, int | float),
    "top_p": (0.01, 1, int | float), "seed": (0, 2**32 - 1, int),
}  # fmt: skip


def find_adapters(folder: Path) -> tuple[list[Adapter], dict[str, list[str]]]:
    """Lists the adapters below `folder`, by name; a bad folder never hides the others.

    Returns:
        The readable adapters, and the problems of the others by folder name.
    """
    adapters: list[Adapter] = []
    problems: dict[str, list[str]] = {}
    if not folder.is_dir():
        return adapters, problems
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))):
        try:
            adapters.append(describe(path))
        except AdapterError as error:
            problems[path.name] = error.problems
        except OSError as error:
            problems[path.name] = [f"{path.name}: 无法读取：{error.strerror} / cannot be read: {error.strerror}"]
    return adapters, problems


def adapters_on_disk(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file of the adapters below `folder`: equal while nothing changed."""
    if not folder.is_dir():
        return ()
    inside = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
    files = (file for path in inside for file in path.iterdir() if file.suffix in (".safetensors", ".json"))
    states = ((f"{file.parent.name}/{file.name}", file.stat()) for file in files)
    return tuple(sorted((name, state.st_size, state.st_mtime_ns) for name, state in states))


def describe(path: Path) -> Adapter:
    """The Adapter of one folder, from its sidecar and headers only; raises AdapterError with every problem."""
    problems: list[str] = []
    sidecar: dict[str, Any] = {}
    if path.name == BASE_NAME:
        problems.append(f"{path.name}: 这个名字留给基础模型，请改名 / this name is reserved for the base")
    try:
        read_header(weights_file(path))
    except AdapterError as error:
        problems.extend(error.problems)
    try:
        read_config(path)
    except AdapterError as error:
        problems.extend(error.problems)
    generation: Mapping[str, float] = {}
    try:
        sidecar = read_sidecar(path)
        generation = _generation(sidecar.get("generation"))
    except ValueError as error:
        problems.append(f"{path.name}/{SIDECAR}: {error}")
    if problems:
        raise AdapterError(problems)
    return Adapter(
        name=path.name,
        path=path,
        title=_texts(sidecar.get("title")),
        note=_texts(sidecar.get("note")),
        trained_on=tuple(str(n) for n in sidecar.get("trained_on") or ()),
        base_fingerprint=sidecar.get("base_fingerprint"),
        sha256=sidecar.get("sha256"),
        producer=str(sidecar.get("producer") or ""),
        labels=tuple(str(n) for n in sidecar.get("labels") or ()),
        generation=generation,
    )


def _generation(value: Any) -> dict[str, float]:
    """The settings an adapter asks to be used with; raises ValueError naming the first that cannot be."""
    if value is None:
        return {}
    if not isinstance(value, dict) or set(value) - set(_RANGES):
        raise ValueError(f"generation 只能有：{', '.join(_RANGES)} / generation may only hold: {', '.join(_RANGES)}")
    for name, number in value.items():
        low, high, kinds = _RANGES[name]
        if isinstance(number, bool) or not isinstance(number, kinds) or not low <= float(number) <= high:
            raise ValueError(
                f"generation.{name} 应在 {low} 到 {high} 之间"
                f" / generation.{name} must be from {low} to {high}"
            )
    return dict(value)


def _texts(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {"zh": value, "en": value}
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def find_variants(folder: Path) -> dict[str, Variant]:
    """The variants of an adapter folder, ordered: `base`, then each adapter by name with its lineage below it.

    An adapter whose lineage cannot be resolved is left out; `find_problems` says why.
    """
    adapters, _ = find_adapters(folder)
    variants, _ = make_variants(adapters)
    return variants


def find_problems(folder: Path) -> dict[str, list[str]]:
    """Everything that keeps a folder from being a variant: unreadable adapters and unresolved lineage."""
    adapters, problems = find_adapters(folder)
    _, lineage = make_variants(adapters)
    return problems | lineage


def make_variants(adapters: Sequence[Adapter]) -> tuple[dict[str, Variant], dict[str, list[str]]]:
    """Builds the variants of `adapters`; the second value holds the lineage problems by adapter name."""
    known = {a.name: a for a in adapters}
    variants = {BASE_NAME: Variant(BASE_NAME)}
    problems: dict[str, list[str]] = {}
    for adapter in adapters:
        try:
            variants[adapter.name] = Variant(adapter.name, _lineage(adapter, known, ()))
        except AdapterError as error:
            problems[adapter.name] = error.problems
    return variants, problems


def _lineage(adapter: Adapter, known: dict[str, Adapter], above: tuple[str, ...]) -> tuple[Adapter, ...]:
    if adapter.name in above:
        raise AdapterError([
            f"{above[0]}: trained_on 循环：{' > '.join(above)}"
            f" / trained_on goes in a circle: {' > '.join(above)}"
        ])
    stack: list[Adapter] = []
    for name in adapter.trained_on:
        if name not in known:
            raise AdapterError([f"{adapter.name}: trained_on 里的 {name} 不可用 / {name} is missing or unusable"])
        stack.extend(a for a in _lineage(known[name], known, (*above, adapter.name)) if a not in stack)
    return (*stack, adapter)
