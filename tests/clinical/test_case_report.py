import pytest

from medeval.cases.schema import Case
from medeval.clinical.case_report import against_case
from medeval.clinical.reading import read
from medeval.metrics.soundness import soundness

REPORT = (
    "患者，男，56岁，因上腹痛伴皮肤黄染2周入院。既往高血压病史10年，否认糖尿病病史，无手术史。近1周症状加重。"
    "查体：体温39.2℃，血压82/50mmHg，皮肤巩膜黄染，浅表淋巴结无肿大，双肺未闻及干湿啰音，腹软，右上腹压痛，无反跳痛及肌紧张，"
    "Murphy征(+)，移动性浊音阴性，肠鸣音减弱，立位时肝下缘较卧位下降约3cm。"
    "CT：胆总管扩张，直径约1.6cm，胆囊增大，胰头未见占位，腹膜后未见肿大淋巴结。肿块边界不清，增强后无明显强化。"
    "乙肝表面抗原阴性，EBV-IgM阳性。试分析本例的诊断依据。"
)
PAIRS = [
    # the same words with one of them turned
    ("CT：胆总管扩张，直径约1.6cm。", "CT：胆总管收缩，直径约1.6cm。"),
    ("腹软，右上腹压痛，无反跳痛及肌紧张。", "腹软，右上腹压痛，有反跳痛及肌紧张。"),
    ("立位时肝下缘较卧位下降约3cm。", "立位时肝下缘较卧位上升约3cm。"),
    ("CT示胰头未见占位，腹膜后未见肿大淋巴结。", "CT示胰头可见占位，腹膜后未见肿大淋巴结。"),
    ("肿块边界不清，增强后无明显强化。", "肿块边界清楚，增强后无明显强化。"),
    ("双肺未闻及干湿啰音，腹软。", "双肺闻及干湿啰音，腹软。"),
    # in other words
    ("查体未触及肿大的浅表淋巴结。", "查体可触及肿大的浅表淋巴结。"),
    ("本例肠鸣音减弱。", "本例肠鸣音增强。"),
    ("查体：Murphy征阳性。", "查体：Murphy征阴性。"),
    ("本例否认糖尿病。", "本例有糖尿病。"),
    ("本例病情逐渐加重。", "本例病情逐渐减轻。"),
    ("本例有高热、黄疸。", "本例有低热、黄疸。"),
    ("该患者有高血压病史。", "该患者有低血压病史。"),
    # what the report has no word of
    ("本例查体未闻及心脏杂音。", "本例查体可闻及心脏杂音。"),
]
LEFT_ALONE = [
    "鉴别诊断：急性腹膜炎：压痛明显，有反跳痛及肌紧张。",
    "治疗后如黄染减轻，无压痛，可出院。",
    "若出现反跳痛，提示胆囊穿孔。",
    "糖尿病患者感染不易控制。",
    "胆总管结石解除后胆总管可恢复正常。",
    "需复查移动性浊音，阳性者提示腹水。",
    "本例应检测CMV-IgM，阴性可排除近期感染。",
    "急性胰腺炎可见腹膜后积液。",
    "术后应观察有无发热、腹胀。",
]


def wrong(text: str) -> list[str]:
    return [one.about for one in against_case(read(text), read(REPORT)) if not one.right]


@pytest.mark.parametrize(("right", "turned"), PAIRS)
def test_findings_of_the_report_are_not_turned_round(right: str, turned: str) -> None:
    assert not wrong(right)
    assert wrong(turned)
    case = Case(id="c", prompt=REPORT)
    assert (soundness(case, turned).value or 0) < (soundness(case, right).value or 0) == 1.0


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_other_diseases_and_later_findings_are_no_contradiction(text: str) -> None:
    assert not wrong(text)


def test_a_mark_tells_what_the_report_says() -> None:
    assert any("胆总管扩张" in about for about in wrong("CT：胆总管收缩，直径约1.6cm。"))
