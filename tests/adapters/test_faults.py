"""Twelve damaged adapters against a real tiny base: each refused with its reason, the good one beside them works."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tiny_models import build_adapter, build_base

from medeval.adapters.catalogue import find_problems, find_variants
from medeval.adapters.fingerprint import base_fingerprint
from medeval.engines.contract import BaseRef, Receipt
from medeval.engines.torch import TorchEngine

WEIGHTS = "adapter_model.safetensors"


def edit(folder: Path, change: Callable[[dict], dict]) -> None:
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})


def wider(tensors: dict) -> dict:
    return {k: (v.repeat(2, axis=1) if "lora_A" in k else v) for k, v in tensors.items()}


def moved(tensors: dict) -> dict:
    """As trained on a base of more layers than this one has."""
    return tensors | {k.replace("layers.0", "layers.2"): v for k, v in tensors.items() if "layers.0" in k}


def first_layer(tensors: dict) -> dict:
    """As trained on a base of fewer layers than this one has."""
    return {k: v for k, v in tensors.items() if "layers.0" in k}


def half(tensors: dict) -> dict:
    stems = sorted({k.split(".lora_")[0] for k in tensors})
    return {k: v for k, v in tensors.items() if k.split(".lora_")[0] in stems[::2]}


def with_nan(tensors: dict) -> dict:
    first = next(iter(tensors.values()))
    first[0, 0] = float("nan")
    return tensors


def flip(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    (folder / "medeval.json").write_text(json.dumps({"sha256": digest}))
    content[-2] ^= 4
    (folder / WEIGHTS).write_bytes(content)


def other_base(folder: Path) -> None:
    (folder / "medeval.json").write_text(json.dumps({"base_fingerprint": "sha256:" + "ab" * 32}))


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04\x95")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "other width": (lambda f: edit(f, wider), "the base has"),
    "base shallower": (lambda f: edit(f, moved), "layers.2"),
    "base deeper": (lambda f: edit(f, first_layer), "targeted layers are missing"),
    "same shape, other base": (other_base, "trained on another base"),
    "renamed keys": (lambda f: edit(f, lambda t: {k.replace("model.layers", "net.blocks"): v for k, v in t.items()}),
                     "no layer name fits"),
    "half the keys": (lambda f: edit(f, half), "7 of 14 targeted layers are missing"),
    "nan": (lambda f: edit(f, with_nan), "NaN"),
    "bit flip": (flip, "recorded sha256"),
    "truncated": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-100]), "truncated"),
    "huge header": (lambda f: (f / WEIGHTS).write_bytes((10**12).to_bytes(8, "little") + b"{}" * 40), "damaged"),
    "pickle": (pickled, "only .safetensors is read"),
    "zero B": (lambda f: edit(f, lambda t: {k: v * ("lora_A" in k) for k, v in t.items()}), "B is zero"),
}  # fmt: skip


@pytest.fixture(scope="module")
def receipt(tmp_path_factory) -> tuple[Receipt, dict[str, list[str]]]:
    root = tmp_path_factory.mktemp("faults")
    base = build_base(root / "base", "text")
    good = build_adapter(base, root / "adapters" / "good", target_modules=[
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])  # fmt: skip
    (good / "medeval.json").write_text(json.dumps({"base_fingerprint": base_fingerprint(base)}))
    for name, (damage, _) in FAULTS.items():
        folder = root / "adapters" / name
        shutil.copytree(good, folder)
        damage(folder)
    engine = TorchEngine()
    made = engine.open(BaseRef(str(base)), list(find_variants(root / "adapters").values()))
    engine.close()
    return made, find_problems(root / "adapters") | made.refused


def test_only_the_sound_adapter_is_loaded(receipt) -> None:
    assert [v.variant for v in receipt[0].variants] == ["base", "good"]
    assert sorted(receipt[1]) == sorted(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused_with_its_reason(receipt, fault: str) -> None:
    said = FAULTS[fault][1]
    assert any(said in problem for problem in receipt[1][fault]), receipt[1][fault]
