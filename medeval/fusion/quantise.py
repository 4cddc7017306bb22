"""Writes a fused 16-bit model as an 8- or 4-bit one, by mlx-vlm's and mlx-lm's own quantisation.

`python -m medeval.fusion.quantise SOURCE TARGET BITS GROUP` runs in a process of its own: the whole model is in memory
there and gone afterwards. The vision tower stays unquantised, as mlx-vlm leaves it.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError, MissingPackageError

GROUPS = (64, 32)


def check_mlx(sees: bool) -> None:
    """Raises MissingPackageError, with the line that installs it, where quantising is not possible here."""
    package = "mlx_vlm" if sees else "mlx_lm"
    if find_spec("mlx") is None or find_spec(package) is None:
        name = package.replace("_", "-")
        raise MissingPackageError(
            f"8/4 位模型由 {name} 写出，此处未安装；可先用 --bits 16"
            f" / 8- and 4-bit models are written by {name}, which is not installed: pip install {name}"
        )


def group_size(config: dict[str, Any]) -> int:
    """The group that the model's widths allow; layers that fit none stay as they are, as in those libraries."""
    text = config.get("text_config") or config
    widths = [w for key in ("hidden_size", "intermediate_size", "moe_intermediate_size") if (w := text.get(key))]
    return next((g for g in GROUPS if all(w % g == 0 for w in widths)), GROUPS[-1])


def quantise(source: Path, target: Path, bits: int, group: int) -> None:
    """Loads the model folder `source`, quantises it and writes weights and config into `target`.

    Raises:
        EngineError: the model cannot be loaded by MLX.
    """
    from medeval.engines.contract import BaseRef
    from medeval.engines.mlx.loading import load_base
    from medeval.fusion.folder import read_folder

    config = json.loads((source / "config.json").read_text("utf-8"))
    sees = bool(config.get("vision_config"))
    dtype = _dtype([t.dtype for t in read_folder(source).tensors.values()])
    model = load_base(BaseRef(str(source), dtype=dtype, offline=True)).model  # type: ignore[arg-type]
    _plain_embedding(model)
    rule = getattr(model, "quant_predicate", None)
    if sees:
        from mlx_vlm.quant_utils import quantize_model
        from mlx_vlm.utils import save_config, save_weights, skip_multimodal_module

        def wanted(path: str, module: Any) -> Any:
            return False if skip_multimodal_module(path) else rule(path, module) if rule else True

        model, config = quantize_model(model, config, group, bits, mode="affine", quant_predicate=wanted)
        save_weights(target, model, donate_weights=True)
    else:
        from mlx_lm.utils import quantize_model as quantize_text
        from mlx_lm.utils import save_config, save_model

        model, config = quantize_text(model, config, group, bits)
        save_model(target, model, donate_model=True)
    config["quantization_config"] = config["quantization"]
    save_config(config, target / "config.json")


def _plain_embedding(model: Any) -> None:
    """Takes off the wrapper by which the engine tells the two uses of a tied embedding apart."""
    from medeval.engines.mlx.tree import Tied

    inner = getattr(model, "language_model", model).model
    if isinstance(inner["embed_tokens"], Tied):
        inner["embed_tokens"] = inner["embed_tokens"].embedding


def _dtype(kinds: list[str]) -> str:
    names = {"F16": "float16", "BF16": "bfloat16"}
    return names.get(max(set(kinds), key=kinds.count), "bfloat16")


if __name__ == "__main__":
    try:
        quantise(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    except MedevalError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
