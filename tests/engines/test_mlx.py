"""What is MLX's own: packed bases, adapters as mlx-vlm writes them, the same numbers as torch, no torch needed."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from backends import as_published, make_row_engine, needs_mlx, quantised
from older_models import FAMILIES, build_family
from safetensors.numpy import load_file, save_file
from test_batching import TEXTS, VARIANTS, alone, answers, image, requests_for, shown
from tiny_models import KINDS, Kind, build_adapter

from medeval.adapters.catalogue import find_variants
from medeval.engines.contract import BaseRef, Decoding, Message
from medeval.engines.torch.opening import open_base as open_torch
from medeval.errors import EngineError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def mlx() -> None:
    needs_mlx()


def open_mlx(base: Path, adapters: Path):
    """Opens on this test's own thread, so that its arrays may be looked at here."""
    from medeval.engines.mlx.opening import open_base

    return open_base(BaseRef(str(base)), list(find_variants(adapters).values()))


@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_those_of_torch(tiny, kind: Kind, tmp_path: Path) -> None:
    root = tiny(kind)
    compare_with_torch(root / "base", root / "adapters", (*VARIANTS, "v2mlx"), tmp_path, 2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_of_other_families_equal_those_of_torch(family: str, tmp_path: Path) -> None:
    base = build_family(tmp_path / "base", family)
    targets = {} if family.endswith("vl") else {"target_modules": ["q_proj", "down_proj", "lm_head"]}
    build_adapter(base, tmp_path / "adapters" / "v1", 3, 2, **targets)
    compare_with_torch(base, tmp_path / "adapters", ("base", "v1"), tmp_path, 1e-4)


def compare_with_torch(base: Path, adapters: Path, names: tuple[str, ...], tmp_path: Path, within: float) -> None:
    """Ids, positions and pixels equal, first logits of every variant within a bound, with and without images."""
    ours = open_mlx(base, adapters)
    theirs = open_torch(BaseRef(str(base)), list(find_variants(adapters).values()))
    assert ours.receipt.refused == theirs.receipt.refused == {}
    assert [v.mode for v in ours.receipt.variants] == [v.mode for v in theirs.receipt.variants]
    both = (image(tmp_path), image(tmp_path, "b.png", (64, 128), 1))
    for images in [(), both] if ours.base.sees else [()]:
        message = (Message("user", TEXTS[0], images),)
        prompt, other = ours.encoder.encode(message), theirs.encoder.encode(message)
        assert prompt.ids.tolist() == other.ids.tolist() and prompt.next_position == other.next_position
        assert np.array_equal(prompt.positions, other.positions.numpy())
        if prompt.pixels is not None:
            assert np.array_equal(prompt.pixels.values, other.pixels.values.numpy())
        for name in names:
            ours.batch.plan.assign([name], prefill=True)
            mine = np.array(ours.batch.read([prompt])[0][0])
            assert np.abs(mine - torch_logits(theirs, name, other)).max() < within, (name, bool(images))


def torch_logits(opened, variant: str, prompt) -> np.ndarray:
    opened.batch.plan.assign([variant], prefill=True)
    extra = {}
    if prompt.pixels is not None:
        kinds = (prompt.ids == opened.encoder.image_id).int()[None]
        extra = {"pixel_values": prompt.pixels.values, "image_grid_thw": prompt.pixels.grid, "mm_token_type_ids": kinds}
    with torch.inference_mode():
        return opened.base.model(input_ids=prompt.ids[None], **extra).logits[0, -1].numpy()


def write_mlx_vlm_adapter(base: Path, folder: Path, legacy: bool) -> tuple[Path, np.ndarray, list[int]]:
    """An adapter by mlx-vlm's own trainer functions, and the logits of mlx-vlm itself with it on some ids."""
    import mlx.core as mx
    from mlx.utils import tree_flatten, tree_unflatten
    from mlx_vlm.trainer.peft.utils import apply_lora_layers, get_peft_model, save_adapter
    from mlx_vlm.utils import load_model

    model = get_peft_model(load_model(base), rank=4, alpha=8.0, dropout=0.0, verbose=False, legacy=legacy)
    mx.random.seed(5)
    moved = [(n, v + 0.1 * mx.random.normal(v.shape)) for n, v in tree_flatten(model.trainable_parameters())]
    model.update(tree_unflatten(moved))
    folder.mkdir(parents=True)
    save_adapter(model, folder / "adapters.safetensors")
    fresh = apply_lora_layers(load_model(base), folder)
    fresh.eval()
    ids = list(range(10, 60, 3))
    return folder, np.array(fresh(mx.array([ids])).logits[0]), ids


@pytest.mark.parametrize("legacy", [False, True], ids=["keys", "old form"])
@pytest.mark.parametrize("bits", [None, 4], ids=["float", "4-bit"])
def test_an_adapter_of_mlx_vlm_acts_as_in_mlx_vlm(tiny, tmp_path: Path, bits: int | None, legacy: bool) -> None:
    base = tiny("vl") / "base"
    base = quantised(base, tmp_path / "base", bits) if bits else base
    _, expected, ids = write_mlx_vlm_adapter(base, tmp_path / "adapters" / "made", legacy)
    opened = open_mlx(base, tmp_path / "adapters")
    badge = opened.receipt.variants[1]
    assert opened.receipt.refused == {} and badge.mode == "batched" and badge.tensors_matched == badge.tensors_expected
    opened.batch.plan.assign(["made"], prefill=True)
    found = np.array(opened.batch.logits(np.array([ids], dtype=np.int32))[0])
    assert np.abs(found - expected).max() < 1e-4


def test_mlx_vlm_and_peft_adapters_side_by_side_in_either_engine(tiny, tmp_path: Path) -> None:
    root = tiny("vl")
    write_mlx_vlm_adapter(root / "base", tmp_path / "adapters" / "by_mlx", False)
    shutil.copytree(root / "adapters" / "v1", tmp_path / "adapters" / "by_peft")
    names = ("base", "by_mlx", "by_peft")
    found = {}
    for backend in ("torch", "mlx"):
        engine = make_row_engine(backend)
        receipt = engine.open(BaseRef(str(root / "base")), list(find_variants(tmp_path / "adapters").values()))
        assert {v.variant: (v.mode, v.dialect) for v in receipt.variants} == {
            "base": ("base", ""), "by_mlx": ("batched", "mlx"), "by_peft": ("batched", "peft")
        }  # fmt: skip
        requests = requests_for(TEXTS[:2], names, (image(tmp_path),))
        found[backend] = shown(answers(engine, requests))
        assert found[backend] == shown(alone(engine, requests))
        engine.close()
    assert found["torch"] == found["mlx"]
    assert len({found["mlx"][f"0/{n}"] for n in names}) == 3


@pytest.mark.parametrize(("kind", "bits"), [("vl", 4), ("moe", 4), ("text", 8)])
def test_a_packed_base_batches_as_it_answers_alone(tiny, kind: Kind, bits: int, tmp_path: Path) -> None:
    root = tiny(kind)
    pack = quantised_text if kind == "text" else quantised
    base = pack(root / "base", tmp_path / "base", bits)
    engine = make_row_engine("mlx")
    receipt = engine.open(BaseRef(str(base)), list(find_variants(root / "adapters").values()))
    try:
        assert receipt.dtype == f"float32 ({bits}-bit)" and receipt.refused == {}
        for images in [()] if kind == "text" else [(), (image(tmp_path),)]:
            requests = requests_for(TEXTS, VARIANTS, images)
            together = answers(engine, requests)
            assert shown(together) == shown(alone(engine, requests))
            assert len({together[f"0/{v}"].text for v in VARIANTS}) == len(VARIANTS)
    finally:
        engine.close()


def quantised_text(base: Path, folder: Path, bits: int) -> Path:
    """Writes a text base packed as mlx-lm does."""
    from mlx_lm.utils import load_model, quantize_model, save_config, save_model

    model, config = load_model(base)
    model, config = quantize_model(model, config, 32, bits)
    save_model(folder, model)
    save_config(config, folder / "config.json")
    for file in base.iterdir():
        if file.name != "config.json" and file.suffix != ".safetensors":
            shutil.copy(file, folder)
    return folder


def test_half_precision_on_a_packed_base(tiny, tmp_path: Path) -> None:
    base = quantised(tiny("vl") / "base", tmp_path / "base", 4)
    engine = make_row_engine("mlx")
    receipt = engine.open(BaseRef(str(base), dtype="bfloat16"), list(find_variants(tiny("vl") / "adapters").values()))
    try:
        assert receipt.dtype == "bfloat16 (4-bit)" and receipt.refused == {}
        assert any("4-bit" in note for note in receipt.notes)
        found = answers(engine, requests_for(TEXTS[1:2], ("base", "v3"), (), Decoding(max_tokens=6)))
        assert found["0/v3"].text != found["0/base"].text
    finally:
        engine.close()


def test_switched_variants_of_a_packed_base_unpack_and_leave_no_trace(tiny, tmp_path: Path) -> None:
    base = quantised(tiny("vl") / "base", tmp_path / "base", 4)
    targets = {"dora": {"use_dora": True}, "embedding": {"target_modules": ["embed_tokens", "q_proj"]}}
    for seed, (name, options) in enumerate(targets.items(), 30):
        build_adapter(tiny("vl") / "base", tmp_path / "adapters" / name, seed, 4, **options)
    engine = make_row_engine("mlx")
    receipt = engine.open(BaseRef(str(base)), list(find_variants(tmp_path / "adapters").values()))
    try:
        assert [v.mode for v in receipt.variants] == ["base", "switched", "switched"] and receipt.refused == {}
        before = shown(answers(engine, requests_for(TEXTS[:1], ("base",))))
        together = answers(engine, requests_for(TEXTS[:1], ("base", *targets)))
        assert len({a.text for a in together.values()}) == 3
        assert shown(answers(engine, requests_for(TEXTS[:1], ("base",)))) == before
    finally:
        engine.close()


def test_experts_as_published_and_as_transformers_writes_them_answer_alike(tiny, tmp_path: Path) -> None:
    base = tiny("moe") / "base"
    as_published(base, tmp_path / "base")
    ids = np.array([[5, 9, 40, 70]], dtype=np.int32)
    both = [np.array(open_mlx(folder, tmp_path / "none").batch.logits(ids)) for folder in (base, tmp_path / "base")]
    assert np.array_equal(*both)


@pytest.mark.parametrize("spoil", ["vision", "code", "family", "packing", "weights"])
def test_a_base_that_cannot_be_used_is_one_sentence(tiny, tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny("vl") / "base", folder)
    config = json.loads((folder / "config.json").read_text())
    if spoil == "vision":
        kept = {n: v for n, v in load_file(folder / "model.safetensors").items() if "visual" not in n}
        save_file(kept, folder / "model.safetensors")
    elif spoil == "weights":
        tensors = load_file(folder / "model.safetensors")
        save_file({n: v for n, v in tensors.items() if "q_proj" not in n}, folder / "model.safetensors")
    else:
        config |= {
            "code": {"model_file": "model.py"}, "family": {"model_type": "llava"},
            "packing": {"quantization_config": {"quant_method": "fp8"}},
        }[spoil]  # fmt: skip
        (folder / "model.py").write_text("raise SystemExit('ran')")
    (folder / "config.json").write_text(json.dumps(config))
    expected = {
        "vision": "lacks the weights of the vision tower", "code": "never run", "family": "not of the Qwen-VL family",
        "packing": "mlx_vlm.convert", "weights": "Missing 2 parameters",
    }[spoil]  # fmt: skip
    with pytest.raises(EngineError, match=expected) as error:
        make_row_engine("mlx").open(BaseRef(str(folder)), [])
    assert len(str(error.value).splitlines()) == 1


def test_a_cache_that_rows_cannot_leave_is_refused() -> None:
    from mlx_lm.models.cache import KVCache, RotatingKVCache

    from medeval.engines.mlx.loading import check_cache

    check_cache([KVCache(), KVCache()], object())
    with pytest.raises(EngineError, match="RotatingKVCache"):
        check_cache([KVCache(), RotatingKVCache(8)], object())


def test_no_torch_is_needed(tiny, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from threading import Event
from medeval.adapters.catalogue import find_variants
from medeval.engines.contract import BaseRef, Decoding, Done, Message, Request
from medeval.engines.open import make_engine
engine = make_engine("mlx")
root = Path({str(tiny("vl"))!r})
engine.open(BaseRef(str(root / "base")), list(find_variants(root / "adapters").values()))
message = Message("user", "hi", (Path({str(image(tmp_path))!r}),))
events = list(engine.generate([Request("1", "1", "v1", (message,), Decoding(max_tokens=3))], Event()))
print(type(events[-1]).__name__, events[-1].answer.tokens)
engine.close()
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.stdout.split()[-2:] == ["Done", "3"], ran.stderr[-2000:]


def test_the_demo_model_answers_as_on_torch() -> None:
    picture = ROOT / "test_cases" / "images" / "lab-cbc.png"
    asked = [("我的血压140/90，需要担心吗？", ()), ("空腹血糖7.2 mmol/L，正常吗？", ()), ("请解读化验单。", (picture,))]
    requests = [
        replace(request, id=f"{number}/{request.variant}")
        for number, (text, images) in enumerate(asked)
        for request in requests_for((text,), VARIANTS, images, Decoding(max_tokens=16))
        if number == 0 or request.variant in ("base", "v3")
    ]
    base, variants = BaseRef(str(ROOT / "models" / "demo"), dtype="float32"), find_variants(ROOT / "adapters")
    found = {}
    for backend in ("torch", "mlx"):
        engine = make_row_engine(backend)
        engine.open(base, list(variants.values()))
        found[backend] = shown(answers(engine, requests))
        engine.close()
    assert found["torch"] == found["mlx"] and len(found["mlx"]) == 8
