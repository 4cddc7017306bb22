"""Training as the two faces see it: preflight rows, a job from the queue to a new column, checkpoints as columns."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medeval.cli import app
from medeval.errors import UsageError
from medeval.services import Services
from medeval.services.preflight import preflight
from medeval.services.training import begin, checkpoints, choose_config, run_of, runs, use_checkpoint
from medeval.settings import ROOT, Settings
from medeval.training.config import TrainConfig
from training.worker_world import World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def services(world: World, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    adapters = tmp_path / "adapters"
    shutil.copytree(world.adapters, adapters)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Services(Settings(base=str(world.base), adapters=adapters, home=home))
    yield made
    made.close()


def config_of(world: World, **changes: object) -> TrainConfig:
    return world.config(**{"data": str(world.data), "eval_every": 0, "save_every": 2, "steps": 4} | changes)


def test_a_job_goes_from_the_queue_to_a_column_without_restart(world: World, services: Services) -> None:
    rows = {row.name: row for row in preflight(services, config_of(world))}
    assert {row.verdict for row in rows.values()} == {"ok"}, rows
    assert {"base", "engine", "stack", "data", "targets", "output", "memory", "disk", "time", "measured"} == set(rows)
    assert [item.variant for item in services.receipt().variants] == ["base", "v2"]
    assert services.resident_bytes() > 0 and services.refresh() is False
    job = begin(services, config_of(world))
    limit = time.monotonic() + 240
    while services.jobs.get(job.id).active and time.monotonic() < limit:
        services.jobs.supervise()
        time.sleep(0.05)
    done = run_of(services, job.id)
    assert done.job.state == "done", done.job.error
    assert done.summary.steps == 4 and done.summary.final_loss and done.history.result["adapter"] == "new"
    assert services.refresh() is True
    assert [item.variant for item in services.receipt().variants] == ["base", "new", "v2"]
    assert [item.step for item in checkpoints(services, job.id)] == [2, 4]
    assert use_checkpoint(services, job.id, 2, "early").trained_on == ("v2",)
    with pytest.raises(UsageError, match="2, 4"):
        use_checkpoint(services, job.id, 3, "other")
    with pytest.raises(UsageError, match="new"):
        begin(services, config_of(world))
    assert [run.job.id for run in runs(services)] == [job.id]


BAD = {
    "base": ({"base": "models/no-such"}, "base", "models/no-such"),
    "targets": ({"targets": ["q_porj"]}, "targets", "q_proj"),
    "stack": ({"trained_on": ["v9"]}, "stack", "v2"),
    "data": ({"data": "/no/such/data"}, "data", "/no/such/data"),
    "suite": ({"suite": "no-suite"}, "suite", "standard"),
    "quantised": ({"quantization": "4bit"}, "engine", "quantization=none"),
    "name": ({"name": "v2", "trained_on": []}, "output", "v2"),
}


@pytest.mark.parametrize("name", BAD)
def test_preflight_names_what_is_wrong_and_what_to_do(world: World, services: Services, name: str) -> None:
    changes, row_name, word = BAD[name]
    rows = list(preflight(services, config_of(world, **changes), dry=False))  # type: ignore[arg-type]
    wrong = [row for row in rows if row.verdict == "failed"]
    assert [row.name for row in wrong] == [row_name]
    assert word in wrong[0].zh and word in wrong[0].en and "\n" not in wrong[0].zh


def test_missing_images_stop_the_preflight(world: World, services: Services, tmp_path: Path) -> None:
    row = {"instruction": "看", "output": "答", "images": ["gone.png"]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    rows = preflight(services, config_of(world, data=str(tmp_path)), dry=False)
    assert [r.name for r in rows if r.verdict == "failed" and "gone.png" in r.en] == ["data"]


def test_the_demo_model_takes_the_demo_scale() -> None:
    settings = Settings()
    assert choose_config(settings, "v3").preset == "v3-demo"
    assert choose_config(settings, "v3", ["base=/m"]).preset == "v3"
    assert choose_config(Settings(base="/models/big"), "v3", ["rank=8"]).rank == 8


def test_the_command_line_refuses_in_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ["--base", "models/gone", "--data", "/none"]
    for words in (["--set", "rank=0"], ["--set", "nonsense=1"], ["--preset", "v9"], gone):
        done = CliRunner().invoke(app, ["train", "--preset", "v3", *words])
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output and " / " in done.output


def test_jobs_commands_print_one_document(home: Path) -> None:
    done = CliRunner().invoke(app, ["jobs", "list", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout) == {"jobs": []}
    done = CliRunner().invoke(app, ["jobs", "show", "none"])
    assert done.exit_code == 1 and "none" in done.output
