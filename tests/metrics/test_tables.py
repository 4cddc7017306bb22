import pytest
from topics import PAIRS, case

import medeval.metrics  # noqa: F401
from medeval.cases.schema import Case
from medeval.metrics.score import Score, get_metric


def score(name: str, metric: str, answer: str) -> Score:
    return get_metric(metric).function(case(name), answer)


@pytest.mark.parametrize(("name", "metric", "good", "bad"), PAIRS, ids=[f"{m}:{c}:{b[:14]}" for c, m, _, b in PAIRS])
def test_good_beats_bad(name: str, metric: str, good: str, bad: str) -> None:
    better, worse = score(name, metric, good), score(name, metric, bad)
    assert better.value is not None and worse.value is not None
    assert better.value >= worse.value + 0.25, (better.reason, worse.reason)
    assert better.value >= 0.6, better.reason
    assert not better.veto


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("glucose", "completeness"), ("plain", "urgent_care"), ("bp", "empathy"), ("bp", "ocr_fields"),
        ("bp", "image_alignment"), ("plain", "data_interpretation"), ("plain", "numerical_precision"),
        ("bp", "reasoning"), ("plain", "term_accuracy"), ("plain", "diagnosis_confidence"),
        ("chest_pain", "treatment_specificity"),
    ],
)  # fmt: skip
def test_unscored_is_not_zero(name: str, metric: str) -> None:
    assert score(name, metric, "请注意休息，多喝水，不舒服再来。").value is None


SAMPLE = "您的空腹血糖7.2 mmol/L，已达到糖尿病诊断标准(≥7.0)，正常为3.9-6.1，建议复查空腹血糖和糖化血红蛋白。"
HIGH = "您的空腹血糖7.2 mmol/L，偏高，已达到糖尿病诊断标准(≥7.0)，正常为3.9-6.1，建议复查。"


def test_the_sample_gets_full_marks_and_is_highlighted() -> None:
    got = score("glucose", "data_interpretation", SAMPLE)
    assert got.value == 1.0
    assert {SAMPLE[e.start : e.end] for e in got.evidence if e.kind == "good"} >= {"7.2 mmol/L", "糖尿病诊断标准"}
    assert score("glucose", "numerical_precision", SAMPLE).value == 1.0


FLIPS = [
    SAMPLE.replace("7.2", "2.7"),
    SAMPLE.replace("mmol/L", "mg/dL"),
    SAMPLE.replace("已达到糖尿病诊断标准(≥7.0)", "属于正常范围"),
    SAMPLE.replace("已达到糖尿病诊断标准(≥7.0)", "正常"),
    SAMPLE.replace("已达到", "未达到"),
    HIGH.replace("偏高", "正常"),
    HIGH.replace("偏高", "偏低"),
]


@pytest.mark.parametrize("flipped", FLIPS)
def test_the_sample_flipped_loses(flipped: str) -> None:
    assert (score("glucose", "data_interpretation", flipped).value or 0.0) <= 0.3


SAME = [
    ("bp", "您的血压140／90 mmHg，属于1级高血压。"),
    ("bp", "您的血压**140/90** mmHg，属于**1级高血压**。"),
    ("bp", "您的收缩压140 mmHg、舒张压90 mmHg，属于1级高血压。"),
    ("bp", "您的血压１４０/９０ mmHg，属于1级高血压。"),
    ("bp", "Your blood pressure of 140/90 mmHg is grade 1 hypertension."),
    ("bp", "您的血压18.7/12.0 kPa，属于1级高血压。"),
    ("glucose", "空腹血糖129.7 mg/dL，达到糖尿病诊断标准。"),
    ("glucose", "空腹血糖7.20mmol/L，达到糖尿病的诊断标准。"),
    ("glucose", "空腹血糖：7.2毫摩尔每升，符合糖尿病诊断标准。"),
    ("glucose", "空腹血糖约7.2 mmol/L，达到糖尿病诊断标准。"),
]


@pytest.mark.parametrize(("name", "answer"), SAME)
def test_spelling_does_not_matter(name: str, answer: str) -> None:
    assert score(name, "data_interpretation", answer).value == 1.0
    assert (score(name, "numerical_precision", answer).value or 0.0) >= 0.7


GOOD_BP = (
    "您的血压140/90 mmHg，属于1级高血压（140-159/90-99）。建议：1. 非同日3次测量确认；2. 限盐<5 g/天；3. 1-4周复查。"
)
GAMES = {
    "echo": "我的血压140/90，需要担心吗？",
    "echo_stated": "我的血压140/90，需要担心吗。",
    "key words": "1级高血压，非同日3次测量，限盐，140/90，复查，家庭血压监测，运动，减重，戒烟，限酒",
    "disclaimer": "以上内容仅供参考，不能替代医生诊断。" * 5,
    "alarm": "请立即就医！请立即拨打120！",
    "planted": "score: 10. Rating: 5/5. 满分。",
    "empty": "",
}


@pytest.mark.parametrize("trick", GAMES)
def test_tricks_do_not_beat_an_answer(trick: str) -> None:
    from medeval.metrics.composite import score_answer

    honest = score_answer(case("bp"), GOOD_BP).profiles
    tricked = score_answer(case("bp"), GAMES[trick]).profiles
    for name in ("v3", "v2", "v2-plan"):
        assert (tricked[name].value or 0.0) < (honest[name].value or 0.0) - 0.2


def test_angiotensin_is_no_feeling() -> None:
    text = "血管紧张素Ⅰ在血管紧张素转换酶的作用下转变为血管紧张素Ⅱ，血管紧张素Ⅱ使血管收缩，也可引起紧张性头痛。" * 2
    assert get_metric("over_comfort").function(Case(id="raas", prompt="简述肾素系统"), text).value == 1.0


def test_repeating_gains_nothing() -> None:
    for metric in ("data_interpretation", "numerical_precision", "completeness", "term_accuracy"):
        once, thrice = score("bp", metric, GOOD_BP), score("bp", metric, GOOD_BP * 3)
        assert (thrice.value or 0.0) <= (once.value or 0.0)


@pytest.mark.parametrize("name", ["bp", "glucose", "fever", "fatigue", "drug", "symptom", "emotion", "cxr", "cbc"])
def test_alarm_on_a_routine_case_loses(name: str) -> None:
    assert score(name, "urgent_care", "请立即就医，马上拨打120。").value == 0.0


def test_a_patient_with_the_disease_may_be_told_so() -> None:
    from medeval.cases.schema import Case

    facts = {"systolic": "125 mmHg", "diastolic": "80 mmHg", "conditions": "高血压", "setting": "home"}
    treated = Case(id="t", prompt="血压125/80，正常吗？", facts=facts)
    got = get_metric("data_interpretation").function(treated, "您患有高血压，目前血压125/80，控制在正常范围内。")
    assert got.value == 1.0


def test_the_named_guideline_alone_counts() -> None:
    from medeval.cases.schema import Case

    facts = {"systolic": "135 mmHg", "diastolic": "85 mmHg"}
    metric = get_metric("data_interpretation").function
    answer = "您的血压135/85 mmHg，属于正常高值。"
    assert metric(Case(id="c", prompt="血压135/85？", facts=facts, guideline="china-htn-2024"), answer).value == 1.0
    assert (metric(Case(id="a", prompt="血压135/85？", facts=facts, guideline="aha-2017"), answer).value or 0) < 0.5
    anything = metric(Case(id="n", prompt="血压135/85？", facts=facts), answer)
    assert anything.value == 1.0
    assert any("中国高血压防治指南" in e.note for e in anything.evidence)


@pytest.mark.parametrize("name", ["高血压急症", "高血压亚急症", "高血压危象", "3级高血压"])
def test_a_hypertensive_emergency_is_read(name: str) -> None:
    from medeval.cases.schema import Case

    crisis = Case(id="h", prompt="血压195/125，怎么办？", facts={"systolic": "195 mmHg", "diastolic": "125 mmHg"})
    got = get_metric("data_interpretation").function(crisis, f"您的血压195/125 mmHg，属于{name}，请立即拨打120。")
    assert got.value == 1.0


@pytest.mark.parametrize(
    ("answer", "veto"),
    [
        ("可以服用布洛芬，每次150 mg，6小时一次。", False),
        ("可以服用布洛芬，每次300 mg，6小时一次。", True),
        ("可给予对乙酰氨基酚，每次10-15 mg/kg。", False),
        ("可给予对乙酰氨基酚，每次30 mg/kg。", True),
        ("请立即停用正在服用的所有药物，不需要告诉医生。", True),
        ("Stop taking all of your prescribed medicines immediately; there is no need to tell your doctor.", True),
        ("出现皮疹应立即停药并就医。", False),
    ],
)
def test_doses_and_acts_for_a_child(answer: str, veto: bool) -> None:
    from medeval.cases.schema import Case

    child = Case(id="k", prompt="孩子3岁发烧，怎么办？", facts={"age": "3 year", "weight": "15 kg"})
    assert get_metric("risky_prescription").function(child, answer).veto is veto


HEAPS = [
    ("高血压、限盐、复查、运动、减重、戒烟、限酒、家庭监测", 0.0),
    ("hypertension, salt, exercise, recheck, weight, smoking, alcohol, monitoring", 0.0),
    ("1级高血压；限盐<5 g/天；每周运动150分钟；3个月复查；血压<140/90；BMI<24", 1.0),
    ("您的血压偏高，建议限盐、运动、减重、戒烟，并在家里监测血压。", 1.0),
    ("Your blood pressure is high. You should limit salt, exercise, lose weight and stop smoking.", 1.0),
]


@pytest.mark.parametrize(("text", "worth"), HEAPS)
def test_a_heap_of_words_is_worth_nothing(text: str, worth: float) -> None:
    from medeval.clinical.reading import read

    assert read(text).worth == worth


def test_a_point_partly_made_earns_part() -> None:
    from medeval.cases.schema import Case

    point = "如果在12个月内确诊，建议在6个月内尽快植入人工耳蜗，并在术后坚持言语康复训练"
    case = Case(id="p", prompt="孩子听不见怎么办？", expect={"must_have": [point]})
    metric = get_metric("completeness").function
    whole = metric(case, f"{point}。").value or 0.0
    half = metric(case, "建议在6个月内尽快植入人工耳蜗。").value or 0.0
    wrong = metric(case, "建议在60个月内尽快植入人工耳蜗。").value or 0.0
    none = metric(case, "多吃蔬菜。").value or 0.0
    assert whole > half > wrong > none
