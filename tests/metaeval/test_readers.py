"""External formats: recognised by their fields; a bad line costs only itself."""

import json
from pathlib import Path

import pytest

from medeval.errors import UsageError
from medeval.metaeval.readers import read_file, read_folder
from medeval.metaeval.running_text import facts_in

KQA = {"question": "Is it safe?", "answer": "It is safe.", "must_have": ["it is safe "], "nice_to_have": ["x"]}
NLI = {"question": "Q?", "answer": "A.", "claim": "c", "majority": "Neutral", "labels": ["Neutral", "Entailment"]}
LLMEVAL = {"category": "医疗知识", "problem": "怎么办？", "answer": "多喝水。", "rubric": "核心需求：\n1. 说明多喝水"}
CMB = {"id": "0", "title": "t", "description": "病人，男，49岁，BP 100/60mmHg，T 37.8℃，P 101次／分。",
       "QA_pairs": [{"question": "诊断？", "answer": "疝。"}, {"question": "治疗？", "answer": "手术。"}]}  # fmt: skip
MEDEC = {"text": "A 24-year-old woman. She has X. She is well.", "has_error": "1", "error_type": "diagnosis",
         "error_sentence": "She has X.", "corrected_sentence": "She has Y."}  # fmt: skip


def written(folder: Path, *lines: object, name: str = "any name.jsonl") -> Path:
    file = folder / name
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("row", "dataset", "count"),
    [(KQA, "kqa", 1), (NLI, "kqa_nli", 1), (LLMEVAL, "llmeval_med", 1), (CMB, "cmb_clin", 2), (MEDEC, "medec", 1)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_format_is_recognised_by_its_fields(tmp_path: Path, row: object, dataset: str, count: int) -> None:
    rows, source = read_file(written(tmp_path, row))
    assert (source.dataset, source.rows, len(rows), source.problems) == (dataset, 1, count, ())


def test_what_a_case_is_made_of(tmp_path: Path) -> None:
    for number, row in enumerate((KQA, NLI, LLMEVAL, CMB, MEDEC)):
        written(tmp_path, row, name=f"{number}.jsonl")
    pool = read_folder(tmp_path)
    kqa, llmeval, first, second = pool.items
    assert kqa.checklist == ("it is safe",) and kqa.language == "en" and kqa.cluster == KQA["question"]
    assert llmeval.checklist == ("说明多喝水",) and llmeval.language == "zh"
    assert first.cluster == second.cluster and first.case.id != second.case.id and first.checklist == ()
    assert first.case.facts["systolic"] == "100 mmHg" and "BP 100/60" in first.case.prompt
    (note,) = pool.notes
    assert (note.right, note.wrong) == ("She has Y.", "She has X.") and "She has" not in note.case.prompt
    assert pool.claims[0].majority == "Neutral" and pool.claims[0].text == "c"


BAD = [
    ("{not json", "JSON"),
    ('{"a": "b"}', "不认识的字段"),
    ("[1, 2]", "应为对象"),
    (json.dumps(KQA | {"answer": ""}), "answer"),
    (json.dumps(KQA | {"answer": None}), "answer"),
    (json.dumps(KQA | {"must_have": "text"}), "must_have"),
    (json.dumps(NLI | {"majority": "Maybe"}), "majority"),
    (json.dumps(CMB | {"QA_pairs": []}), "QA_pairs"),
    (json.dumps(CMB | {"QA_pairs": ["x"]}), "line 2"),
    (json.dumps(MEDEC | {"error_sentence": "Not there."}), "error_sentence"),
    ("[" * 100000, "JSON"),
]


@pytest.mark.parametrize(("line", "told"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path: Path, line: str, told: str) -> None:
    rows, source = read_file(written(tmp_path, KQA, line, "", KQA))
    assert len(rows) == 2 and source.rows == 2
    assert len(source.problems) == 1 and told in source.problems[0] and "line 2" in source.problems[0]


def test_a_json_list_and_right_notes(tmp_path: Path) -> None:
    assert len(read_file(written(tmp_path, json.dumps([KQA, KQA]), name="a.json"))[0]) == 2
    rows, source = read_file(written(tmp_path, MEDEC | {"has_error": "0"}))
    assert rows == [] and source.problems == () and source.rows == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"\xff\xfe{}\n" + json.dumps(KQA).encode())
    rows, source = read_file(file)
    assert len(rows) == 1 and "line 1" in source.problems[0]


@pytest.mark.parametrize("make", [lambda p: p / "none", lambda p: p, lambda p: written(p, {"a": 1})])
def test_nothing_to_read_is_an_error_with_a_sentence(tmp_path: Path, make: object) -> None:
    with pytest.raises(UsageError, match="/"):
        read_folder(make(tmp_path))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "病人，男，49岁，BP 100/60mmHg，T 37.8℃，P 101次／分",
            "49 year|male|100 mmHg|60 mmHg|37.8 ℃|101 bpm",
        ),
        (
            "A 24-year-old woman. Her pulse is 106/min and blood pressure is 102/73 mm Hg.",
            "24 year|female|102 mmHg|73 mmHg||106 bpm",
        ),
        ("血压高。", "|||||"),
    ],
)
def test_facts_in_running_text(text: str, expected: str) -> None:
    keys = ("age", "sex", "systolic", "diastolic", "temperature", "heart_rate")
    assert facts_in(text) == {key: value for key, value in zip(keys, expected.split("|"), strict=True) if value}
