"""The gate: every fault refused, with its reason, all at once."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medeval.adapters.gate import check_adapter
from medeval.adapters.variant import Adapter
from medeval.errors import AdapterError

from .conftest import SHAPES, Q, V, peft_tensors


def change(name: str, edit) -> dict[str, np.ndarray]:
    tensors = peft_tensors()
    tensors[name] = edit(tensors[name].copy())
    return tensors


def with_nan(value: np.ndarray) -> np.ndarray:
    value[0, 0] = np.nan
    return value


FAULTS = {
    "nan": (change(f"{Q}.lora_A.weight", with_nan), "NaN"),
    "infinity": (change(f"{Q}.lora_B.weight", lambda v: v * np.inf), "NaN"),
    "half the keys": ({k: v for k, v in peft_tensors().items() if "lora_A" in k}, "lora_B is missing"),
    "renamed": ({k.replace("self_attn", "attention"): v for k, v in peft_tensors().items()}, "no layer name fits"),
    "one renamed": ({k.replace(V, V + "x"): v for k, v in peft_tensors().items()}, "v_projx"),
    "deeper base": ({k.replace("layers.0", "layers.7"): v for k, v in peft_tensors().items()}, "layers.7"),
    "other width": (change(f"{Q}.lora_A.weight", lambda v: np.ones((2, 12), np.float32)), "(8, 12)"),
    "other height": (change(f"{V}.lora_B.weight", lambda v: np.ones((9, 2), np.float32)), "(9, 6)"),
    "ranks differ": (change(f"{Q}.lora_A.weight", lambda v: np.ones((3, 6), np.float32)), "do not fit"),
    "all B zero": ({k: v * ("lora_A" in k) for k, v in peft_tensors().items()}, "B is zero"),
    "stray tensor": (peft_tensors() | {"base_model.model.oops.weight": np.ones((2, 2), np.float32)}, "oops"),
    "saved head of other size": (peft_tensors() | {"base_model.model.lm_head.weight": np.ones((11, 6), np.float32)},
                                 "(11, 6)"),
    "nothing": ({"base_model.model.x.lora_C.weight": np.ones((2, 2), np.float32)}, "no tensor"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_refused(write, fault: str) -> None:
    tensors, said = FAULTS[fault]
    tensors = {k: np.ascontiguousarray(v.astype(np.float32)) for k, v in tensors.items()}
    with pytest.raises(AdapterError) as error:
        check_adapter(Adapter("v1", write(tensors)), SHAPES)
    assert any(said in p for p in error.value.problems), error.value.problems
    assert all(p.startswith("v1: ") for p in error.value.problems)


def test_every_mismatch_is_listed(write) -> None:
    tensors = {k.replace("layers.0", "layers.9"): v for k, v in peft_tensors().items()}
    tensors |= {k: v for k, v in peft_tensors().items() if k.startswith(Q)}
    tensors[f"{Q}.lora_B.weight"] = np.ones((5, 2), np.float32)
    with pytest.raises(AdapterError) as error:
        check_adapter(Adapter("v1", write(tensors)), SHAPES)
    assert len(error.value.problems) == 3


def test_a_good_adapter_passes(write) -> None:
    checked = check_adapter(Adapter("v1", write(peft_tensors())), SHAPES, "sha256:base")
    assert [f.module for f in checked.factors] == [
        "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"
    ]  # fmt: skip
    assert checked.sha256.startswith("sha256:")


def test_recorded_hashes_are_compared(write) -> None:
    folder: Path = write(peft_tensors())
    adapter = Adapter("v1", folder, base_fingerprint="sha256:one", sha256="sha256:" + "0" * 64)
    with pytest.raises(AdapterError) as error:
        check_adapter(adapter, SHAPES, "sha256:two")
    assert ["sha256" in error.value.problems[0], "another base" in error.value.problems[1]] == [True, True]
    digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert check_adapter(replace(adapter, base_fingerprint="sha256:two", sha256=digest), SHAPES, "sha256:two")


def test_a_flipped_bit_is_found_by_the_recorded_hash(write) -> None:
    folder: Path = write(peft_tensors())
    file = folder / "adapter_model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(AdapterError, match="recorded sha256"):
        check_adapter(Adapter("v1", folder, sha256=digest), SHAPES)
