"""The command line as real processes: start-up, text in any locale, Ctrl-C, kill -9, pipes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from run_samples import make_cases, make_cell, make_spec

from medeval.settings import Settings
from medeval.store import Store

ROOT = Path(__file__).resolve().parents[2]
MEDEVAL = [sys.executable, "-m", "medeval"]
CASES = 60
HEAVY = {"torch", "transformers", "gradio", "peft", "mlx", "pandas", "scipy", "sqlalchemy", "numpy"}


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    lines = [f"- {{id: c{i}, suite: [standard], prompt: 问题{i}}}" for i in range(CASES)]
    (folder / "many.yaml").write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("MEDEVAL_CASES", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    rows = [{"case": f"c{i}", "variant": v, "answer": f"{v} 回答"} for i in range(CASES) for v in ("base", "v1")]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return file


def medeval(*words: object, **options: object) -> "subprocess.CompletedProcess[str]":
    given = {"capture_output": True, "text": True, "encoding": "utf-8", "timeout": 60, **options}
    return subprocess.run([*MEDEVAL, *map(str, words)], **given)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_is_quick_because_it_loads_nothing(words: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['medeval', *sys.argv[1:]]\n"
        "from medeval.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LC_ALL": "POSIX"}], ids=str
)
def test_text_is_utf8_in_any_locale(locale: dict[str, str]) -> None:
    line = json.dumps({"id": "患者😀", "case": {"id": "x", "prompt": "问"}, "answer": "回答"})
    done = medeval("score", "--in", "-", "--out", "-", input=line, env={**os.environ, **locale})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == "患者😀" and "患者😀" in done.stdout


WAITING_RUN = Path(__file__).parent / "waiting_run.py"
STORED = 10


def begin(answers: Path) -> "tuple[subprocess.Popen[str], str]":
    """A run that stands still in its middle: ten answers are in the store, many are not."""
    worker = subprocess.Popen(
        [sys.executable, str(WAITING_RUN), "run", "--recorded", str(answers)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert worker.stderr is not None
    words = worker.stderr.readline().split()
    assert words[0] == "RUN_ID"
    deadline = time.monotonic() + 60
    while stored(words[1]) < STORED:
        assert worker.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return worker, words[1]


def store() -> Store:
    return Store(Settings().home)


def stored(run_id: str) -> int:
    return store().run(run_id).answered


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_leaves_a_run_that_resumes(answers: Path, number: signal.Signals) -> None:
    worker, run_id = begin(answers)
    worker.send_signal(number)
    out, err = worker.communicate(timeout=30)
    assert (worker.returncode, out.strip()) == (1, run_id)
    assert f"medeval run --resume {run_id}" in err and "Traceback" not in err
    assert stored(run_id) == STORED
    done = medeval("run", "--recorded", answers, "--resume", run_id)
    assert (done.returncode, done.stdout.strip(), stored(run_id)) == (0, run_id, 2 * CASES)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_resumes_by_the_id_it_printed_first(answers: Path) -> None:
    worker, run_id = begin(answers)
    worker.kill()
    worker.communicate()
    assert stored(run_id) == STORED
    done = medeval("run", "--recorded", answers, "--resume", run_id)
    assert done.returncode == 0 and stored(run_id) == 2 * CASES
    cells = json.loads(medeval("report", run_id, "--format", "json").stdout)["cells"]
    assert len({(cell["case"], cell["variant"]) for cell in cells}) == len(cells) == 2 * CASES


def a_run(cases: int = 2) -> str:
    """A stored run that lacks one answer; no process had to make it."""
    made = make_cases(cases)
    spec = make_spec(made, ["base"])
    run_id = store().create_run(replace(spec, receipt=replace(spec.receipt, base_fingerprint="")))
    sink = store().sink(run_id)
    for case in made[1:]:
        sink.save(make_cell(case.id, "base", 0.5))
    return run_id


def test_a_run_that_another_process_works_on_is_refused_and_can_be_read(answers: Path) -> None:
    run_id = a_run()
    with store().sink(run_id):
        second = medeval("run", "--recorded", answers, "--resume", run_id)
        report = medeval("report", run_id, "--format", "json")
    assert second.returncode == 1 and "is working on run" in second.stderr
    assert json.loads(report.stdout)["run"]["status"] == "running"


@pytest.mark.skipif(os.name != "posix", reason="head")
def test_a_closed_pipe_is_no_traceback() -> None:
    run_id = a_run(800)
    command = " ".join([*MEDEVAL, "report", run_id, "--format", "csv"])
    done = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("run,case,variant") and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom file modes stop")
def test_a_home_without_rights_is_a_sentence(answers: Path, home: Path) -> None:
    home.mkdir(mode=0o500)
    done = medeval("run", "--recorded", answers)
    assert done.returncode == 1 and "MEDEVAL_HOME" in done.stderr and "Traceback" not in done.stderr


def test_home_that_is_a_file_is_a_sentence(answers: Path, home: Path) -> None:
    home.write_text("")
    done = medeval("report", "x")
    assert done.returncode == 1 and "MEDEVAL_HOME" in done.stderr and "Traceback" not in done.stderr
