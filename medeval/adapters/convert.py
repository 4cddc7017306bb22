"""Converts an adapter folder from one dialect into the other and back, bit for bit.

Converting moves and transposes numbers and never rounds them. What the other dialect has no place for (names of older
producers, widths before zero filling, the configuration itself) is recorded in `medeval.json` beside the new weights
and put back by the conversion the other way, as long as the weights are still those that were written. A tensor that
multiplying by a scale has rounded is kept as it was in `medeval_originals.safetensors`.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np

from medeval.adapters.dialects import MLX_FILE, PEFT_FILE, Array, Lora, read_adapter, read_config, weights_file
from medeval.adapters.forms import Form, Key, mlx_form, peft_form, sees, to_mlx_name, to_peft_name
from medeval.adapters.sidecar import SIDECAR, file_sha256, read_sidecar, write_json
from medeval.adapters.tensorfile import encode, write_tensors
from medeval.adapters.weights import Header, read_header, read_tensors
from medeval.errors import AdapterError, UsageError

Target = Literal["mlx", "peft"]
_RECORD = "conversion"
ORIGINALS = "medeval_originals.safetensors"
_LEAVES = {".A": ".lora_a", ".B": ".lora_b"}


def convert(folder: Path, to: Target, out: Path) -> Path:
    """Writes the adapter of `folder` in the other dialect as the new folder `out`; returns it.

    Raises:
        AdapterError: the adapter cannot be read, holds no LoRA, or is in that dialect already.
        UsageError: `out` exists.
    """
    if out.exists():
        raise UsageError(f"{out} 已存在，请换一个名字 / {out} exists already, choose another name")
    lora = read_adapter(folder)
    _refuse(folder, lora, to)
    sidecar = read_sidecar(folder)
    source = weights_file(folder)
    header = read_header(source)
    config = read_config(folder)
    form = mlx_form(lora, config) if to == "mlx" else peft_form(lora, config)
    record = sidecar.pop(_RECORD, None)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        if isinstance(record, dict) and record.get("sha256") == file_sha256(source) and record.get("dialect") == to:
            extra = _restore(partial, form, record, folder / ORIGINALS)
        else:
            extra = _write(partial, to, form, lora, header, config, sidecar)
            extra[_RECORD]["originals"] = _keep_originals(partial, source, extra[_RECORD])
        if extra:
            write_json(partial / SIDECAR, extra)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def _refuse(folder: Path, lora: Lora, to: Target) -> None:
    if lora.problems:
        raise AdapterError([f"{folder.name}: {p}" for p in lora.problems])
    if lora.dialect == to:
        raise AdapterError([f"{folder.name}: 已经是 {to} 格式 / is in the dialect {to} already"])
    if not lora.factors:
        raise AdapterError([f"{folder.name}: 没有 LoRA 因子，无法转换 / holds no LoRA factors to convert"])


def _write(
    folder: Path, to: Target, form: Form, lora: Lora, header: Header, config: dict[str, Any], sidecar: dict[str, Any]
) -> dict[str, Any]:
    """Writes weights and configuration; returns the sidecar with the record of what was changed."""
    kinds = {info.dtype for info in header.tensors.values()}
    common = kinds.pop() if len(kinds) == 1 else "F32"
    folded = _folded(lora, config) if to == "mlx" else {}
    # a multiplied B needs room for the product
    written = {
        form.names[key]: ("F32" if key in folded else common, value) for key, value in form.tensors.items()
    }  # fmt: skip
    file = folder / (MLX_FILE if to == "mlx" else PEFT_FILE)
    write_tensors(file, written, {"format": "mlx" if to == "mlx" else "pt"})
    write_json(folder / "adapter_config.json", form.config)
    vision = sees([*(f.module for f in lora.factors), *lora.whole])
    record = {
        "dialect": "peft" if lora.dialect == "peft" else "mlx",
        "sha256": file_sha256(file),
        "config": config,
        "metadata": dict(header.metadata),
        "tensors": {
            name: {"as": _usual(name, lora, vision), "dtype": info.dtype, "shape": list(info.shape)}
            for name, info in header.tensors.items()
        },
        "folded": {form.names[key]: ratio for key, ratio in folded.items()},
        "side_by_side": _side_by_side(lora),
        "sidecar": dict(sidecar),
    }
    kept = {k: v for k, v in sidecar.items() if k != "sha256"}
    return {**kept, "sha256": record["sha256"], "notes": form.notes, _RECORD: record}


def _folded(lora: Lora, config: dict[str, Any]) -> dict[Key, float]:
    """The ratio that was multiplied into each B."""
    plain = mlx_form(lora, config)
    scale = plain.config["lora_parameters"]["scale"]
    vision = sees([*(f.module for f in lora.factors), *lora.whole])
    ratios = {to_mlx_name(f.module, vision): f.scale / scale for f in lora.factors if f.scale != scale}
    return {key: ratios[key[0]] for key in plain.tensors if key[1] == "b" and key[0] in ratios}


def _side_by_side(lora: Lora) -> list[str]:
    """Expert layers of MLX whose gate and up have an A of their own."""
    halves: dict[str, dict[str, Array]] = {}
    for factor in lora.factors:
        if factor.half:
            halves.setdefault(factor.module, {})[factor.half] = factor.a
    return [
        m for m, found in halves.items() if len(found) == 2 and not np.array_equal(found["first"], found["second"])
    ]


def _usual(name: str, lora: Lora, vision: bool) -> str:
    """The name under which the conversion back would write this tensor, were there no record."""
    if lora.dialect == "peft":
        from medeval.adapters.dialects import split_peft_name

        module, part = split_peft_name(name)
        module = to_peft_name(to_mlx_name(module, vision))
        return f"base_model.model.{module}" + (f".{part}" if part else "")
    for old, new in _LEAVES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return to_mlx_name(to_peft_name(name), vision)


def _restore(folder: Path, form: Form, record: dict[str, Any], originals: Path) -> dict[str, Any]:
    """Writes the recorded adapter (its own names, widths, dtypes, configuration); returns its own sidecar."""
    kept: dict[str, Array] = {}
    if record.get("originals"):
        if not originals.is_file() or file_sha256(originals) != record["originals"]:
            raise AdapterError([
                f"{ORIGINALS} 缺失或被改动，无法逐位还原"
                f" / {ORIGINALS} is missing or changed: no exact way back"
            ])
        kept = read_tensors(originals)
    file = PEFT_FILE if record["dialect"] == "peft" else MLX_FILE
    back = _recorded(form, record, frozenset(kept))
    back |= {name: (record["tensors"][name]["dtype"], value) for name, value in kept.items()}
    write_tensors(folder / file, back, record["metadata"] or {"format": "pt"})
    write_json(folder / "adapter_config.json", record["config"])
    return dict(record["sidecar"])


def _recorded(form: Form, record: dict[str, Any], without: frozenset[str]) -> dict[str, tuple[str, Array]]:
    """The tensors of the adapter that was converted, from the form of its converted weights."""
    keys = {name: key for key, name in form.names.items()}
    ratios = {keys.get(_counterpart(name)): ratio for name, ratio in record["folded"].items()}
    written: dict[str, tuple[str, Array]] = {}
    for name, entry in record["tensors"].items():
        if name in without:
            continue
        key = keys[entry["as"]]
        value = _narrow(form.tensors[key], tuple(entry["shape"]), key, record)
        written[name] = (entry["dtype"], value / np.float32(ratios[key]) if key in ratios else value)
    return written


def _keep_originals(folder: Path, source: Path, record: dict[str, Any]) -> str:
    """Converts back in memory and compares; tensors that would not come back bit for bit are kept as they are.

    Returns:
        Hash of the file of kept tensors, empty where none is needed.
    """
    lora, config = read_adapter(folder), read_config(folder)
    form = peft_form(lora, config) if record["dialect"] == "peft" else mlx_form(lora, config)
    original = read_tensors(source)
    try:
        back = _recorded(form, record, frozenset())
    except (KeyError, ValueError):
        back = {}
    kinds = {name: str(entry["dtype"]) for name, entry in record["tensors"].items()}
    changed = [
        n for n, kind in kinds.items() if n not in back or encode(back[n][1], kind) != encode(original[n], kind)
    ]
    if not changed:
        return ""
    write_tensors(folder / ORIGINALS, {n: (kinds[n], original[n]) for n in changed}, {"format": "pt"})
    return file_sha256(folder / ORIGINALS)


def _counterpart(mlx_b: str) -> str:
    return f"base_model.model.{to_peft_name(mlx_b.removesuffix('.lora_b'))}.lora_B.weight"


def _narrow(value: Array, shape: tuple[int, ...], key: Key, record: dict[str, Any]) -> Array:
    """Takes the filling off again; of experts side by side, up's columns follow gate's."""
    if value.size == int(np.prod(shape)):
        return value.reshape(shape)
    module = key[0].replace(".switch_mlp.up_proj", ".experts.gate_up_proj")
    second = module != key[0] and module in record["side_by_side"]
    cut = tuple(
        slice(wanted, 2 * wanted) if second and have != wanted else slice(0, wanted)
        for have, wanted in zip(value.shape, shape, strict=True)
    )
    return np.ascontiguousarray(value[cut])


def read_notes(folder: Path) -> list[str]:
    """What a conversion could not carry over exactly into the form of its target, for people."""
    try:
        return [str(n) for n in read_sidecar(folder).get("notes") or ()]
    except (ValueError, json.JSONDecodeError):
        return []
