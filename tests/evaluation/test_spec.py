"""A run remembers enough to be repeated, and refuses to go on with something else."""

from dataclasses import replace
from pathlib import Path

import pytest
from run_samples import RECEIPT, make_cases

from medeval.cases.schema import Case
from medeval.engines.contract import Decoding, Loaded, Receipt
from medeval.errors import UsageError
from medeval.evaluation.records import spec_from, to_plain
from medeval.evaluation.spec import check_same, make_spec


def test_spec_holds_versions_hashes_and_cases_and_survives_json(tmp_path: Path) -> None:
    image = tmp_path / "x.png"
    image.write_bytes(b"abc")
    case = Case(id="x", prompt="看图", images=[image], facts={"age": "45 year"})
    spec = make_spec("standard", [case], RECEIPT, ["base", "v1"], 2, Decoding(seed=3))
    assert spec.cases[0].images_sha256[0].startswith("sha256:ba7816bf")
    assert spec.packages["medeval"] and spec.profiles_sha256.startswith("sha256:")
    assert spec.total == 4 and len(spec.keys()) == 4
    assert spec_from(to_plain(spec)) == spec


def test_a_newer_versions_key_does_not_hide_an_old_run() -> None:
    spec = make_spec("standard", make_cases(1), RECEIPT, ["base"], 1, Decoding())
    assert spec_from({**to_plain(spec), "invented_later": 1}) == spec


def test_a_missing_image_is_named() -> None:
    case = Case(id="x", prompt="看图", images=[Path("/nowhere/chest.png")])
    with pytest.raises(UsageError, match=r"chest\.png"):
        make_spec("standard", [case], RECEIPT, ["base"], 1, Decoding())


def changed(receipt: Receipt, sha256: str) -> Receipt:
    return replace(receipt, variants=tuple(replace(item, sha256=sha256) for item in receipt.variants))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(replace(RECEIPT, base_fingerprint="sha256:other"), "another base", id="base"),
        pytest.param(replace(RECEIPT, template_sha256="t"), "another chat template", id="template"),
        pytest.param(replace(RECEIPT, variants=(Loaded("base", "base", 0, 0),)), "variant v1 is missing", id="variant"),
        pytest.param(changed(RECEIPT, "sha256:new"), "weights of v1 changed", id="weights"),
    ],
)
def test_another_model_cannot_finish_a_run(now: Receipt, said: str) -> None:
    spec = make_spec("standard", make_cases(1), RECEIPT, ["base", "v1"], 1, Decoding())
    with pytest.raises(UsageError, match=said):
        check_same(spec, now)


def test_a_changed_image_cannot_finish_a_run(tmp_path: Path) -> None:
    image = tmp_path / "x.png"
    image.write_bytes(b"abc")
    spec = make_spec("standard", [Case(id="x", prompt="看图", images=[image])], RECEIPT, ["base"], 1, Decoding())
    assert check_same(spec, RECEIPT) == []
    image.write_bytes(b"abd")
    with pytest.raises(UsageError, match="image of case x changed"):
        check_same(spec, RECEIPT)


def test_another_device_is_noted_but_allowed() -> None:
    spec = make_spec("standard", make_cases(1), RECEIPT, ["base"], 1, Decoding())
    assert check_same(spec, replace(RECEIPT, device="cuda")) == ["device: cpu → cuda"]
