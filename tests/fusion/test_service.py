"""Fusing as a job and from the command line: events, one result, exit codes; what failed is never deployed."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medeval.cli import app
from medeval.errors import EngineError, UsageError
from medeval.services.fusing import FuseOrder, begin, order_from, past_reports, widths, work
from medeval.settings import Settings
from medeval.training.progress import JobFolder

from .test_fuse import replayed, visible  # noqa: F401  (a fixture)


@pytest.fixture
def settings(made, tmp_path: Path) -> Settings:
    root = made("text")
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "a.yaml").write_text(
        "id: bp\ntitle: {zh: 题, en: t}\nsuite: [standard]\nlanguage: zh\nprompt: 血压140/90?\nsource: test, MIT\n",
        "utf-8",
    )
    return Settings(home=tmp_path / "home", base=str(root / "base"), adapters=root / "adapters", cases=cases)


def job(tmp_path: Path, **given) -> JobFolder:
    folder = JobFolder(tmp_path / "job")
    folder.write_config({"kind": "fuse", "variant": "plain", "out": str(tmp_path / "out" / "v3"), **given})
    return folder


def test_a_job_tells_its_progress_and_its_result(settings, replayed, tmp_path: Path) -> None:  # noqa: F811
    folder = job(tmp_path, lmstudio=True, lmstudio_home=str(tmp_path / "lm"), publisher="me", name="demo")
    work(folder, settings)
    events, _ = folder.events()
    steps = [e for e in events if e["kind"] == "progress"]
    assert steps[-1]["done"] == steps[-1]["total"] and {"zh", "en"} == set(steps[0]["note"])
    assert events[-1]["kind"] == "result" and events[-1]["ok"] and events[-1]["report"]["rows"][0]["bits"] == 16
    assert events[-1]["deployed"]["path"] == str(tmp_path / "lm" / "models" / "me" / "demo")


def test_a_job_whose_proof_fails_is_a_failed_job(settings, replayed, tmp_path: Path) -> None:  # noqa: F811
    replayed.distance = 1.0
    folder = job(tmp_path, lmstudio=True, lmstudio_home=str(tmp_path / "lm"))
    with pytest.raises(EngineError, match="failed its proof"):
        work(folder, settings)
    events, _ = folder.events()
    assert events[-1]["kind"] == "result" and events[-1]["ok"] is False and events[-1]["deployed"] is None
    assert not (tmp_path / "lm").exists() and visible(tmp_path / "out") == ["v3.failed"]


def test_a_job_that_is_stopped_leaves_nothing(settings, replayed, tmp_path: Path) -> None:  # noqa: F811
    folder = job(tmp_path)
    folder.ask_to_stop()
    work(folder, settings)
    assert [e for e in folder.events()[0] if e["kind"] == "result"] == [] and visible(tmp_path / "out") == []


def test_the_queue_and_the_table_before_the_choice(settings, tmp_path: Path) -> None:
    from medeval.services import Services

    services = Services(settings)
    try:
        made = begin(services, FuseOrder("plain", bits=16))
        assert made.kind == "fuse" and made.title == "plain → base-plain-16bit (16 bit)"
        config = JobFolder(made.folder).config
        assert order_from(config).out == str(settings.home / "fused" / "base-plain-16bit")
        for name, said in (("v9", "unknown variant"), ("base", "no adapter to fuse")):
            with pytest.raises(UsageError, match=said):
                begin(services, FuseOrder(name))
    finally:
        services.close()
    found = {w.bits: w.bytes for w in widths(settings)}
    assert found[16] > found[8] > found[4] > 0
    assert past_reports(settings) == []


def run(settings: Settings, *words: str):
    given = {"MEDEVAL_BASE": settings.base, "MEDEVAL_ADAPTERS": str(settings.adapters),
             "MEDEVAL_CASES": str(settings.cases), "MEDEVAL_HOME": str(settings.home)}  # fmt: skip
    return CliRunner().invoke(app, ["fuse", *words], env=given)


def test_the_command(settings, replayed, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out" / "v3"
    result = run(settings, "plain", "--out", str(out), "--lmstudio-home", str(tmp_path / "lm"), "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["ok"] and document["path"] == str(out) and document["deployed"]["files"] > 5
    again = run(settings, "plain", "--out", str(out))
    assert again.exit_code == 2 and "--replace" in again.stderr
    told = run(settings, "plain", "--out", str(out), "--replace")
    assert told.exit_code == 0 and "transformers serve" in told.stderr and "GGUF" in told.stderr
    replayed.distance = 1.0
    failed = run(settings, "plain", "--out", str(tmp_path / "out" / "bad"))
    assert failed.exit_code == 1 and "bad.failed" in failed.stderr
    listed = {report["path"]: report["ok"] for report in past_reports(settings)}
    assert listed == {str(out): True, str(tmp_path / "out" / "bad.failed"): False}


def test_a_proven_model_is_deployed_later_and_a_failed_one_never(settings, replayed, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out" / "v3"
    assert run(settings, "plain", "--out", str(out)).exit_code == 0
    folder = JobFolder(tmp_path / "job")
    folder.write_config(asdict(FuseOrder("plain", lmstudio_home=str(tmp_path / "lm"), model=str(out))))
    work(folder, settings)
    told = folder.events()[0][-1]
    assert told["kind"] == "result" and told["path"] == str(out) and told["deployed"]["files"] > 5
    assert (tmp_path / "lm" / "models" / "medeval" / "v3" / "config.json").is_file()
    replayed.distance = 1.0
    assert run(settings, "plain", "--out", str(tmp_path / "out" / "bad")).exit_code == 1
    bad = FuseOrder("plain", lmstudio_home=str(tmp_path / "lm"), model=str(tmp_path / "out" / "bad.failed"))
    folder.write_config(asdict(bad))
    with pytest.raises(EngineError, match="did not pass"):
        work(folder, settings)


@pytest.mark.parametrize(
    ("words", "said"),
    [(("v9", "--out", "x"), "unknown variant"), (("base", "--out", "x"), "no adapter"),
     (("plain", "--out", "x", "--bits", "5"), "4, 8 or 16"), (("plain", "--out", "x", "--measure", "a"), "commas"),
     (("plain", "--out", "x", "--dtype", "int8"), "precision")],
)  # fmt: skip
def test_wrong_use(settings, words: tuple[str, ...], said: str) -> None:
    result = run(settings, *words)
    assert result.exit_code == 2 and said in result.stderr
