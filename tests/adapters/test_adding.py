"""Adding an adapter: safetensors only, a safe name, whole or not at all; it is a variant at once."""

import json
from pathlib import Path

import pytest

from medeval.adapters.adding import add, safe_name
from medeval.adapters.catalogue import describe, find_variants
from medeval.errors import AdapterError, UsageError

from .conftest import peft_tensors


@pytest.mark.parametrize(
    ("given", "name"),
    [("v4", "v4"), ("  my adapter ", "my-adapter"), ("../../etc/passwd", "etc-passwd"), ("精准 V3", "精准-V3"),
     ("a/b\\c:d*e", "a-b-c-d-e"), ("x" * 99, "x" * 64), (".hidden", "hidden"), ("Ｖ４", "V4")],
)  # fmt: skip
def test_names_are_made_safe(given: str, name: str) -> None:
    assert safe_name(given) == name


@pytest.mark.parametrize("given", ["", "...", "/", "base", "Base", "CON", "lpt1"])
def test_names_that_cannot_be_used(given: str) -> None:
    with pytest.raises(UsageError):
        safe_name(given)


def test_an_added_adapter_is_a_variant_at_once(write, tmp_path: Path) -> None:
    source = write(peft_tensors(), name="run-7")
    (source / "optimizer.pt").write_bytes(b"\x80")
    target = tmp_path / "catalogue"
    assert list(find_variants(target)) == ["base"]
    adapter = add(source, target, "V4 试")
    assert (adapter.name, adapter.path) == ("V4-试", target / "V4-试")
    assert list(find_variants(target)) == ["base", "V4-试"]
    assert sorted(p.name for p in adapter.path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_uploaded_files_are_added(write, tmp_path: Path) -> None:
    source = write(peft_tensors(), name="up")
    files = [source / "adapter_model.safetensors", source / "adapter_config.json"]
    assert add(files, tmp_path / "catalogue", "up").name == "up"
    with pytest.raises(AdapterError, match="unknown file"):
        (source / "evil.bin").write_bytes(b"x")
        add([*files, source / "evil.bin"], tmp_path / "catalogue", "more")
    with pytest.raises(AdapterError, match="no adapter weights"):
        add(files[1:], tmp_path / "catalogue", "less")


def damaged(folder: Path) -> None:
    (folder / "adapter_model.safetensors").write_bytes(b"\x80\x04")


def without_config(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


@pytest.mark.parametrize("damage", [damaged, without_config, pickled])
def test_what_cannot_be_read_leaves_nothing(write, tmp_path: Path, damage) -> None:
    source = write(peft_tensors(), name="bad")
    damage(source)
    with pytest.raises(AdapterError):
        add(source, tmp_path / "catalogue")
    assert list((tmp_path / "catalogue").glob("*")) == []


def test_nothing_is_overwritten(write, tmp_path: Path) -> None:
    source = write(peft_tensors(), name="v1")
    add(source, tmp_path / "catalogue")
    with pytest.raises(UsageError, match="exists already"):
        add(source, tmp_path / "catalogue")


SETTINGS = {
    "good": ({"temperature": 0.7, "top_p": 0.9, "max_tokens": 300, "seed": 1}, ""),
    "unknown": ({"heat": 1}, "may only hold"),
    "too hot": ({"temperature": 9}, "temperature"),
    "half a token": ({"max_tokens": 1.5}, "max_tokens"),
    "truth": ({"seed": True}, "seed"),
    "a list": ([1], "may only hold"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_generation_settings_of_an_adapter(write, case: str) -> None:
    given, said = SETTINGS[case]
    folder = write(peft_tensors())
    (folder / "medeval.json").write_text(json.dumps({"generation": given, "labels": ["cardio"]}))
    if said:
        with pytest.raises(AdapterError, match=said):
            describe(folder)
        return
    assert describe(folder).labels == ("cardio",)
    variants = find_variants(folder.parent)
    assert dict(variants["v1"].generation) == given and dict(variants["base"].generation) == {}
