"""The command line by the table: what goes to stdout, what to stderr, and the exit code."""

import gc
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from medeval.cli import app
from medeval.cli.options import no_cycles

CASES = """
- id: bp
  title: {zh: 血压, en: Blood pressure}
  suite: [standard, text]
  prompt: 我的血压140/90，需要担心吗？
  facts: {systolic: 140 mmHg, diastolic: 90 mmHg}
- id: tired
  suite: [standard]
  prompt: 总感到疲劳
"""
ANSWERS = [
    {"case": "bp", "variant": "base", "answer": "请咨询医生。", "tokens": 5, "seconds": 0.5},
    {
        "case": "bp",
        "variant": "v1",
        "answer": "您的血压140/90 mmHg，属于高血压1级，建议复测。",
        "tokens": 20,
        "seconds": 0.5,
    },
    {"case": "tired", "variant": "base", "answer": "多休息。", "tokens": 3, "seconds": 0.5},
    {"case": "tired", "variant": "v1", "answer": "建议查血常规和甲状腺功能。", "tokens": 9, "seconds": 0.5},
]


@pytest.fixture(autouse=True)
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "a.yaml").write_text(CASES, "utf-8")
    monkeypatch.setenv("MEDEVAL_CASES", str(folder))
    return folder


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "answers.jsonl", ANSWERS)


def write_jsonl(file: Path, lines: list[dict[str, object]]) -> Path:
    file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    return file


def medeval(*words: object, stdin: str | bytes | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    assert result.exit_code == code, f"{result.exit_code}: {result.output} {result.exception!r}"
    assert "Traceback" not in result.output
    return result


def run_id_of(result: Result) -> str:
    assert len(result.stdout.split()) == 1, "stdout holds the RUN_ID and nothing else"
    return result.stdout.strip()


@pytest.mark.parametrize("command", ["ui", "ask", "run", "score", "report", "cases", "adapters", "bench", "doctor"])
def test_help_names_every_command_and_each_has_help(command: str) -> None:
    assert f"\n  {command} " in medeval("--help").stdout
    assert "--help" in medeval(command, "--help").stdout


def test_version() -> None:
    assert medeval("--version").stdout.strip().count(".") == 2


def test_run_prints_its_id_and_the_report_shows_the_cells(answers: Path) -> None:
    result = medeval("run", "--engine", "recorded", "--recorded", answers)
    run_id = run_id_of(result)
    assert f"RUN_ID {run_id}" in result.stderr and "4/4" in result.stderr
    table = medeval("report", run_id, "--format", "md", "--lang", "en").stdout
    assert "| Case | base | v1 |" in table and "| Blood pressure (bp) |" in table
    found = json.loads(medeval("report", run_id, "--format", "json").stdout)
    assert [(cell["case"], cell["variant"]) for cell in found["cells"]] == [(a["case"], a["variant"]) for a in ANSWERS]
    assert found["run"]["status"] == "done" and found["run"]["cases"][0]["case"]["prompt"].startswith("我的血压")


def test_run_takes_only_the_named_variants(answers: Path) -> None:
    run_id = run_id_of(medeval("run", "--recorded", answers, "--variants", "v1"))
    assert "| 病例 | v1 |" in medeval("report", run_id).stdout


def test_failed_answers_exit_1_and_resume_asks_only_them(tmp_path: Path, answers: Path) -> None:
    write_jsonl(answers, ANSWERS[:3])
    result = medeval("run", "--recorded", answers, code=1)
    run_id = run_id_of(result)
    assert "--resume" in result.stderr
    assert "⚠ 错误" in medeval("report", run_id).stdout
    changed = [{**line, "answer": "改过的回答"} for line in ANSWERS]
    write_jsonl(answers, changed)
    assert run_id_of(medeval("run", "--recorded", answers, "--resume", run_id)) == run_id
    cells = json.loads(medeval("report", run_id, "--format", "json").stdout)["cells"]
    assert [cell["answer"] == "改过的回答" for cell in cells] == [False, False, False, True]


def test_resume_uses_the_cases_of_the_first_time(answers: Path, cases: Path) -> None:
    write_jsonl(answers, ANSWERS[:3])
    run_id = run_id_of(medeval("run", "--recorded", answers, code=1))
    (cases / "a.yaml").write_text("- {id: other, suite: [standard], prompt: 别的问题}", "utf-8")
    write_jsonl(answers, ANSWERS)
    medeval("run", "--recorded", answers, "--resume", run_id)
    assert len(json.loads(medeval("report", run_id, "--format", "json").stdout)["cells"]) == 4


def test_run_writes_reports(answers: Path, tmp_path: Path) -> None:
    run_id = run_id_of(medeval("run", "--recorded", answers, "--out", tmp_path / "out" / "deep"))
    assert {file.name for file in (tmp_path / "out" / "deep").iterdir()} == {
        f"{run_id}.{fmt}" for fmt in ("md", "csv", "json", "html", "xlsx")
    }


def test_report_against_another_run_and_to_a_file(answers: Path, tmp_path: Path) -> None:
    first, second = (run_id_of(medeval("run", "--recorded", answers)) for _ in range(2))
    out = tmp_path / "r.html"
    assert medeval("report", second, "--against", first, "--format", "html", "--out", out).stdout == ""
    assert first in out.read_text("utf-8") and second in out.read_text("utf-8")


def test_ask_json_is_one_document_of_the_fixed_form(answers: Path) -> None:
    # recorded answers know cases by id; the prompt of a case stands for the case
    result = medeval("ask", "我的血压140/90，需要担心吗？", "--recorded", answers, "--json")
    found = json.loads(result.stdout)
    assert set(found) == {"answers", "receipt"}
    assert [answer["variant"] for answer in found["answers"]] == ["base", "v1"]
    keys = {"variant", "text", "tokens", "seconds", "finish_reason", "error", "scores", "profiles"}
    assert set(found["answers"][0]) == keys
    assert found["answers"][1]["text"].startswith("您的血压140/90") and found["receipt"]["engine"] == "recorded"


def test_ask_prints_each_answer_under_its_name(answers: Path) -> None:
    out = medeval("ask", "总感到疲劳", "--recorded", answers).stdout
    assert "## base  profile v3" in out and "## v1  profile v3" in out and "甲状腺" in out


def test_ask_that_fails_says_so_and_exits_1(answers: Path) -> None:
    result = medeval("ask", "没有录过的问题", "--recorded", answers, "--json", code=1)
    assert all(answer["error"] and answer["text"] == "" for answer in json.loads(result.stdout)["answers"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["run", "--suite", "nosuch"], 2, "standard", id="suite"),
        pytest.param(["run", "--variants", "v9"], 2, "base, v1", id="variant"),
        pytest.param(["run", "--resume", "20990101-0000-aaaa"], 1, "20990101-0000-aaaa", id="run"),
        pytest.param(["run", "--repeats", "0"], 2, "repeats", id="repeats"),
        pytest.param(["ask", "问", "--variants", "base,v9"], 2, "v9", id="ask-variant"),
        pytest.param(["ask", "问", "--profile", "v99"], 2, "v3", id="profile"),
        pytest.param(["ask", " "], 2, "PROMPT", id="empty-prompt"),
        pytest.param(["ask", "看图", "--image", "/nowhere/x.png"], 1, "x.png", id="no-image"),
    ],
)
def test_wrong_use_is_one_sentence(answers: Path, words: list[str], code: int, said: str) -> None:
    result = medeval(*words, "--recorded", answers, code=code)
    assert said in result.stderr and result.stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["report", "nosuch"], 1, "nosuch", id="run"),
        pytest.param(["run", "--engine", "recorded"], 2, "--recorded", id="recorded-without-file"),
        pytest.param(["run", "--engine", "warp"], 2, "torch", id="engine"),
        pytest.param(["run", "--recorded", "/nowhere.jsonl"], 1, "/nowhere.jsonl", id="recorded-file-missing"),
        pytest.param(["cases", "check", "/nowhere"], 2, "/nowhere", id="cases-path"),
        pytest.param(["cases", "list", "--suite", "nosuch"], 2, "standard", id="cases-suite"),
        pytest.param(["adapters", "list", "--adapters", "/nowhere"], 2, "/nowhere", id="adapters"),
        pytest.param(["score", "--in", "/nowhere.jsonl", "--out", "-"], 2, "/nowhere.jsonl", id="score-in"),
        pytest.param(["score", "--in", "a", "--out", "a"], 2, "--out", id="score-onto-itself"),
        pytest.param(["nosuch"], 2, "nosuch", id="command"),
        pytest.param(["ask"], 2, "PROMPT", id="argument"),
    ],
)
def test_wrong_use_without_answers(words: list[str], code: int, said: str) -> None:
    result = medeval(*words, code=code)
    assert said in result.stderr and result.stdout == ""


def test_report_with_unknown_format_lists_them(answers: Path) -> None:
    run_id = run_id_of(medeval("run", "--recorded", answers))
    assert "md, csv, json, html" in medeval("report", run_id, "--format", "pdf", code=2).stderr


def test_case_list_and_check(cases: Path) -> None:
    assert [line.split("\t")[0] for line in medeval("cases", "list").stdout.splitlines()] == ["bp", "tired"]
    assert json.loads(medeval("cases", "list", "--json").stdout)["suites"] == {"standard": 2, "text": 1}
    assert medeval("cases", "check").stdout == ""
    (cases / "b.yaml").write_text("- {id: x, promt: 问}\n- {id: y, prompt: 问, images: [gone.png]}", "utf-8")
    result = medeval("cases", "check", code=1)
    assert "b.yaml" in result.stdout and len(result.stdout.splitlines()) >= 2
    found = json.loads(medeval("cases", "check", cases, "--json", code=1).stdout)
    assert found["ok"] is False and found["cases"] == 2


def test_a_bad_case_file_does_not_stop_the_others(answers: Path, cases: Path) -> None:
    (cases / "b.yaml").write_text("- {id: x, promt: 问}", "utf-8")
    assert "b.yaml" in medeval("run", "--recorded", answers).stderr


LINE = {
    "id": "1",
    "case": {"id": "x", "prompt": "血糖7.2高吗？", "facts": {"fasting_glucose": "7.2 mmol/L"}},
    "answer": "偏高。",
}


def test_score_form() -> None:
    result = medeval("score", "--in", "-", "--out", "-", stdin=json.dumps(LINE))
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert set(found) == {"id", "scores", "profiles"} and found["id"] == "1"
    for score in found["scores"].values():
        assert set(score) == {"value", "reason", "evidence"}
        assert all(set(item) == {"start", "end", "kind", "note"} for item in score["evidence"])


@pytest.mark.parametrize(
    ("line", "id_", "said"),
    [
        pytest.param("not json", None, "not JSON", id="not-json"),
        pytest.param("[1]", None, "object", id="list"),
        pytest.param("[" * 100_000, None, "nested", id="deep"),
        pytest.param(json.dumps({**LINE, "id": 7}), "7", "id", id="id-not-text"),
        pytest.param(json.dumps({"id": "a", "case": LINE["case"]}), "a", "answer", id="no-answer"),
        pytest.param(json.dumps({"id": "a", "case": 3, "answer": "x"}), "a", "case", id="case-not-object"),
        pytest.param(json.dumps({**LINE, "case": "pb"}), "1", "near: bp", id="unknown-case"),
        pytest.param(json.dumps({**LINE, "case": {"id": "x", "promt": "?"}}), "1", "prompt", id="misspelt-key"),
        pytest.param(
            '{"id": "1", "case": {"id": "x", "prompt": "\\ud800"}, "answer": "a"}', "1", "prompt", id="surrogate"
        ),
    ],
)
def test_a_bad_line_is_an_error_and_the_rest_goes_on(line: str, id_: str | None, said: str) -> None:
    result = medeval("score", "--in", "-", "--out", "-", stdin=f"{line}\n\n{json.dumps(LINE)}\n", code=1)
    bad, good = (json.loads(found) for found in result.stdout.splitlines())
    assert set(bad) == {"id", "error"} and bad["id"] == id_
    assert "line 1" in bad["error"] and said in bad["error"]
    assert good["id"] == "1" and "scores" in good


def test_bytes_that_are_not_utf8_are_an_error_line() -> None:
    result = medeval("score", "--in", "-", "--out", "-", stdin=b"\xff\xfe{}\n" + json.dumps(LINE).encode(), code=1)
    assert "UTF-8" in json.loads(result.stdout.splitlines()[0])["error"] and len(result.stdout.splitlines()) == 2


def test_score_files_keep_unicode_and_half_characters(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "\ufeff" + json.dumps({**LINE, "id": "患者一"}) + "\n" + json.dumps({**LINE, "answer": "高\ud800"}), "utf-8"
    )
    medeval("score", "--in", source, "--out", target)
    lines = target.read_text("utf-8").splitlines()
    assert len(lines) == 2 and "患者一" in lines[0] and all(json.loads(line)["scores"] for line in lines)


def test_a_case_can_be_named_by_its_id() -> None:
    line = {"id": "1", "case": "bp", "answer": "血压140/90 mmHg属于1级高血压。"}
    found = json.loads(medeval("score", "--in", "-", "--out", "-", stdin=json.dumps(line)).stdout)
    assert found["scores"]["data_interpretation"]["value"] == 1.0


def test_cycles_are_searched_for_again_after_scoring() -> None:
    with pytest.raises(RuntimeError), no_cycles():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()


def test_score_by_one_profile() -> None:
    result = medeval("score", "--in", "-", "--out", "-", "--profile", "v3", stdin=json.dumps(LINE))
    assert list(json.loads(result.stdout)["profiles"]) == ["v3"]


def test_doctor_reports_as_json_and_in_words(tmp_path: Path) -> None:
    words = ["doctor", "--no-gate", "--base", tmp_path / "nowhere"]
    found = json.loads(medeval(*words, "--json", code=1).stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["ok"] is False and not checks["base"]["ok"] and checks["base"]["fix"]
    assert {"python", "torch", "adapters", "cases", "chromium", "tesseract", "home"} <= set(checks)
    assert checks["home"]["ok"] and checks["cases"]["ok"]
    assert "✗ base" in medeval(*words, code=1).stdout
