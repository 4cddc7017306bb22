"""Fused models in MLX: the 16-bit folder loads as it is, 8- and 4-bit ones are packed, the vision tower is not."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from medeval.errors import MissingPackageError
from medeval.fusion import quantise as quantising
from medeval.fusion.folder import is_vision, read_folder
from medeval.fusion.quantise import check_mlx, group_size, quantise
from medeval.fusion.space import model_bytes
from medeval.fusion.write import copy_rest, write_fused

from .test_write import fused_into, stack_of

needs_mlx = pytest.mark.skipif(find_spec("mlx_vlm") is None, reason="mlx-vlm is not installed")


def load(folder: Path, sees: bool) -> object:
    """By the library itself, not by an engine of ours."""
    if sees:
        from mlx_vlm.utils import load_model

        return load_model(folder)
    from mlx_lm.utils import load_model as load_text

    return load_text(folder)[0]


@needs_mlx
@pytest.mark.parametrize(("base", "name", "bits"), [("text", "plain", 4), ("vl", "top", 8), ("moe", "experts", 4)])
def test_mlx_reads_what_is_written(made, tmp_path: Path, base: str, name: str, bits: int) -> None:
    written = fused_into(made(base), name, tmp_path / "fused", dtype="float16")
    if base != "moe":  # a tiny model's square experts read differently in mlx-vlm than in transformers
        load(tmp_path / "fused", base != "text")
    (tmp_path / "packed").mkdir()
    quantise(tmp_path / "fused", tmp_path / "packed", bits, 32)
    copy_rest(tmp_path / "fused", tmp_path / "packed")
    packed = read_folder(tmp_path / "packed")
    load(tmp_path / "packed", base != "text")
    assert packed.config["quantization"]["bits"] == bits and packed.vision_tensors == written.vision_after
    found = {t.name: t.packed for t in packed.tensors.values() if len(t.shape) > 1}
    assert all((p is None) == is_vision(n) for n, p in found.items() if "pos_embed" not in n)
    estimate = model_bytes(read_folder(tmp_path / "fused"), bits)
    actual = sum(p.stat().st_size for p in (tmp_path / "packed").glob("*.safetensors"))
    assert abs(estimate - actual) < 0.25 * actual


@needs_mlx
def test_a_quantised_base_is_unpacked_before_it_is_fused(made, tmp_path: Path) -> None:
    import numpy as np

    root = made("vl")
    (tmp_path / "base").mkdir()
    quantise(root / "base", tmp_path / "base", 8, 32)
    copy_rest(root / "base", tmp_path / "base")
    base = read_folder(tmp_path / "base")
    assert base.quantised and base.shapes == read_folder(root / "base").shapes
    (tmp_path / "fused").mkdir()
    write_fused(base, stack_of(root, "plain", tmp_path / "base"), tmp_path / "fused")
    fused_into(root, "plain", tmp_path / "exact")
    fused = read_folder(tmp_path / "fused")
    assert not fused.quantised and "quantization" not in fused.config
    from medeval.fusion.column import parameter

    exact = read_folder(tmp_path / "exact")
    for name in exact.shapes:
        assert np.allclose(parameter(fused, name), parameter(exact, name), atol=0.05), name


def test_without_mlx_the_line_that_installs_it_is_given(monkeypatch) -> None:
    monkeypatch.setattr(quantising, "find_spec", lambda name: None)
    for sees, name in ((True, "mlx-vlm"), (False, "mlx-lm")):
        with pytest.raises(MissingPackageError, match=f"pip install {name}"):
            check_mlx(sees)


@pytest.mark.parametrize(
    ("widths", "group"),
    [({"hidden_size": 256, "intermediate_size": 768}, 64), ({"hidden_size": 32, "intermediate_size": 64}, 32),
     ({"hidden_size": 2048, "moe_intermediate_size": 768}, 64), ({"hidden_size": 50}, 32)],
)  # fmt: skip
def test_the_group_fits_the_widths(widths: dict[str, int], group: int) -> None:
    assert group_size({"text_config": widths}) == group == group_size(json.loads(json.dumps(widths)))
