"""The catalogue: order, lineage, and folders that hide nothing."""

import json
from pathlib import Path

import pytest

from medeval.adapters.catalogue import find_adapters, find_problems, find_variants

from .conftest import peft_tensors


def sidecar(folder: Path, **content: object) -> None:
    (folder / "medeval.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def test_base_comes_first_and_lineage_is_followed(write) -> None:
    for name in ("v3", "v1", "v2"):
        write(peft_tensors(), name=name)
    root = write(peft_tensors(), name="v4").parent
    sidecar(root / "v3", trained_on=["v2"], title={"zh": "精准", "en": "Precise"})
    sidecar(root / "v4", trained_on=["v3"])
    variants = find_variants(root)
    assert list(variants) == ["base", "v1", "v2", "v3", "v4"]
    assert [a.name for a in variants["v3"].stack] == ["v2", "v3"]
    assert [a.name for a in variants["v4"].stack] == ["v2", "v3", "v4"]
    assert (variants["v3"].title("zh"), variants["v3"].title("en")) == ("精准", "Precise")


def test_no_folder_is_only_the_base(tmp_path: Path) -> None:
    assert list(find_variants(tmp_path / "none")) == ["base"]


def break_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").write_bytes(b"x")


def break_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def break_sidecar(folder: Path) -> None:
    (folder / "medeval.json").write_text("[1]")


def unknown_parent(folder: Path) -> None:
    sidecar(folder, trained_on=["v9"])


def circle(folder: Path) -> None:
    sidecar(folder, trained_on=[folder.name])


@pytest.mark.parametrize("fault", [break_weights, break_config, break_sidecar, unknown_parent, circle])
def test_a_bad_folder_hides_nothing(write, fault) -> None:
    write(peft_tensors(), name="v1")
    folder = write(peft_tensors(), name="v2")
    fault(folder)
    assert list(find_variants(folder.parent)) == ["base", "v1"]
    assert list(find_problems(folder.parent)) == ["v2"]


def test_the_name_of_the_base_is_reserved(write) -> None:
    folder = write(peft_tensors(), name="base")
    adapters, problems = find_adapters(folder.parent)
    assert adapters == [] and "reserved" in problems["base"][0]
