"""Which layers an adapter ought to change by its own configuration, so that a half-empty or foreign file is found.

PEFT records `target_modules`, mlx-lm `keys` and `num_layers`, mlx-vlm full `keys`. Where none of them says enough, the
layers must at least be adapted evenly. A base deeper than the adapter's own is found the same way.
Sources: peft/tuners/tuners_utils.py `check_target_module_exists`; mlx_lm/tuner/utils.py `linear_to_lora_layers`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from medeval.adapters.dialects import Dialect, Factor

Shapes = Mapping[str, tuple[int, ...]]
_LAYER = re.compile(r"^(?P<stem>.*?\.?)layers\.(?P<index>\d+)\.(?P<leaf>.+)$")
_SHOWN = 6


def coverage_problems(
    dialect: Dialect, config: Mapping[str, Any], factors: Sequence[Factor], shapes: Shapes, aliases: "Aliases"
) -> list[str]:
    """Layers that the adapter's configuration promises and its file lacks; empty where all are there.

    Args:
        dialect: who wrote the file.
        config: its adapter_config.json.
        factors: those that fit the base, under the base's names.
        shapes: parameter name -> shape of the base.
        aliases: other names under which a producer may know one of the base's modules.
    """
    known = _targets(shapes)
    found = {f.module for f in factors}
    expected = _expected(dialect, config, known, found, aliases, shapes)
    missing = sorted(expected - found, key=_natural)
    if not missing:
        return []
    names = ", ".join(missing[:_SHOWN]) + (f", … +{len(missing) - _SHOWN}" if len(missing) > _SHOWN else "")
    return [
        f"配置说要改 {len(expected)} 层，文件里缺 {len(missing)} 层：{names}（文件不全，或基础模型层数不同）"
        f" / {len(missing)} of {len(expected)} targeted layers are missing: {names}"
    ]


Aliases = Callable[[str], Iterable[str]]


def _targets(shapes: Shapes) -> set[str]:
    """What may carry a factor: matrices by module name, fused experts by parameter name."""
    return {n.removesuffix(".weight") if n.endswith(".weight") and len(s) == 2 else n
            for n, s in shapes.items() if len(s) == 3 or (n.endswith(".weight") and len(s) == 2)}  # fmt: skip


def _expected(
    dialect: Dialect, config: Mapping[str, Any], known: set[str], found: set[str], aliases: Aliases, shapes: Shapes
) -> set[str]:
    wanted = config.get("target_modules")
    if dialect == "peft" and (config.get("target_parameters") or (wanted and wanted != "all-linear")):
        modules = {n for n in known if f"{n}.weight" in shapes}
        return {n for n in known if any(_peft_wants(config, alias, n in modules) for alias in aliases(n))}
    if dialect == "peft":
        return _evenly(known, found, 0)
    parameters = config.get("lora_parameters")
    keys = parameters.get("keys") if isinstance(parameters, dict) else None
    if keys:
        named = {n for n in known if any(alias in keys for alias in aliases(n))}
        if named:
            return named
    return _evenly(known, found, int(config.get("num_layers") or -1))


def _peft_wants(config: Mapping[str, Any], name: str, is_module: bool) -> bool:
    """Whether PEFT would have adapted `name`; a fused expert parameter is no module, only target_parameters name it."""
    if _listed(config.get("exclude_modules"), name):
        return False
    if any(re.match(rf"(^|.*\.){m}($|\..*)", name) for m in config.get("modules_to_save") or ()):
        return False
    parameter = f"{name}.weight" if is_module else name
    if any(parameter == t or parameter.endswith(f".{t}") for t in config.get("target_parameters") or ()):
        return True
    targets = config.get("target_modules")
    if not is_module or not targets or targets == "all-linear" or not _listed(targets, name):
        return False
    layers = config.get("layers_to_transform")
    if isinstance(targets, str) or layers is None or layers == []:
        return True
    patterns = config.get("layers_pattern") or [r"[^.]*"]
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        match = re.match(rf"(?:^|.*?\.){pattern}\.(\d+)\.", name)
        if match:
            return int(match[1]) in ([layers] if isinstance(layers, int) else layers)
    return False


def _listed(wanted: Any, name: str) -> bool:
    """PEFT's rule: a text is a pattern for the whole name, a list holds names or their ends."""
    if isinstance(wanted, str):
        try:
            return re.fullmatch(wanted, name) is not None
        except re.error:
            return False
    return any(name == t or name.endswith(f".{t}") for t in wanted or ())


def _evenly(known: set[str], found: set[str], last: int) -> set[str]:
    """Whatever is adapted in one layer, in every one of the last `last` layers that has it (all where not positive)."""
    depth: dict[str, int] = {}
    places: dict[tuple[str, str], dict[int, str]] = {}
    for name in known:
        match = _LAYER.match(name)
        if match:
            stem, index = match["stem"], int(match["index"])
            depth[stem] = max(depth.get(stem, 0), index + 1)
            places.setdefault((stem, match["leaf"]), {})[index] = name
    expected: set[str] = set()
    for (stem, _), layers in places.items():
        if found.isdisjoint(layers.values()):
            continue
        first = depth[stem] - last if last > 0 else 0
        expected.update(name for index, name in layers.items() if index >= first)
    return expected


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
