"""`medeval data` and the services behind it: exit codes, one JSON document, the demo corpus, background checks."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medeval.cases.load import load_cases
from medeval.cli import app
from medeval.demo.dataset import write_demo_data
from medeval.errors import UsageError
from medeval.services.datasets import CheckOptions, Checks, data_path, demo_style, keep_upload
from medeval.settings import ROOT, Settings
from medeval.training.curriculum import Curriculum
from medeval.training.data import read_data
from medeval.training.data_check import CheckPlan, check_data
from medeval.training.presets import load_preset, preset_names

RUNNER = CliRunner()
needs_demo = pytest.mark.skipif(not (ROOT / "models/demo/config.json").is_file(), reason="models/demo is not built")


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDEVAL_HOME", str(tmp_path / "home"))
    records = [{"input": f"第{i}个问题是什么原因？", "output": "需要进一步检查。"} for i in range(60)]
    text = "\n".join(json.dumps(r, ensure_ascii=False) for r in records)
    (tmp_path / "good.jsonl").write_text(text + "\n", "utf-8")
    (tmp_path / "bad.jsonl").write_text(text + '\n{"input": "q", "output": ""}\n', "utf-8")
    return tmp_path


@needs_demo
def test_check_says_what_is_wrong_and_where(lines: Path) -> None:
    good = RUNNER.invoke(app, ["data", "check", str(lines / "good.jsonl"), "--json"])
    assert good.exit_code == 0, good.output
    document = json.loads(good.stdout)
    assert document["ok"] and sum(document["sizes"].values()) == 60 and document["longest"] > 5
    bad = RUNNER.invoke(app, ["data", "check", str(lines / "bad.jsonl")])
    assert bad.exit_code == 1 and "bad.jsonl:61: 答案为空" in bad.stdout
    assert json.loads(RUNNER.invoke(app, ["data", "check", str(lines / "bad.jsonl"), "--json"]).stdout)["ok"] is False


@needs_demo
def test_limit_of_the_check_can_be_given(lines: Path) -> None:
    found = RUNNER.invoke(app, ["data", "check", str(lines / "good.jsonl"), "--max-length", "16", "--json"])
    assert {p["kind"] for p in json.loads(found.stdout)["problems"]} == {"too_long"}


def test_lengths_are_left_out_where_there_is_no_tokenizer(lines: Path) -> None:
    found = RUNNER.invoke(app, ["data", "check", str(lines / "good.jsonl"), "--base", str(lines), "--json"])
    document = json.loads(found.stdout)
    assert found.exit_code == 0 and document["lengths"] == [] and "没有分词器" in document["notes"][0]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["data", "check", "nothing.jsonl"], 1, "没有这个文件或文件夹"),
        (["data", "check", "demo:cold"], 2, "demo:warm"),
        (["data", "check", "good.jsonl", "--preset", "v9"], 2, "没有预设 v9"),
        (["data", "prepare", "good.jsonl", "--out", "out", "--mix", "image=1"], 1, "没有样本"),
        (["data", "prepare", "good.jsonl", "--out", "out", "--mix", "half"], 2, "mix"),
        (["data", "prepare", "good.jsonl", "--out", "."], 1, "--out"),
    ],
)
def test_wrong_use_is_one_sentence(
    lines: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(lines)
    found = RUNNER.invoke(app, words)
    assert found.exit_code == code and said in found.output and "Traceback" not in found.output


def test_prepare_prints_one_document(lines: Path) -> None:
    found = RUNNER.invoke(app, ["data", "prepare", str(lines / "good.jsonl"), "--out", str(lines / "out"), "--json"])
    document = json.loads(found.stdout)
    assert found.exit_code == 0 and sum(document["sizes"].values()) == 60
    again = RUNNER.invoke(app, ["data", "prepare", str(lines / "good.jsonl"), "--out", str(lines / "out"), "--json"])
    assert json.loads(again.stdout)["fingerprint"] == document["fingerprint"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_demo_data("both", folder, list(load_cases(ROOT / "test_cases").cases.values()), count=70)
    return folder


def test_demo_corpus_is_clean_and_leaks_no_test_case(corpus: Path, tmp_path: Path) -> None:
    cases = list(load_cases(ROOT / "test_cases").cases.values())
    report = check_data(read_data(corpus), CheckPlan(cases=cases, clean_images=tmp_path))
    assert report.problems == [] and report.overlaps == []
    assert sum(report.sizes.values()) == 70 and report.images > 5


def test_demo_corpus_is_the_same_every_time_but_for_the_answers(corpus: Path, tmp_path: Path) -> None:
    cases = list(load_cases(ROOT / "test_cases").cases.values())
    write_demo_data("warm", tmp_path, cases, count=70)
    both, warm = (read_data(folder) for folder in (corpus, tmp_path))
    assert [s.question for s in both.train] == [s.question for s in warm.train]
    assert sum(a.answer != b.answer for a, b in zip(both.train, warm.train, strict=True)) > 20


@pytest.mark.parametrize("name", [name for name in preset_names() if name.endswith("-demo")])
def test_every_demo_preset_can_draw_from_the_corpus(corpus: Path, name: str) -> None:
    config = load_preset(name).config
    curriculum = Curriculum(config, read_data(corpus).train)
    assert len(curriculum.batch(0)) == len(curriculum.batch(curriculum.steps - 1)) == config.batch_total


@pytest.mark.parametrize(("data", "style"), [("demo", "both"), ("demo:warm", "warm"), ("/x/demo", None), ("a", None)])
def test_demo_names(data: str, style: str | None) -> None:
    assert demo_style(data) == style


def test_unknown_style_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="demo:exact"):
        demo_style("demo:cold")
    assert data_path(Settings(), "some/where") == Path("some/where")


def test_checks_go_on_in_the_background(lines: Path) -> None:
    checks = Checks(Settings())
    fine = checks.start(str(lines / "good.jsonl"), CheckOptions(decode_images=False))
    lost = checks.start(str(lines / "lost.jsonl"), CheckOptions())
    ready = checks.start_prepare(str(lines / "good.jsonl"))
    until = time.monotonic() + 60
    while any(state.state == "running" for state in checks.latest()) and time.monotonic() < until:
        time.sleep(0.05)
    done, failed, prepared = (checks.state(name) for name in (fine, lost, ready))
    assert done is not None and done.report is not None and done.report.ok
    assert failed is not None and failed.state == "failed" and "没有这个文件" in failed.error
    assert prepared is not None and prepared.prepared is not None and prepared.prepared.folder.is_dir()


def test_upload_is_kept_under_a_plain_name(lines: Path) -> None:
    odd = lines / "我的 数据;rm.jsonl"
    odd.write_text("{}", "utf-8")
    kept = keep_upload(Settings(), odd)
    assert kept.read_text("utf-8") == "{}" and kept.is_relative_to(lines / "home") and " " not in kept.name
