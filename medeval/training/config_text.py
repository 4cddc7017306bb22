"""TrainConfig as text: `key=value` changes and the command line that makes the same config."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

import yaml

from medeval.training.config import TrainConfig, make_config
from medeval.training.config_faults import unknown_field

_LISTS = frozenset({"targets", "modules_to_save", "trained_on", "trackers"})


def apply_changes(config: TrainConfig, changes: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The plain values of `config` after `key=value` changes, not yet validated, and the faults of the changes."""
    values = config.model_dump(mode="json")
    faults: list[str] = []
    touched: set[str] = set()
    for change in changes:
        key, found, text = change.partition("=")
        key = key.strip()
        if not found:
            faults.append(f"{change}: 应写成 key=value / must be key=value")
        elif key.split(".")[0] not in TrainConfig.model_fields:
            faults.append(unknown_field(key))
        else:
            touched.add(key.split(".")[0])
            try:
                _put(values, key.split("."), parse_value(key, text.strip()))
            except (LookupError, TypeError, ValueError):
                faults.append(f"{change}: {key} 里没有这个位置 / there is no such place in {key}")
    _settle(values, config, touched)
    return values, faults


def parse_value(key: str, text: str) -> Any:
    """The value of `text`: YAML, a comma-separated list where the field is one, None where empty."""
    if key in _LISTS and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if key in ("system", "name", "data", "base", "init_from", "suite", "preset", "profile"):
        return text
    try:
        return yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return text


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    spot: Any = values
    for part in path[:-1]:
        spot = spot[int(part)] if isinstance(spot, list) else spot.setdefault(part, {})
    if isinstance(spot, list):
        spot[int(path[-1])] = value
    else:
        spot[path[-1]] = value


def _settle(values: dict[str, Any], config: TrainConfig, touched: set[str]) -> None:
    """What follows from a change: steps and epochs exclude each other, phases stretch, alpha keeps its scale."""
    if "steps" in touched and "epochs" not in touched and values["steps"] is not None:
        values["epochs"] = None
    if "epochs" in touched and "steps" not in touched and values["epochs"] is not None:
        values["steps"] = None
    if "warmup_ratio" in touched and "warmup_steps" not in touched:
        values["warmup_steps"] = 0
    if "warmup_steps" in touched and "warmup_ratio" not in touched:
        values["warmup_ratio"] = 0.0
    rank = values["rank"]
    if "rank" in touched and "alpha" not in touched and type(rank) is int and rank > 0:
        values["alpha"] = followed_alpha(config, rank)
    steps = values["steps"]
    if "steps" in touched and "phases" not in touched and config.phases and isinstance(steps, int) and config.steps:
        values["phases"] = stretch(values["phases"], config.steps, steps)


def followed_alpha(config: TrainConfig, rank: int) -> float:
    """The alpha that keeps the scale alpha / rank of `config` at another rank."""
    return config.alpha / config.rank * rank


def stretch(phases: list[dict[str, Any]], old: int, new: int) -> list[dict[str, Any]]:
    """Phases of a run of `old` steps, moved in proportion to one of `new` steps, each at least one step long."""
    edges = [round(phase["end"] * new / old) for phase in phases]
    for index in range(len(edges)):
        edges[index] = max(edges[index], index + 1)
    starts = [0, *edges[:-1]]
    return [phase | {"start": a, "end": b} for phase, a, b in zip(phases, starts, edges, strict=True)]


def command(config: TrainConfig) -> str:
    """`medeval train …` that makes this config."""
    from medeval.training.presets import load_preset, preset_names

    parts = ["medeval", "train"]
    if config.preset in preset_names():
        parts += ["--preset", config.preset]
        start = load_preset(config.preset).config
    else:
        start = make_config({"name": config.name, "steps": config.steps, "epochs": config.epochs})
    for change in changes_from(start, config):
        key, _, text = change.partition("=")
        parts += ["--data", text] if key == "data" else ["--set", change]
    return shlex.join(parts)


def changes_from(start: TrainConfig, config: TrainConfig) -> list[str]:
    """The `key=value` changes that turn `start` into `config`."""
    old, new = start.model_dump(mode="json"), config.model_dump(mode="json")
    keys = [key for key in new if new[key] != old[key]]
    if "steps" in keys and config.steps and start.steps and start.phases:
        moved = stretch(old["phases"], start.steps, config.steps)
        keys = [key for key in keys if key != "phases" or moved != new["phases"]]
    if "rank" in keys:
        kept = followed_alpha(start, config.rank) == config.alpha
        keys = [key for key in new if key in keys and key != "alpha" or key == "alpha" and not kept]
    if config.preset not in ("", start.preset) or start.preset == "":
        keys = sorted({*keys, "name"} | ({"steps"} if config.steps else {"epochs"}), key=list(new).index)
    drop = {"epochs"} if "steps" in keys and config.epochs is None else set()
    drop |= {"steps"} if "epochs" in keys and config.steps is None else set()
    return [change for key in keys if key not in drop for change in _change(key, old[key], new[key])]


def _change(key: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict) and set(old) <= set(new):
        return [f"{key}.{part}={value_text(part, value)}" for part, value in new.items() if value != old.get(part)]
    return [f"{key}={value_text(key, new)}"]


def value_text(key: str, value: Any) -> str:
    """A value as `--set` and the form take it."""
    if value is None:
        return ""
    if key in _LISTS:
        return ",".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
