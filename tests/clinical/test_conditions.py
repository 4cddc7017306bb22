"""Conditions: the data is whole and sourced; a case supports the right one, and what is named fits or not."""

import pytest

from medeval.cases.schema import Case
from medeval.clinical.conditions import likelihood, support
from medeval.clinical.conditions_fit import fit_of
from medeval.clinical.conditions_text import age_and_sex, condition_files, mentions
from medeval.clinical.data_files import read_data
from medeval.clinical.reading import read
from medeval.metrics.case_fit import case_fit

FIELDS = {"zh", "en", "who", "has", "germ", "test", "give", "avoid", "src"}
APPENDICITIS_ZH = (
    "患者男，22岁，转移性右下腹痛1天，伴恶心、呕吐、发热，查体右下腹麦氏点压痛、反跳痛，白细胞升高。请给出诊断和处理。"
)
ZOSTER = (
    "A 67-year-old man comes to the physician because of a burning pain on the left side of his chest for 4 days and a"
    " rash since yesterday. Examination shows grouped vesicles on an erythematous base in a thoracic dermatome. He has"
    " no fever and no cough."
)
STROKE = (
    "A 70-year-old woman is brought to the emergency department 1 hour after sudden weakness of her right arm, facial"
    " droop and slurred speech. She has atrial fibrillation. Examination shows right hemiparesis and aphasia."
)


def fit(case: str, answer: str) -> float:
    found = fit_of(read(case).text, read(answer).text)
    assert found is not None
    return found.value


def items(fields: dict[str, str], field: str) -> set[str]:
    return {item.strip() for item in fields.get(field, "").split(";")} - {""}


def case_of(prompt: str) -> Case:
    return Case(id="c", prompt=prompt)


def test_data_is_whole() -> None:
    sources = read_data("conditions.yaml")["sources"]
    assert len(condition_files()) >= 500
    for key, fields in condition_files().items():
        assert set(fields) <= FIELDS, key
        assert fields.get("zh") and fields.get("has"), key
        assert fields["src"] in sources, key
        assert all(isinstance(value, str) for value in fields.values()), key
    assert all(
        any(year.isdigit() for year in source.replace(",", " ").split()) or "20" in source
        for source in sources.values()
    )


def test_no_condition_is_listed_twice() -> None:
    files = read_data("conditions.yaml")["files"]
    assert sum(len(read_data(f"conditions_{name}.yaml")["conditions"]) for name in files) == len(condition_files())


def test_a_name_means_one_condition_and_an_item_is_given_or_avoided() -> None:
    named: dict[str, str] = {}
    for key, fields in condition_files().items():
        for name in {key, *items(fields, "en"), *items(fields, "zh")}:
            assert named.setdefault(name, key) == key, name
        assert not items(fields, "give") & items(fields, "avoid"), key


@pytest.mark.parametrize(
    ("case", "condition"),
    [(ZOSTER, "herpes zoster"), (STROKE, "ischemic stroke"), (APPENDICITIS_ZH, "acute appendicitis")],
)
def test_case_supports(case: str, condition: str) -> None:
    belief = likelihood(support(read(case).text))
    assert max(belief, key=lambda key: belief[key]) == condition


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        (ZOSTER, "The diagnosis is herpes zoster.", "The diagnosis is scabies."),
        (ZOSTER, "Varicella zoster virus is the causal organism.", "Herpes simplex virus is the causal organism."),
        (ZOSTER, "Valacyclovir is given.", "Permethrin cream is given."),
        (STROKE, "A noncontrast CT of the head is obtained.", "A lumbar puncture is performed."),
        (STROKE, "Alteplase is given.", "Heparin is given."),
        (APPENDICITIS_ZH, "诊断：急性阑尾炎。", "诊断：急性胆囊炎。"),
        (APPENDICITIS_ZH, "考虑急性阑尾炎，建议尽快行阑尾切除术。", "考虑肾结石，建议观察。"),
    ],
)
def test_right_fits_better(case: str, right: str, wrong: str) -> None:
    assert fit(case, right) > fit(case, wrong)
    first, second = case_fit(case_of(case), right).value, case_fit(case_of(case), wrong).value
    assert first is not None and second is not None and first > second


def test_drug_is_judged_by_the_disease_beside_it() -> None:
    case = (
        "A 30-year-old man is seen for dysuria and purulent urethral discharge after unprotected intercourse last week."
    )
    assert fit(case, "Ceftriaxone is given for gonorrhea.") > fit(case, "Ciprofloxacin is given for gonorrhea.")


@pytest.mark.parametrize(
    "prompt",
    [
        "血压 140/90 正常吗？",
        "How does metformin work?",
        "My grandmother walks in the park every morning before breakfast, and she reads the paper after that.",
        "请介绍一下高血压患者平时应该怎样安排饮食、运动和作息，谢谢医生，我想让家里老人看一看。",
    ],
)
def test_silent_without_a_case(prompt: str) -> None:
    assert case_fit(case_of(prompt), "The diagnosis is herpes zoster. 诊断：急性阑尾炎。").value is None


def test_middle_where_nothing_is_named() -> None:
    assert case_fit(case_of(STROKE), "She was asked to come back.").value == pytest.approx(0.5)


def test_denied_findings_count_against() -> None:
    said = read(STROKE).text
    denied = read(STROKE.replace("shows right hemiparesis and aphasia", "shows no hemiparesis and no aphasia")).text
    assert support(said)["ischemic stroke"] > support(denied)["ischemic stroke"]


@pytest.mark.parametrize(
    ("text", "word", "denied"),
    [
        ("患者无明显诱因出现胸痛、呼吸困难。", "dyspnea", False),
        ("双下肢无力、麻木。", "numbness", False),
        ("无痛性血尿1月。", "hematuria", False),
        ("无发热、呼吸困难。", "dyspnea", True),
    ],
)
def test_not_every_wu_denies(text: str, word: str, denied: bool) -> None:
    assert [m.denied for m in mentions(read(text).text) if m.word == word] == [denied]


@pytest.mark.parametrize(
    ("text", "age"),
    [("A 18-month-old boy", 1.5), ("A 6-day-old girl", 6 / 365), ("患者男，22岁", 22.0), ("A man", None)],
)
def test_ages_are_in_years(text: str, age: float | None) -> None:
    assert age_and_sex(read(text).text)[0] == (age if age is None else pytest.approx(age))


def test_marks_point_at_the_words_and_name_the_source() -> None:
    answer = "The diagnosis is **herpes zoster**."
    score = case_fit(case_of(ZOSTER), answer)
    assert [answer[e.start : e.end] for e in score.evidence] == ["herpes zoster"]
    assert score.evidence[0].kind == "good" and "Harrison" in score.evidence[0].note


@pytest.mark.parametrize(
    "answer", ["**诊断**：急性阑尾炎。", "诊断：急性阑尾炎", "诊断:急性阑尾炎。", "- 诊断：急性阑尾炎。"]
)
def test_look_moves_nothing(answer: str) -> None:
    assert (
        case_fit(case_of(APPENDICITIS_ZH), answer).value
        == case_fit(case_of(APPENDICITIS_ZH), "诊断：急性阑尾炎。").value
    )


def test_laboratory_figures_become_words() -> None:
    words = {m.word for m in mentions(read("Serum Na+ 120 mEq/L, K+ 4.1 mEq/L, hemoglobin 130 g/L.").text, labs=True)}
    assert "hyponatremia" in words and "polycythemia" not in words and "hyperkalemia" not in words
