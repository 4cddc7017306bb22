"""The shipped base and adapters: files, sizes, loading in both libraries, and a taste of quality."""

import json
import random
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

from medeval.demo.corpus import Sample, make_exchange
from medeval.demo.corpus.pictures import make_lab
from medeval.demo.evaluate import STACKS, empathic, evaluate_images
from medeval.demo.export import LIMIT_BYTES, sha256, total_bytes
from medeval.demo.generate import answers
from medeval.demo.sheets import Sheet
from medeval.demo.tune import PLANS, load_stack

ROOT = Path(__file__).parents[2]
BASE, ADAPTERS = ROOT / "models" / "demo", ROOT / "adapters"
pytestmark = pytest.mark.skipif(not (BASE / "model.safetensors").exists(), reason="models/demo is not built here")


@pytest.fixture(scope="module")
def tokenizer():  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(BASE)


def test_everything_is_small_enough() -> None:
    assert total_bytes([BASE, *(ADAPTERS / name for name in PLANS)]) <= LIMIT_BYTES


def test_tokenizer_covers_the_vocabulary(tokenizer) -> None:  # type: ignore[no-untyped-def]
    config = json.loads((BASE / "config.json").read_text("utf-8"))
    assert config["text_config"]["vocab_size"] == len(tokenizer)
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("血压168/95").input_ids)
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("16895")


@pytest.mark.parametrize("name", PLANS)
def test_sidecar_tells_the_truth(name: str) -> None:
    from medeval.adapters.fingerprint import base_fingerprint

    folder = ADAPTERS / name
    sidecar = json.loads((folder / "medeval.json").read_text("utf-8"))
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert sidecar["sha256"] == sha256(folder / "adapter_model.safetensors")
    assert sidecar["trained_on"] == list(PLANS[name].on)
    assert sidecar["base_fingerprint"] == base_fingerprint(BASE)
    assert (config["r"], config["base_model_name_or_path"]) == (PLANS[name].rank, "models/demo")


def test_every_tensor_is_finite_and_half() -> None:
    from safetensors.torch import load_file

    for name in PLANS:
        tensors = load_file(ADAPTERS / name / "adapter_model.safetensors")
        assert all(t.dtype == torch.float16 and torch.isfinite(t).all() for t in tensors.values())
        assert any(t.abs().max() > 0 for k, t in tensors.items() if "lora_B" in k)


@pytest.mark.parametrize("variant", STACKS)
def test_variants_answer_as_they_should(variant: str, tokenizer) -> None:  # type: ignore[no-untyped-def]
    model = load_stack(BASE, [ADAPTERS / name for name in STACKS[variant]]).eval()
    prompts = ["我的血压140/90，需要担心吗？", "刚确诊高血压，很担心以后怎么办..."]
    pressure, worry = answers(model, tokenizer, [Sample(p, "", True) for p in prompts])
    assert ("140/90 mmHg" in pressure and "1级高血压" in pressure) == (variant in ("v2", "v3"))
    assert empathic(prompts[1], worry) == (variant in ("v1", "v3"))


def test_v2_reads_an_unseen_report(tokenizer) -> None:  # type: ignore[no-untyped-def]
    model = load_stack(BASE, [ADAPTERS / "v2"]).eval()
    tallies = evaluate_images("v2", lambda samples: answers(model, tokenizer, samples), 8)
    assert all(t.share >= 0.8 for t in tallies), tallies


def test_mlx_vlm_loads_it_and_says_the_same(tokenizer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    mlx_vlm = pytest.importorskip("mlx_vlm")
    from mlx_vlm.prompt_utils import apply_chat_template
    from PIL import Image

    exchange = make_lab(random.Random(4), unseen=True)
    assert isinstance(exchange.image, Sheet)
    path = tmp_path / "lab.png"
    Image.fromarray(exchange.image.pixels).save(path)
    model, processor = mlx_vlm.load(str(BASE))
    question = "转写这张报告的全部内容。"
    prompt = apply_chat_template(processor, model.config, question, num_images=1)
    said = mlx_vlm.generate(model, processor, prompt, image=[str(path)], max_tokens=12, verbose=False, temperature=0.0)
    (ours,) = answers(load_stack(BASE, []).eval(), tokenizer, [Sample(question, "", True, exchange.image)], longest=12)
    # float16 against float32: only the clear beginning has to agree.
    assert said.text.split()[0] == ours.split()[0] == exchange.image.report.title


def test_unseen_values_are_new_to_the_model() -> None:
    exchange = make_exchange("bp", random.Random(1), unseen=True)
    assert exchange.truth["value"] in exchange.question
