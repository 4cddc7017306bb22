"""Makes the engines that the suites run for."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from medeval.engines.torch import TorchEngine
from medeval.engines.worker import RowEngine

BACKENDS = ("torch", "mlx")


def make_row_engine(backend: str, **options: Any) -> RowEngine[Any]:
    """An engine of that library, not yet opened; skips where the library is not installed."""
    if backend == "torch":
        return TorchEngine(**options)
    needs_mlx()
    from medeval.engines.mlx import MLXEngine

    return MLXEngine(**options)


def needs_mlx() -> None:
    """Skips where MLX is not installed."""
    if find_spec("mlx_vlm") is None:
        pytest.skip("mlx-vlm is not installed (requirements-dev.txt has it)")


def as_published(base: Path, folder: Path) -> Path:
    """A copy with the fused experts as the published checkpoints have them, [experts, hidden, 2 x inner]."""
    shutil.copytree(base, folder)
    tensors = load_file(base / "model.safetensors")
    for name, value in tensors.items():
        # Square ones are read in transformers' own order.
        if ".experts." in name and value.shape[1] != value.shape[2]:
            tensors[name] = np.ascontiguousarray(value.swapaxes(1, 2))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def quantised(base: Path, folder: Path, bits: int) -> Path:
    """Writes `base` as mlx-vlm's converter does: text layers packed, vision tower and norms not."""
    needs_mlx()
    import mlx.core as mx
    from mlx_vlm.quant_utils import quantize_model
    from mlx_vlm.utils import load_config, load_model, save_config, save_weights, skip_multimodal_module

    source = as_published(base, folder.with_name(f"{folder.name}-published"))
    model, config = load_model(source), load_config(source)
    model, config = quantize_model(
        model, config, 32, bits, quant_predicate=lambda path, module: not skip_multimodal_module(path)
    )
    save_weights(folder, model)
    save_config(config, folder / "config.json")
    for file in base.iterdir():
        if file.name != "config.json" and file.suffix != ".safetensors":
            shutil.copy(file, folder)
    assert json.loads((folder / "config.json").read_text())["quantization"]["bits"] == bits
    mx.clear_cache()
    return folder
