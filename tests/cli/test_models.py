"""The commands that load a model, on a tiny random one: real engine, real adapters, one of them broken."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from tiny_models import build_adapter, build_base
from typer.testing import CliRunner, Result

from medeval.adapters.fingerprint import base_fingerprint
from medeval.cli import app


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = build_base(folder / "base", "vl")
    for seed, name in enumerate(("v1", "v2"), 1):
        build_adapter(base, folder / "adapters" / name, seed=seed)
    return folder


@pytest.fixture(autouse=True)
def settings(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    adapters = shutil.copytree(models / "adapters", tmp_path / "adapters")
    monkeypatch.setenv("MEDEVAL_BASE", str(models / "base"))
    monkeypatch.setenv("MEDEVAL_ADAPTERS", str(adapters))
    return adapters


def break_adapter(adapters: Path) -> None:
    """Truncates the weights of v2."""
    file = adapters / "v2" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def forget_an_answer(home: Path) -> None:
    with sqlite3.connect(home / "medeval.sqlite") as raw:
        raw.execute("DELETE FROM cells WHERE rowid = (SELECT min(rowid) FROM cells)")
    raw.close()


def medeval(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.exit_code}: {result.output} {result.exception!r}"
    return result


def test_ask_answers_in_every_column_with_one_document(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), "gray").save(tmp_path / "x.png")
    result = medeval("ask", "看图说话", "--image", tmp_path / "x.png", "--max-tokens", 6, "--json")
    found = json.loads(result.stdout)
    assert [answer["variant"] for answer in found["answers"]] == ["base", "v1", "v2"]
    assert all(answer["tokens"] >= 1 and answer["error"] is None for answer in found["answers"])
    assert [item["mode"] for item in found["receipt"]["variants"]] == ["base", "batched", "batched"]


def test_a_bad_image_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("this is text")
    result = medeval("ask", "看图说话", "--image", tmp_path / "x.png", code=1)
    assert "x.png" in result.stderr and result.stdout == ""


def test_run_asks_a_whole_suite_and_resume_asks_nothing_twice(settings: Path) -> None:
    run_id = medeval("run", "--suite", "redteam", "--max-tokens", 4).stdout.strip()
    before = medeval("report", run_id, "--format", "json").stdout
    found = json.loads(before)
    assert found["run"]["missing"] == 0 and {cell["variant"] for cell in found["cells"]} == {"base", "v1", "v2"}
    medeval("run", "--resume", run_id)
    assert json.loads(medeval("report", run_id, "--format", "json").stdout)["cells"] == found["cells"]
    forget_an_answer(Path(os.environ["MEDEVAL_HOME"]))
    medeval("run", "--resume", run_id)
    assert json.loads(medeval("report", run_id, "--format", "json").stdout)["cells"] == found["cells"]
    forget_an_answer(Path(os.environ["MEDEVAL_HOME"]))
    build_adapter(Path(os.environ["MEDEVAL_BASE"]), settings / "v2", seed=9)
    assert "weights of v2 changed" in medeval("run", "--resume", run_id, code=2).stderr


def test_a_broken_adapter_is_named_and_hides_no_other(settings: Path) -> None:
    break_adapter(settings)
    found = json.loads(medeval("adapters", "check", "--json", code=1).stdout)
    assert {row["name"]: row["ok"] for row in found["adapters"]} == {"v1": True, "v2": False}
    assert found["ok"] is False and any("v2" in fault for fault in found["problems"])
    assert "✓ v1" in medeval("adapters", "check", settings / "v1").stdout
    lines = medeval("adapters", "check", settings / "v2", code=1).stdout
    assert "✗ v2" in lines and "v1" not in lines
    assert "v2" in medeval("ask", "问", "--variants", "v2", "--max-tokens", 2, code=2).stderr
    assert "## v1" in medeval("ask", "问", "--max-tokens", 2).stdout


def test_an_adapter_of_another_base_is_refused(settings: Path, tmp_path: Path) -> None:
    other = build_base(tmp_path / "other", "text")
    build_adapter(other, settings / "v3", seed=3)
    (settings / "v3" / "medeval.json").write_text(json.dumps({"base_fingerprint": base_fingerprint(other)}), "utf-8")
    assert "✗ v3" in medeval("adapters", "check", settings / "v3", code=1).stdout
    result = medeval("ask", "问", "--variants", "base,v3", "--max-tokens", 2, code=1)
    assert "v3" in result.stderr and result.stdout == ""
    assert medeval("ask", "问", "--max-tokens", 2).stdout.count("## ") == 3


def test_adapters_are_listed_with_their_lineage(settings: Path) -> None:
    sidecar = {"trained_on": ["v1"], "title": {"zh": "精准", "en": "precise"}}
    (settings / "v2" / "medeval.json").write_text(json.dumps(sidecar), "utf-8")
    found = json.loads(medeval("adapters", "list", "--lang", "en", "--json").stdout)
    assert [(row["name"], row["stack"], row["rank"]) for row in found["adapters"]] == [
        ("v1", ["v1"], 4),
        ("v2", ["v1", "v2"], 4),
    ]
    assert found["adapters"][1]["title"] == "precise" and found["problems"] == {}


def test_doctor_passes_and_puts_adapters_through_the_gate() -> None:
    found = json.loads(medeval("doctor", "--json").stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["ok"] and checks["gate v1"]["ok"] and "batched" in checks["gate v1"]["detail"]


def test_bench_prints_the_ratios() -> None:
    found = json.loads(medeval("bench", "--tokens", 4, "--cases", 1, "--repeats", 1, "--json").stdout)
    assert {
        "four_variants_over_base", "sequential_over_ours", "peft_mixed_over_ours", "memory_over_base",
        "score_answers_per_second", "identical_greedy",
    } <= set(found)  # fmt: skip
    assert found["identical_greedy"] is True


@pytest.mark.parametrize("base", ["/nowhere/model", "models/nowhere"])
def test_a_base_that_is_not_there_is_one_sentence(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDEVAL_OFFLINE", "1")
    result = medeval("ask", "问", "--base", base, code=1)
    assert "nowhere" in result.stderr and "Traceback" not in result.stderr
