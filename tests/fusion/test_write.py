"""A fused folder, opened on its own, gives the logits of base + adapters: every kind of adapter, every layout."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from medeval.adapters.catalogue import find_variants
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Message
from medeval.engines.torch.opening import Opened, open_base
from medeval.errors import AdapterError, EngineError
from medeval.fusion.column import make_column, parameter
from medeval.fusion.folder import read_folder
from medeval.fusion.forward import forward_torch
from medeval.fusion.write import Stopped, Written, write_fused

from .conftest import ADAPTERS

CASES = [(base, name) for base, names in ADAPTERS.items() for name in names]
IDS = [9, 40, 77, 120, 33]


def stack_of(root: Path, name: str, base: Path | None = None) -> list[Checked]:
    folder = base or root / "base"
    shapes, print_ = read_folder(folder).shapes, base_fingerprint(folder)
    return [check_adapter(a, shapes, print_) for a in find_variants(root / "adapters")[name].stack]


def fused_into(root: Path, name: str, target: Path, base: Path | None = None, **options) -> Written:
    target.mkdir()
    return write_fused(read_folder(base or root / "base"), stack_of(root, name, base), target, **options)


@pytest.fixture(scope="module")
def opened(made) -> Callable[[str], Opened]:
    found: dict[str, Opened] = {}

    def get(name: str) -> Opened:
        if name not in found:
            root = made(name)
            found[name] = open_base(BaseRef(str(root / "base")), list(find_variants(root / "adapters").values()))
        return found[name]

    return get


def picture(tmp_path: Path) -> Path:
    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def logits(opened: Opened, variant: str, images: tuple[Path, ...]) -> np.ndarray:
    prompt = opened.encoder.encode((Message("user", "血压140/90?", images),))
    return forward_torch(opened, variant, prompt, IDS)


@pytest.mark.parametrize(("base", "name"), CASES)
def test_fused_equals_base_and_adapters(made, opened, tmp_path: Path, base: str, name: str) -> None:
    root = made(base)
    written = fused_into(root, name, tmp_path / "fused")
    together = opened(base)
    assert together.receipt.refused == {}
    alone = open_base(BaseRef(str(tmp_path / "fused")), [Variant("base")])
    images = (picture(tmp_path),) if base in ("vl", "moe") else ()
    wanted, got = logits(together, name, images), logits(alone, "base", images)
    assert np.abs(wanted - got).max() < 2e-4 * np.abs(wanted).max()
    assert np.abs(wanted - logits(together, "base", images)).max() > 0.05
    assert written.vision_before == written.vision_after == (0 if base in ("text", "tied") else 39)
    assert written.tensors_after == written.tensors_before + written.untied


def test_a_head_that_shares_the_embedding_is_stored_apart_only_when_it_must(made, tmp_path: Path) -> None:
    root = made("tied")
    for name, apart in (("plain", False), ("embedding", True), ("head", True)):
        written = fused_into(root, name, tmp_path / name)
        assert written.untied == apart
        config = json.loads((tmp_path / name / "config.json").read_text())
        assert config["tie_word_embeddings"] is not apart
        assert ("lm_head.weight" in load_file(tmp_path / name / "model.safetensors")) == apart


def test_everything_else_of_the_folder_is_kept(made, tmp_path: Path) -> None:
    root = made("vl")
    shutil.copytree(root / "base", tmp_path / "base")
    for name in ("evil.py", "pytorch_model.bin", ".hidden"):
        (tmp_path / "base" / name).write_text("x")
    (tmp_path / "base" / "chat_template.jinja").write_text("{{ messages }}")
    fused_into(root, "plain", tmp_path / "fused", tmp_path / "base")
    names = {p.name for p in (tmp_path / "fused").iterdir()}
    kept = {p.name for p in (root / "base").iterdir()} | {"chat_template.jinja"}
    assert names == kept
    for name in kept - {"model.safetensors", "config.json"}:
        assert (tmp_path / "fused" / name).read_bytes() == (tmp_path / "base" / name).read_bytes()


@pytest.mark.parametrize(("dtype", "kind"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_half_precision(made, tmp_path: Path, dtype: str, kind: torch.dtype) -> None:
    root = made("vl")
    fused_into(root, "plain", tmp_path / "exact")
    fused_into(root, "plain", tmp_path / "half", dtype=dtype)
    exact, half = (load_file(tmp_path / n / "model.safetensors") for n in ("exact", "half"))
    assert all(torch.equal(half[n], value.to(kind)) for n, value in exact.items())


def test_untouched_tensors_are_copied_byte_for_byte(made, tmp_path: Path) -> None:
    root = made("vl")
    written = fused_into(root, "vision", tmp_path / "fused")
    before, after = (load_file(p / "model.safetensors") for p in (root / "base", tmp_path / "fused"))
    changed = [n for n in before if not torch.equal(before[n], after[n])]
    assert len(changed) == written.changed == 4 and all("visual" in n for n in changed)


def sharded(base: Path, target: Path) -> Path:
    shutil.copytree(base, target)
    tensors = load_file(target / "model.safetensors")
    (target / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, inside in shards.items():
        save_file({n: tensors[n] for n in inside}, target / file, {"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": {n: f for f, inside in shards.items() for n in inside}}
    (target / "model.safetensors.index.json").write_text(json.dumps(index))
    return target


def test_shards_keep_their_names_and_index(made, tmp_path: Path) -> None:
    root = made("vl")
    base = sharded(root / "base", tmp_path / "base")
    fused_into(root, "saved", tmp_path / "fused", base)
    fused_into(root, "saved", tmp_path / "whole")
    index = json.loads((tmp_path / "fused" / "model.safetensors.index.json").read_text())
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    found = {n: load_file(tmp_path / "fused" / f)[n] for n, f in index["weight_map"].items()}
    assert all(torch.equal(found[n], value) for n, value in whole.items()) and len(found) == len(whole)
    assert index["metadata"]["total_size"] == sum(v.nbytes for v in found.values())


def test_a_missing_shard_is_named(made, tmp_path: Path) -> None:
    base = sharded(made("vl") / "base", tmp_path / "base")
    (base / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(EngineError, match="model-00002-of-00002"):
        read_folder(base)


def published(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Experts as the published checkpoints lay them out."""
    return {n: v.transpose(1, 2).contiguous() if n.endswith("gate_up_proj") else v for n, v in tensors.items()}


def apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One tensor per expert and projection, as text models of experts are published."""
    out = {}
    for name, value in tensors.items():
        stem = name.rpartition(".")[0]
        if name.endswith("experts.gate_up_proj"):
            half = value.shape[1] // 2
            for e in range(len(value)):
                out[f"{stem}.{e}.gate_proj.weight"] = value[e, :half].contiguous()
                out[f"{stem}.{e}.up_proj.weight"] = value[e, half:].contiguous()
        elif name.endswith("experts.down_proj"):
            out |= {f"{stem}.{e}.down_proj.weight": value[e].contiguous() for e in range(len(value))}
        else:
            out[name] = value
    return out


def of_mlx(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As mlx-vlm writes a model that is not quantised."""
    out = {}
    for name, value in tensors.items():
        ours = name.replace("model.language_model.", "language_model.model.").replace("model.visual.", "vision_tower.")
        ours = f"language_model.{ours}" if ours.startswith("lm_head") else ours
        if ours.endswith("experts.gate_up_proj"):
            half = value.shape[1] // 2
            stem = ours.replace("experts.gate_up_proj", "switch_mlp")
            out[f"{stem}.gate_proj.weight"] = value[:, :half].contiguous()
            out[f"{stem}.up_proj.weight"] = value[:, half:].contiguous()
        elif ours.endswith("experts.down_proj"):
            out[ours.replace("experts.down_proj", "switch_mlp.down_proj.weight")] = value
        elif ours.endswith("patch_embed.proj.weight"):
            out[ours] = value.permute(0, 2, 3, 4, 1).contiguous()
        else:
            out[ours] = value
    return out


@pytest.mark.parametrize("layout", [published, apart, of_mlx])
@pytest.mark.parametrize("name", ["plain", "experts"])
def test_every_layout_of_experts_gives_the_same_weights(made, tmp_path: Path, layout, name: str) -> None:
    root = made("moe")
    shutil.copytree(root / "base", tmp_path / "base")
    tensors = layout(load_file(root / "base" / "model.safetensors"))
    save_file(tensors, tmp_path / "base" / "model.safetensors", {"format": "pt"})
    fused_into(root, name, tmp_path / "one")
    fused_into(root, name, tmp_path / "two", tmp_path / "base")
    one, two = read_folder(tmp_path / "one"), read_folder(tmp_path / "two")
    assert set(one.shapes) <= set(two.shapes) and one.vision_tensors == two.vision_tensors
    for parameter_name in one.shapes:
        value = parameter(two, parameter_name)
        assert np.allclose(value, parameter(one, parameter_name), atol=1e-6), parameter_name
    assert set(load_file(tmp_path / "two" / "model.safetensors")) == set(tensors)


def test_stopping_and_failures_are_told(made, tmp_path: Path) -> None:
    root = made("text")
    seen: list[int] = []
    with pytest.raises(Stopped):
        fused_into(
            root, "plain", tmp_path / "a", on_tensor=lambda d, t, n: seen.append(d), stopped=lambda: len(seen) > 3
        )
    assert seen == [1, 2, 3, 4]
    stack = stack_of(root, "plain")
    for value in (np.inf, 1e9):
        stack[0].factors[0].b[:] = value
        (tmp_path / str(value)).mkdir()
        with pytest.raises(EngineError, match="NaN or infinity" if value == np.inf else "float16"):
            write_fused(read_folder(root / "base"), stack, tmp_path / str(value), "float16")


def test_an_adapter_of_another_base_is_refused(made) -> None:
    with pytest.raises(AdapterError, match="no layer name fits"):
        stack_of(made("vl"), "vision", made("text") / "base")


def test_a_fused_model_is_a_column_beside_base_and_adapters(made, opened, tmp_path: Path) -> None:
    root = made("vl")
    fused_into(root, "top", tmp_path / "fused")
    shutil.copytree(root / "adapters", tmp_path / "adapters")
    adapter = make_column(root / "base", tmp_path / "fused", tmp_path / "adapters", "v3 fused")
    assert adapter.name == "v3-fused" and adapter.labels == ("fused",)
    both = open_base(BaseRef(str(root / "base")), list(find_variants(tmp_path / "adapters").values()))
    badge = next(v for v in both.receipt.variants if v.variant == "v3-fused")
    assert badge.mode == "switched" and (badge.logit_change or 0) > 0
    wanted = logits(both, "top", (picture(tmp_path),))
    assert np.abs(wanted - logits(both, "v3-fused", (picture(tmp_path),))).max() < 2e-4 * np.abs(wanted).max()
    with pytest.raises(EngineError, match="the very weights of the base"):
        make_column(root / "base", root / "base", tmp_path / "adapters", "same")
