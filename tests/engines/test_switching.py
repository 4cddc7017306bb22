"""What cannot be batched is switched on the same base, says so, and leaves no trace; what does not fit is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from backends import BACKENDS, make_row_engine
from test_batching import TEXTS, answers, image, requests_for, seen_by_transformers, shown
from tiny_models import build_adapter, build_base

from medeval.adapters.catalogue import find_variants
from medeval.adapters.fingerprint import base_fingerprint
from medeval.engines.contract import BaseRef, Failed, Message, Request

VISION = r".*visual\.(blocks\.\d+\.(attn\.(qkv|proj)|mlp\.linear_fc1)|merger\.linear_fc2)"
KINDS = {
    "dora": ({"use_dora": True}, "DoRA"),
    "head": ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    "vision": ({"target_modules": VISION}, "vision tower"),
    "embedding": ({"target_modules": ["embed_tokens", "q_proj"]}, "embedding"),
}


@pytest.fixture(scope="module")
def root(tiny, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("switched")
    source = tiny("vl")
    shutil.copytree(source / "base", target / "base")
    shutil.copytree(source / "adapters" / "v1", target / "adapters" / "v1")
    for seed, (name, (options, _)) in enumerate(KINDS.items(), 20):
        build_adapter(target / "base", target / "adapters" / name, seed=seed, rank=4, **options)
    return target


@pytest.fixture(scope="module")
def switching(root: Path, backend: str):
    engine = make_row_engine(backend)
    engine.receipt = engine.open(BaseRef(str(root / "base")), list(find_variants(root / "adapters").values()))
    yield engine
    engine.close()


def test_the_receipt_says_what_is_switched_and_why(switching) -> None:
    badges = {v.variant: v for v in switching.receipt.variants}
    assert switching.receipt.refused == {}
    assert badges["v1"].mode == "batched"
    for name, (_, why) in KINDS.items():
        assert badges[name].mode == "switched" and why in badges[name].why_switched
        assert badges[name].logit_change > 0


def weights_of(base) -> dict[str, np.ndarray]:
    if hasattr(base, "tree"):
        from mlx.utils import tree_flatten

        return {name: np.array(value) for name, value in tree_flatten(base.model.parameters())}
    return {name: value.numpy().copy() for name, value in base.model.named_parameters()}


def test_switched_together_equals_alone_and_leaves_no_trace(switching, tmp_path: Path) -> None:
    before = weights_of(switching.opened.base)
    requests = requests_for(TEXTS[:2], ("base", "v1", *KINDS), (image(tmp_path),))
    together = answers(switching, requests)
    single = {}
    for request in reversed(requests):
        single |= answers(switching, [request])
    answers(switching, requests_for(("x",), ("base",)))
    assert shown(together) == shown(single)
    assert len({together[f"0/{v}"].text for v in ("base", *KINDS)}) > 3
    after = weights_of(switching.opened.base)
    assert before.keys() == after.keys() and all(np.array_equal(before[n], after[n]) for n in before)


@pytest.mark.parametrize("name", KINDS)
def test_switched_equals_peft(switching, root: Path, name: str, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    opened = switching.opened
    request = requests_for(TEXTS[:1], (name,), (image(tmp_path),))[0]
    prompt = opened.encoder.encode(request.messages)
    model = AutoModelForImageTextToText.from_pretrained(root / "base", dtype=torch.float32)
    model = PeftModel.from_pretrained(model, root / "adapters" / name).eval()
    ids = torch.as_tensor(prompt.ids).long()[None]
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False,
            **seen_by_transformers(prompt, opened.encoder.image_id),
        )  # fmt: skip
    kept = [t for t in out[0, ids.shape[1] :].tolist() if t not in opened.encoder.hidden_ids]
    assert answers(switching, [request])[request.id].text == opened.base.tokenizer.decode(kept).rstrip("\ufffd")


def test_an_adapter_for_another_base_is_refused_and_the_rest_works(tiny, backend: str, tmp_path: Path) -> None:
    root = tiny("vl")
    shutil.copytree(root / "adapters", tmp_path / "adapters")
    other = build_base(tmp_path / "other", "vl", seed=9)
    build_adapter(tiny("text") / "base", tmp_path / "adapters" / "wrong", seed=3, target_modules=["q_proj", "lm_head"])
    (tmp_path / "adapters" / "v1" / "medeval.json").write_text(
        json.dumps({"base_fingerprint": base_fingerprint(other)})
    )
    nothing = tmp_path / "adapters" / "nothing"
    shutil.copytree(root / "adapters" / "v2", nothing)
    engine = make_row_engine(backend)
    receipt = engine.open(BaseRef(str(root / "base")), list(find_variants(tmp_path / "adapters").values()))
    try:
        assert "another base" in receipt.refused["v1"][0]
        assert {v.variant for v in receipt.variants} >= {"base", "v2", "v3"}
        from threading import Event as Cancel

        events = list(engine.generate([Request("1", "1", "v1", (Message("user", "hi"),))], Cancel()))
        assert isinstance(events[0], Failed) and "another base" in events[0].reason
    finally:
        engine.close()


def test_a_text_model_asked_about_an_image_says_so(tiny, backend: str, tmp_path: Path) -> None:
    from threading import Event as Cancel

    engine = make_row_engine(backend)
    engine.open(BaseRef(str(tiny("text") / "base")), [find_variants(tmp_path)["base"]])
    try:
        requests = [
            *requests_for(("look",), ("base",), (image(tmp_path),)),
            Request("bad", "1", "base", (Message("user", "hi"),)),
        ]
        events = {e.request_id: e for e in engine.generate(requests, Cancel())}
        failed = events["0/base"]
        assert isinstance(failed, Failed) and "text-only" in failed.reason
        assert not isinstance(events["bad"], Failed)
    finally:
        engine.close()


@pytest.mark.parametrize("content", [b"", b"not an image"], ids=["empty", "text"])
def test_an_unreadable_image_fails_its_requests_only(switching, tmp_path: Path, content: bytes) -> None:
    from threading import Event as Cancel

    from medeval.engines.contract import Done

    bad = tmp_path / "bad.png"
    bad.write_bytes(content)
    requests = [
        Request("bad", "1", "v1", (Message("user", "hi", (bad,)),)),
        *requests_for(("hi",), ("v1",)),
    ]
    events = {e.request_id: e for e in switching.generate(requests, Cancel())}
    assert isinstance(events["bad"], Failed) and "bad.png" in events["bad"].reason
    assert isinstance(events["0/v1"], Done)


def test_a_16_bit_image_is_windowed_not_clipped(tmp_path: Path) -> None:
    from PIL import Image

    from medeval.engines.pictures import read_picture

    ramp = np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "xray.png")
    grey = np.asarray(read_picture(tmp_path / "xray.png"))[..., 0]
    assert len(np.unique(grey)) > 200 and grey.min() < 5 and grey.max() > 250


@pytest.mark.parametrize("backend", BACKENDS)
def test_expert_factors_are_switched_in_both_dialects(tiny, backend: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    base = tiny("moe") / "base"
    targets = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    root = tmp_path / "adapters"
    peft = build_adapter(base, root / "peft", 5, 4, target_modules=["q_proj"], target_parameters=targets)
    mlx = tmp_path / "adapters" / "mlx"
    mlx.mkdir()
    stem = "language_model.model.layers.1.mlp.switch_mlp"
    out = {}
    for name, value in load_file(peft / "adapter_model.safetensors").items():
        short = name.removeprefix("base_model.model.model.language_model.").removesuffix(".weight")
        if "experts" not in short:
            out["language_model.model." + short.replace("lora_A", "lora_a").replace("lora_B", "lora_b")] = value.T
        elif short.endswith("lora_A"):
            split = value.reshape(4, -1, value.shape[1])
            for part in ("gate_proj", "up_proj") if "base_layer" in short else ("down_proj",):
                out[f"{stem}.{part}.lora_a"] = split
        else:
            split = value.reshape(value.shape[0], -1, 4).transpose(2, 0, 1)
            halves = np.split(split, 2, axis=1) if "base_layer" in short else [split]
            parts = ("gate_proj", "up_proj") if "base_layer" in short else ("down_proj",)
            out |= {f"{stem}.{p}.lora_b": h for p, h in zip(parts, halves, strict=True)}
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, mlx / "adapters.safetensors")
    (mlx / "adapter_config.json").write_text(json.dumps({"lora_parameters": {"rank": 4, "scale": 2.0}}))
    engine = make_row_engine(backend)
    receipt = engine.open(BaseRef(str(base)), list(find_variants(tmp_path / "adapters").values()))
    try:
        assert receipt.refused == {}
        assert {v.variant: (v.why_switched, v.rank) for v in receipt.variants if v.variant != "base"} == {
            "mlx": ("LoRA on the experts", 4), "peft": ("LoRA on the experts", 4)
        }  # fmt: skip
        found = answers(engine, requests_for(TEXTS[:2], ("base", "mlx", "peft")))
        prompt = engine.opened.encoder.encode((Message("user", TEXTS[0]),))
        hidden = engine.opened.encoder.hidden_ids
        tokenizer = engine.opened.base.tokenizer
    finally:
        engine.close()
    assert found["0/mlx"].text == found["0/peft"].text != found["0/base"].text
    assert found["0/peft"].text == by_peft(base, peft, prompt.ids, tokenizer, hidden)


def by_peft(base: Path, adapter: Path, prompt_ids, tokenizer, hidden: frozenset[int]) -> str:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    ids = torch.as_tensor(prompt_ids).long()
    sees = (base / "preprocessor_config.json").exists()
    loader = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model = PeftModel.from_pretrained(loader.from_pretrained(base, dtype=torch.float32), adapter).eval()
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids[None], attention_mask=torch.ones_like(ids[None]), max_new_tokens=12, do_sample=False
        )
    return tokenizer.decode([t for t in out[0, len(ids) :].tolist() if t not in hidden]).rstrip("\ufffd")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_saved_head_does_not_change_the_tied_embedding(backend: str, tmp_path: Path) -> None:
    base = build_base(tmp_path / "base", "text", tied=True)
    adapter = build_adapter(base, tmp_path / "adapters" / "head", 5, 4, modules_to_save=["lm_head"])
    engine = make_row_engine(backend)
    receipt = engine.open(BaseRef(str(base)), list(find_variants(tmp_path / "adapters").values()))
    try:
        assert receipt.variants[1].why_switched == "modules_to_save"
        found = answers(engine, requests_for(TEXTS[:1], ("base", "head")))
        opened = engine.opened
        ids = opened.encoder.encode((Message("user", TEXTS[0]),)).ids
        expected = by_peft(base, adapter, ids, opened.base.tokenizer, opened.encoder.hidden_ids)
    finally:
        engine.close()
    assert found["0/head"].text == expected != found["0/base"].text
