"""Points are asked for only where the case asks: topic, terms, figures and treatment of right answers keep theirs."""

import pytest

import medeval.metrics  # noqa: F401
from medeval.cases.schema import Case, Expect
from medeval.metrics.score import get_metric

REPORT = (
    "【示例病例】男性，52岁，因反复尿路结石3年入院。查体：体温36.5℃，脉搏72次/分，血压118/76mmHg，神志清楚，皮肤巩膜无黄染，"
    "双肺呼吸音清，未闻及干湿啰音，心律齐，各瓣膜听诊区未闻及杂音，腹软，无压痛及反跳痛，肝脾肋下未触及，双下肢无水肿。"
    "血钙2.98mmol/L，血磷0.7mmol/L，甲状旁腺素380pg/ml。超声：左侧甲状腺下极背面低回声结节，边界清，形态规则。"
    "既往无肾脏疾病史，无高血压、糖尿病史，无手术外伤史，否认药物过敏史。"
)
FACTS = {"systolic": "118 mmHg", "diastolic": "76 mmHg", "temperature": "36.5 ℃", "heart_rate": "72 bpm"}


def value(metric: str, prompt: str, answer: str, points: tuple[str, ...] = (), **fields: object) -> float | None:
    case = Case(id="x", prompt=prompt, expect=Expect(must_have=list(points)), **fields)  # type: ignore[arg-type]
    return get_metric(metric).function(case, answer).value


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        ("膀胱破裂有哪些类型？", "分为腹膜内型和腹膜外型，膀胱破裂后尿液外渗。", 1.0),
        ("膀胱破裂有哪些类型？", "不能自行停药，建议按原方案服药并记录血糖。", 0.0),
        ("膀胱破裂有哪些类型？", "破裂的膀胱需要手术修补。", None),
        ("感冒发烧38.5度怎么办", "多喝水，超过38.5℃可用布洛芬。", 1.0),
        ("我的血压140/90，需要担心吗？", "建议连续测几天血压。", 1.0),
        ("我的血压140/90，需要担心吗？", "今天天气很好，适合出去玩。", 0.0),
        ("我的血压140/90，需要担心吗？", "我的血压140/90，需要担心吗？", 0.0),
        ("Can I use hydrocortisone on my face?", "A thin layer of hydrocortisone is fine for a few days.", 1.0),
        ("Can I use hydrocortisone on my face?", "The weather is nice today.", 0.0),
        ("您好", "您好！", None),
    ],
)
def test_relevance(prompt: str, answer: str, expected: float | None) -> None:
    assert value("relevance", prompt, answer) == expected


def test_an_answer_about_the_image_is_on_topic() -> None:
    found = value("relevance", "请看看这张片子", "可见心影增大。", images=("x.png",))
    assert found == 1.0


def test_vital_signs_of_a_report_call_for_no_terms() -> None:
    assert value("term_accuracy", REPORT + "简述诊断。", "原发性甲状旁腺功能亢进。", facts=FACTS) is None
    asked = value(
        "term_accuracy",
        "血压158/96，严重吗？",
        "属于2级高血压吗？不，属于1级高血压。",
        facts={"systolic": "158 mmHg", "diastolic": "96 mmHg"},
    )
    assert asked is not None


@pytest.mark.parametrize(
    ("answer", "low", "high"),
    [
        ("费用大约从400元到3000元。", 0.95, 1.0),
        ("便宜的400元左右。\n贵的要3000元，费用看医院。", 0.95, 1.0),
        ("费用在400元左右。", 0.45, 0.9),
        ("费用在200元到9000元。", 0.0, 0.35),
    ],
)
def test_each_figure_of_a_key_point_counts_by_itself(answer: str, low: float, high: float) -> None:
    found = value(
        "numerical_precision", "做一次要多少钱？", answer, ("说明检查的费用范围为400元到3000元，并分析差异。",)
    )
    assert found is not None and low <= found <= high


def test_a_number_that_counts_things_is_no_figure() -> None:
    assert value("numerical_precision", "给文章取标题", "《护心小课堂》", ("必须提供5个不同的标题。",)) is None


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("我的血压140/90，需要担心吗？", True),
        ("总感到疲劳，怎么办？", True),
        ("心脏支架手术的费用多少？", False),
        ("肝硬化为什么会出现腹水？", False),
        (REPORT + "简述本例的诊断及诊断依据。", False),
        (REPORT + "简述本例的治疗原则。", True),
        ("Is ibuprofen a part of Tylenol?", False),
        ("What can I take for a cold sore?", True),
    ],
)
def test_treatment_is_scored_where_care_is_asked_for(prompt: str, wanted: bool) -> None:
    found = value("treatment_specificity", prompt, "建议口服布洛芬0.2 g，每日3次，3天后复诊。")
    assert (found is not None) is wanted


VAGUE = "一般来说要注意休息，保持良好的心态和生活习惯，如有不适请咨询专业医生，病情因人而异，疾病要积极治疗。"


@pytest.mark.parametrize(
    "answer",
    [
        "先行肝动脉栓塞，再做射频或肝叶切除术，术后定期造影。",
        "考虑腹膜炎：多由阑尾穿孔或肠梗阻引起，也见于胰腺炎。",
        "They are treated with bupropion; pericarditis and glomerulonephritis are rare.",
    ],
)
def test_names_of_diseases_and_procedures_are_concrete(answer: str) -> None:
    concrete, vague = value("vagueness", "怎么办？", answer), value("vagueness", "怎么办？", VAGUE)
    assert concrete is not None and vague is not None
    assert concrete >= 0.6 and vague <= 0.2


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("血小板低，我很害怕，怎么办？", True),
        ("My blood pressure is 150/95 and I am scared.", True),
        ("孩子发烧三天，我快崩溃了。", True),
        ("血压140/90，需要担心吗？", False),
        ("产妇怕冷怎么办？", False),
    ],
)
def test_a_free_question_in_fear_wants_empathy(prompt: str, wanted: bool) -> None:
    case = Case(id="q", prompt=prompt)
    assert (get_metric("empathy").function(case, "我理解您的担心。请先复查。").value is not None) == wanted
    listed = case.model_copy(update={"expect": Expect(must_have=["复查"])})
    assert get_metric("empathy").function(listed, "我理解您的担心。").value is None
