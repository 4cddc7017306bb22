"""Finds adapter folders and the variants they make: base first, then one per folder, lineage from `medeval.json`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medeval.adapters.dialects import read_config, weights_file
from medeval.adapters.variant import BASE_NAME, Adapter, Variant
from medeval.adapters.weights import read_header
from medeval.errors import AdapterError

SIDECAR = "medeval.json"


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
            problems[path.name] = [f"{path.name}: 无法读取 / cannot be read: {error.strerror}"]
    return adapters, problems


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
    try:
        sidecar = _read_sidecar(path / SIDECAR)
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
    )


def _read_sidecar(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("不是 JSON 对象 / not a JSON object")
    if not isinstance(value.get("trained_on") or [], list):
        raise ValueError("trained_on 应是列表 / trained_on must be a list of adapter names")
    return value


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
        raise AdapterError([f"{above[0]}: trained_on 循环 / trained_on goes in a circle: {' > '.join(above)}"])
    stack: list[Adapter] = []
    for name in adapter.trained_on:
        if name not in known:
            raise AdapterError([f"{adapter.name}: trained_on 里的 {name} 不可用 / {name} is missing or unusable"])
        stack.extend(a for a in _lineage(known[name], known, (*above, adapter.name)) if a not in stack)
    return (*stack, adapter)
