"""Case files: each fault has its sentence, all faults come at once, and what is saved reads back the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.cases.load import CaseBook, free_id, load_cases, parse_case, save_case
from medeval.cases.save import safe_name
from medeval.cases.schema import Case
from medeval.cases.yamlfile import YamlFault, parse_yaml
from medeval.errors import CaseError, UsageError

GOOD = "id: a\nprompt: 血压高吗？\n"


def write(folder: Path, text: str, name: str = "cases.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    write(folder / "cases", text)
    return load_cases(folder / "cases").problems


FAULTS = [
    # name, text, the one problem it must report: place and a part of the sentence
    ("unknown-key", GOOD + "promt: x\n", "cases.yaml:3: promt: ", "did you mean prompt?"),
    ("key-of-elsewhere", GOOD + "must_have: [x]\n", "cases.yaml:3: must_have: ", "did you mean expect.must_have?"),
    ("unlike-any-key", GOOD + "zzz: x\n", "cases.yaml:3: zzz: ", "known here: id, title"),
    ("unknown-in-expect", GOOD + "expect:\n  urgncy: soon\n", "cases.yaml:4: expect.urgncy: ", "did you mean urgency?"),
    ("unknown-in-row", GOOD + "expect: {lab_rows: [{name: 钾, value: 4, unitt: mmol/L}]}\n",
     "cases.yaml:3: expect.lab_rows[0].unitt: ", "did you mean unit?"),
    ("no-prompt", "id: a\n", "cases.yaml:1: prompt: ", "required but missing"),
    ("no-id", "prompt: x\n", "cases.yaml:1: id: ", "required but missing"),
    ("empty-prompt", 'id: a\nprompt: ""\n', "cases.yaml:2: prompt: ", "must not be empty"),
    ("blank-prompt", 'id: a\nprompt: "  "\n', "cases.yaml:2: prompt: ", "must not be empty"),
    ("number-as-id", "id: 7\nprompt: x\n", "cases.yaml:1: id: ", "put a number in quotes"),
    ("bad-id", "id: a/b\nprompt: x\n", "cases.yaml:1: id: ", "only letters, digits"),
    ("choice", GOOD + "expect: {urgency: later}\n", "cases.yaml:3: expect.urgency: ", "routine, soon, emergency"),
    ("language", GOOD + "language: fr\n", "cases.yaml:3: language: ", "zh, en"),
    ("suite-not-list", GOOD + "suite: standard\n", "cases.yaml:3: suite: ", "should be a list"),
    ("facts-not-mapping", GOOD + "facts: [x]\n", "cases.yaml:3: facts: ", "should be a mapping"),
    ("fact-is-list", GOOD + "facts: {allergies: [x]}\n", "cases.yaml:3: facts.allergies: ", "should be text"),
    ("fact-no-unit", GOOD + "facts:\n  systolic: 140\n", "cases.yaml:4: facts.systolic: ", "write it as 140 mmHg"),
    ("fact-wrong-unit", GOOD + "facts: {systolic: 140 mg}\n", "cases.yaml:3: facts.systolic: ", "mmHg, kPa"),
    ("fact-no-number", GOOD + "facts: {temperature: 高}\n", "cases.yaml:3: facts.temperature: ", "number with a unit"),
    ("fact-misspelt", GOOD + "facts: {sistolic: 140 mmHg}\n", "cases.yaml:3: facts.sistolic: ", "mean systolic?"),
    ("fact-not-a-word", GOOD + "facts: {sex: boy}\n", "cases.yaml:3: facts.sex: ", "none of: male, female"),
    ("fact-empty", GOOD + 'facts: {allergies: ""}\n', "cases.yaml:3: facts.allergies: ", "must not be empty"),
    ("statement-number", GOOD + "expect:\n  must_have:\n    - 120\n", "cases.yaml:5: expect.must_have[0]: ",
     "text or {any: [text"),
    ("statement-any-empty", GOOD + "expect: {must_have: [{any: []}]}\n", "cases.yaml:3: expect.must_have[0]: ",
     "text or {any: [text"),
    ("statement-blank", GOOD + 'expect: {must_not: [好, " "]}\n', "cases.yaml:3: expect.must_not[1]: ", "not be empty"),
    ("row-value", GOOD + "expect: {lab_rows: [{name: 钾, value: 高}]}\n", "cases.yaml:3: expect.lab_rows[0].value: ",
     "should be a number"),
    ("row-nan", GOOD + "expect: {lab_rows: [{name: 钾, value: .nan}]}\n", "cases.yaml:3: expect.lab_rows[0].value: ",
     "finite number"),
    ("row-flag", GOOD + "expect: {lab_rows: [{name: 钾, value: 9, low: 3.5, high: 5.3}]}\n",
     "cases.yaml:3: expect.lab_rows[0]: ", "flag of 9 in 3.5-5.3 should be ↑"),
    ("row-range", GOOD + "expect: {lab_rows: [{name: 钾, value: 4, low: 5.3, high: 3.5}]}\n",
     "cases.yaml:3: expect.lab_rows[0]: ", "low 5.3 is greater than high 3.5"),
    ("turn-role", GOOD + "history: [{role: system, text: x}]\n", "cases.yaml:3: history[0].role: ", "user, assistant"),
    ("image-missing", GOOD + "images: [cxr.png]\n", "cases.yaml:3: images[0]: ", "no such file cxr.png"),
    ("image-absolute", GOOD + "images: [/etc/passwd]\n", "cases.yaml:3: images[0]: ", "relative to this file"),
    ("image-drive", GOOD + "images: ['C:\\x.png']\n", "cases.yaml:3: images[0]: ", "relative to this file"),
    ("image-escape", GOOD + "images: [../secret.png]\n", "cases.yaml:3: images[0]: ", "outside the folder"),
    ("image-nul", GOOD + 'images: ["a\\0b"]\n', "cases.yaml:3: images[0]: ", "no usable path"),
    ("image-number", GOOD + "images: [3]\n", "cases.yaml:3: images[0]: ", "should be the path of a file"),
    ("twice-in-file", "- {id: a, prompt: x}\n- {id: a, prompt: y}\n", "cases.yaml:2: id: ", "used at cases.yaml:1"),
    ("key-twice", GOOD + "prompt: y\n", "cases.yaml:3: file: ", "'prompt' is written twice"),
    ("not-a-case", "- x\n", "cases.yaml:1: case: ", "should be a mapping"),
    ("syntax", GOOD + "suite: [a\n", "cases.yaml:4: file: ", "YAML error"),
    ("anchor", "id: &i a\nprompt: x\n", "cases.yaml:1: file: ", "anchors and aliases"),
    ("tag", "id: !!python/name:os.system x\nprompt: x\n", "cases.yaml:1: file: ", "the tag"),
    ("two-documents", GOOD + "---\n" + GOOD, "cases.yaml:3: file: ", "another document"),
    ("control", GOOD + "source: a\x00b\n", "cases.yaml:3: file: ", "control character"),
    ("deep", "id: " + "[" * 5000 + "]" * 5000, "cases.yaml:1: file: ", "nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "words"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_each_fault_has_its_place_and_sentence(tmp_path: Path, text: str, place: str, words: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    problems = problems_of(tmp_path, text)
    assert len(problems) == 1, problems
    assert problems[0].startswith(place)
    assert words in problems[0]
    assert " / " in problems[0], "both languages"


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("id: a\nprompt: 血压高吗\n".encode("gbk"))
    assert load_cases(tmp_path).problems[0].startswith("a.yaml:2: file: 不是 UTF-8")


def test_a_folder_with_six_faults_reports_six_and_keeps_the_good_cases(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "good.yaml")
    write(tmp_path, "id: b\nprompt: x\nsiute: [x]\nexpect: {urgency: now}\nfacts: {age: old}\n", "one.yaml")
    write(tmp_path, "cases:\n  - {id: c, prompt: x, images: [no.png]}\n  - {id: a, prompt: x}\n", "sub/two.yml")
    write(tmp_path, "id: [", "three.yaml")
    book = load_cases(tmp_path)
    assert len(book.problems) == 6, book.problems
    assert list(book.cases) == ["a"]
    with pytest.raises(CaseError) as caught:
        book.check()
    assert caught.value.problems == list(book.problems)


def test_a_duplicate_names_both_places(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "1.yaml")
    write(tmp_path, "\n" + GOOD, "2.yaml")
    (problem,) = load_cases(tmp_path).problems
    assert problem.startswith("2.yaml:2: id:") and "1.yaml:1" in problem


def test_a_near_image_name_is_offered(tmp_path: Path) -> None:
    write(tmp_path, "x", "images/cxr-normal.png")
    write(tmp_path, GOOD + "images: [images/cxr_normal.png]\n")
    assert "did you mean cxr-normal.png?" in load_cases(tmp_path).problems[0]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = write(tmp_path, "x", "secret.png")
    folder = tmp_path / "cases"
    write(folder, GOOD + "images: [link.png]\n")
    (folder / "link.png").symlink_to(secret)
    assert "outside the folder" in load_cases(folder).problems[0]


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_cases_says_so(tmp_path: Path, folder: str) -> None:
    (problem,) = load_cases(tmp_path / folder).problems
    assert "no case files" in problem


def test_files_without_fault(tmp_path: Path) -> None:
    write(tmp_path, "x", "images/a.png")
    write(tmp_path, "", "0-empty.yaml")
    write(tmp_path, "\ufeff" + GOOD + "images: [../images/a.png]\n", "sub/1.yaml")
    write(tmp_path, "cases: [{id: b, prompt: y, suite: [s, s], facts: {age: 45, pregnant: false}}]", "2.yaml")
    write(tmp_path, "id: hidden", ".git/3.yaml")
    book = load_cases(tmp_path)
    assert book.problems == ()
    assert book.cases["a"].images == [(tmp_path / "images/a.png").resolve()]
    assert book.cases["b"].facts == {"age": "45", "pregnant": "no"}
    assert book.suites() == {"s": 1}
    assert [c.id for c in book.suite("s")] == ["b"]
    assert len(book.suite("all")) == 2
    book.check()


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, GOOD + "suite: [standard]\n")
    book = load_cases(tmp_path)
    with pytest.raises(UsageError, match="known: standard, all"):
        book.suite("standrad")
    with pytest.raises(UsageError, match="near: a"):
        book.case("aa")


@pytest.mark.parametrize(
    ("written", "value"),
    [("yes", "yes"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("010", "010"), ("1_000", "1_000"),
     ("140/90", "140/90"), ("1e3", "1e3"), ("140", 140), ("-1.5", -1.5), ("true", True), ("~", None), ("=", "=")],
)  # fmt: skip
def test_yaml_keeps_what_the_author_wrote(written: str, value: object) -> None:
    assert parse_yaml(f"a: {written}").value == {"a": value}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_yaml_never_raises_anything_else(text: str) -> None:
    try:
        parse_yaml(text)
    except YamlFault as fault:
        assert fault.line >= 1 and " / " in str(fault)


def test_parse_case_reports_every_fault_of_a_line() -> None:
    with pytest.raises(CaseError) as caught:
        parse_case({"id": "x", "facts": {"fasting_glucose": "7.2"}, "colour": 1}, "in.jsonl:3")
    assert [p.split(": ")[1] for p in caught.value.problems] == ["prompt", "colour", "facts.fasting_glucose"]
    assert all(p.startswith("in.jsonl:3: ") for p in caught.value.problems)


@pytest.mark.parametrize("fields", [None, [], "x", {"id": "a", "prompt": "\ud800"}, json.loads("[" * 900 + "]" * 900)])
def test_parse_case_refuses_what_is_no_case(fields: Any) -> None:
    with pytest.raises(CaseError):
        parse_case(fields, "here")


def test_parse_case_accepts_a_line_of_json() -> None:
    case = parse_case(
        {"id": "x", "language": "zh", "prompt": "高吗？", "facts": {"fasting_glucose": "7.2 mmol/L"}}, "in:1"
    )
    assert case.facts == {"fasting_glucose": "7.2 mmol/L"}


def full_case(image: Path) -> Case:
    fields = {
        "id": "full:1", "title": {"zh": "题", "en": "Title"}, "suite": ["mine"], "prompt": "yes\n- 12:30 # 不是注释",
        "history": [{"role": "user", "text": "no"}], "images": [image], "facts": {"age": "45 year", "pregnant": "no"},
        "guideline": "china-htn-2024", "source": "1e3",
        "expect": {"urgency": "soon", "must_have": ["on", {"any": ["1", "2"]}],
                   "lab_rows": [{"name": "钾", "value": 5.5, "low": 3.5, "high": 5.3, "flag": "↑"}]},
    }  # fmt: skip
    return parse_case(fields, "test")


def test_a_saved_case_reads_back_the_same(tmp_path: Path) -> None:
    image = tmp_path / "pictures" / "X.PNG"
    image.parent.mkdir()
    image.write_bytes(b"pixels")
    case = full_case(image)
    path = save_case(case, tmp_path / "cases")
    book = load_cases(tmp_path / "cases")
    assert book.problems == ()
    again = book.cases["full:1"]
    assert again.model_dump(exclude={"images"}) == case.model_dump(exclude={"images"})
    assert again.images[0].read_bytes() == b"pixels"
    assert again.images[0].is_relative_to((tmp_path / "cases").resolve())
    assert path.name == "full-1.yaml"


def test_saving_never_overwrites(tmp_path: Path) -> None:
    first = save_case(Case(id="a:b", prompt="1"), tmp_path)
    assert save_case(Case(id="a-b", prompt="2"), tmp_path).name == "a-b-2.yaml"
    with pytest.raises(CaseError, match="a-b.yaml:1: id: .* is taken"):
        save_case(Case(id="a:b", prompt="3"), tmp_path)
    assert "'1'" in first.read_text("utf-8")


def test_a_case_whose_image_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"gone\.png"):
        save_case(Case(id="a", prompt="x", images=[tmp_path / "gone.png"]), tmp_path / "cases")
    assert [p for p in (tmp_path / "cases").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "wish", ["../../etc/passwd", "CON", "a" * 300, "病例" * 60, "..", "", "a:b*c?", ".bashrc", "-rf"]
)
def test_names_are_safe_on_every_system(wish: str) -> None:
    name = safe_name(wish)
    assert name and not name.startswith((".", "-")) and len(name.encode()) <= 80
    assert Path(name).name == name and not set(name) & set('/\\:*?"<>|')
    assert name.lower() != "con"
    Case(id=name, prompt="x")


def test_a_free_id_is_found(tmp_path: Path) -> None:
    save_case(Case(id="mine", prompt="x"), tmp_path)
    save_case(Case(id="mine-2", prompt="x"), tmp_path)
    assert free_id("Mine", load_cases(tmp_path)) == "Mine-3"
    assert free_id("新 病例", CaseBook(tmp_path, {})) == "新-病例"
