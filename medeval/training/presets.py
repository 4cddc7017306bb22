"""Presets: training recipes as YAML, with every figure of the documents they come from.

`v3` is the recipe as documented; `v3-demo` is the same scaled to the demo model (`Preset.scaled` says what was
changed). docs/training.md compares them field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from medeval.cases.schema import Language
from medeval.errors import UsageError
from medeval.training.config import TrainConfig, make_config
from medeval.training.config_text import stretch

FOLDER = Path(__file__).resolve().parent / "preset_files"
DEMO_SUFFIX = "-demo"


@dataclass(frozen=True)
class Preset:
    """One recipe."""

    name: str
    config: TrainConfig
    title: Mapping[str, str] = field(default_factory=dict)
    note: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    from_seed: tuple[str, ...] = ()
    """Fields whose value the source document gives."""
    ours: Mapping[str, str] = field(default_factory=dict)
    """Field -> why it has the value it has, where the document says nothing or leaves room."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Field -> what the document says instead and why that cannot be."""
    needs: Mapping[str, float] = field(default_factory=dict)
    """What the document asks of machine and data (GB, counts)."""
    reported: Mapping[str, float] = field(default_factory=dict)
    """What the document reports of its run: losses, minutes, memory."""
    scaled: tuple[str, ...] = ()
    """Fields changed for the demo model; empty for the recipe itself."""

    def text(self, lang: Language) -> str:
        """Its title in `lang`."""
        return self.title.get(lang) or self.name


@cache
def preset_names() -> tuple[str, ...]:
    """Every name, recipes first in the order they came about, then their demo forms."""
    files = sorted(FOLDER.glob("*.yaml"), key=lambda path: int(_read(path.stem)["order"]))
    names = [path.stem for path in files]
    return (*names, *(name + DEMO_SUFFIX for name in names))


def preset_for(name: str, demo: bool) -> str:
    """The form of preset `name` that fits the base: on the demo model `v3` means `v3-demo`."""
    return name + DEMO_SUFFIX if demo and name + DEMO_SUFFIX in preset_names() else name


@cache
def load_preset(name: str) -> Preset:
    """The preset called `name`, `v3` or `v3-demo`; raises UsageError naming those there are."""
    if name not in preset_names():
        raise UsageError(
            f"没有预设 {name}，可选：{', '.join(preset_names())}"
            f" / no preset {name}, choose from: {', '.join(preset_names())}"
        )
    values = _read(name.removesuffix(DEMO_SUFFIX))
    demo = name.endswith(DEMO_SUFFIX)
    config = _scaled(values) if demo else values["config"]
    return Preset(
        name=name,
        config=make_config(config | {"preset": name}),
        title={k: f"{v}（演示规模）" if k == "zh" else f"{v} (demo scale)" for k, v in values["title"].items()}
        if demo
        else values["title"],
        note=values["note"],
        source=values["source"],
        from_seed=tuple(values["from_seed"]),
        ours=values.get("ours", {}),
        changed=values.get("changed", {}),
        needs=values.get("needs", {}),
        reported=values.get("reported", {}),
        scaled=_scaled_fields(values) if demo else (),
    )


def _read(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return values


def _scaled(values: dict[str, Any]) -> dict[str, Any]:
    """The recipe with its `demo` fields; phases keep their shares of the steps."""
    config, demo = values["config"], values["demo"]
    scaled: dict[str, Any] = config | demo
    if "phases" in config and "steps" in demo:
        scaled["phases"] = stretch(config["phases"], config["steps"], demo["steps"])
    return scaled


def _scaled_fields(values: dict[str, Any]) -> tuple[str, ...]:
    scaled = _scaled(values)
    return tuple(key for key in scaled if scaled[key] != values["config"].get(key))
