"""A converted adapter gives the same logits as the original, in both engines and in the producers' own libraries."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from tiny_models import Kind, build_adapter, build_base

from medeval.adapters.catalogue import find_variants
from medeval.adapters.convert import convert
from medeval.adapters.dialects import read_adapter
from medeval.engines.contract import BaseRef, Message
from medeval.fusion.forward import Floats, forward_mlx, forward_torch

from .test_convert import same_bits

torch.set_num_threads(1)
EXPERTS = ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]
OPTIONS: dict[Kind, dict[str, dict[str, object]]] = {
    "text": {"plain": {}},
    "vl": {"plain": {}, "patterns": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}}},
    "moe": {"plain": {}, "experts": {"target_modules": ["q_proj"], "target_parameters": EXPERTS}},
}
IDS = [9, 40, 77, 120, 33]
HAVE_MLX = find_spec("mlx_vlm") is not None


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Callable[[Kind], Path]:
    found: dict[Kind, Path] = {}

    def build(kind: Kind) -> Path:
        if kind not in found:
            root = tmp_path_factory.mktemp(kind)
            base = build_base(root / "base", kind)
            for seed, (name, options) in enumerate(OPTIONS[kind].items(), 3):
                folder = build_adapter(base, root / "adapters" / name, seed=seed, **options)
                there = convert(folder, "mlx", root / "adapters" / f"{name}-mlx")
                same_bits(folder, convert(there, "peft", root / "back" / name))
            found[kind] = root
        return found[kind]

    return build


def logits(root: Path, engine: str) -> dict[str, Floats]:
    variants = list(find_variants(root / "adapters").values())
    if engine == "mlx":
        from medeval.engines.mlx.opening import open_base as open_mlx

        opened, forward = open_mlx(BaseRef(str(root / "base")), variants), forward_mlx
    else:
        from medeval.engines.torch.opening import open_base

        opened, forward = open_base(BaseRef(str(root / "base")), variants), forward_torch
    assert opened.receipt.refused == {}
    prompt = opened.encoder.encode((Message("user", "血压140/90?"),))
    return {v.name: forward(opened, v.name, prompt, IDS) for v in variants}


@pytest.mark.parametrize("kind", OPTIONS)
def test_both_dialects_in_both_engines(made, kind: Kind) -> None:
    found = {name: logits(made(kind), name) for name in (["torch", "mlx"] if HAVE_MLX else ["torch"])}
    for name in OPTIONS[kind]:
        wanted = found["torch"][name]
        size = np.abs(wanted).max()
        assert np.abs(wanted - found["torch"]["base"]).max() > 1e-2 * size, "the adapter must matter"
        for engine, got in found.items():
            # the same factors in another layout: nothing but the order of sums may differ
            assert np.abs(got[name] - got[f"{name}-mlx"]).max() < 1e-5 * size, engine
            assert np.abs(wanted - got[name]).max() < 1e-5 * size, engine


@pytest.mark.parametrize("kind", OPTIONS)
def test_peft_itself_reads_what_comes_from_mlx(made, kind: Kind, tmp_path: Path) -> None:
    """The way back without a record, as for an adapter that mlx-vlm trained."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    root = made(kind)
    loader = AutoModelForCausalLM if kind == "text" else AutoModelForImageTextToText
    ids = torch.tensor([[5, 40, 77, 120, 33]])
    for name in OPTIONS[kind]:
        foreign = tmp_path / f"{name}-foreign"
        foreign.mkdir()
        for file in ("adapters.safetensors", "adapter_config.json"):
            (foreign / file).write_bytes((root / "adapters" / f"{name}-mlx" / file).read_bytes())
        back = convert(foreign, "peft", tmp_path / name)
        assert {f.rank for f in read_adapter(back).factors} != {0}
        got = []
        for folder in (root / "adapters" / name, back):
            model = PeftModel.from_pretrained(loader.from_pretrained(root / "base", dtype=torch.float32), folder)
            with torch.inference_mode():
                got.append(model.eval()(input_ids=ids).logits)
        assert torch.allclose(got[0], got[1], atol=1e-4), name


@pytest.mark.skipif(not HAVE_MLX, reason="mlx-vlm is not installed")
@pytest.mark.parametrize("kind", ["text", "vl"])
def test_mlx_itself_reads_what_comes_from_peft(made, kind: Kind) -> None:
    import mlx.core as mx

    root = made(kind)
    ids = mx.array([[5, 40, 77, 120, 33]])
    folder = root / "adapters" / "plain-mlx"
    if kind == "text":
        from mlx_lm.tuner.utils import load_adapters
        from mlx_lm.utils import load_model as load_text

        bare, adapted = (load_text(root / "base")[0] for _ in range(2))
        adapted = load_adapters(adapted, str(folder))
        one, two = bare(ids), adapted(ids)
    else:
        from mlx_vlm.trainer.peft import apply_lora_layers
        from mlx_vlm.utils import load_model

        bare, adapted = (load_model(root / "base") for _ in range(2))
        adapted = apply_lora_layers(adapted, str(folder))
        one, two = bare(ids).logits, adapted(ids).logits
    adapted.eval()
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    loader = AutoModelForCausalLM if kind == "text" else AutoModelForImageTextToText
    from peft import PeftModel

    model = PeftModel.from_pretrained(
        loader.from_pretrained(root / "base", dtype=torch.float32), root / "adapters" / "plain"
    )
    with torch.inference_mode():
        wanted = model.eval()(input_ids=torch.tensor([[5, 40, 77, 120, 33]])).logits.numpy()
    assert np.abs(np.array(two) - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert np.abs(np.array(one) - wanted).max() > 1e-2
