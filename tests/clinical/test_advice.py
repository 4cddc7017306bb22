import pytest

from medeval.clinical.advice import odd_advice, unusual_advice
from medeval.clinical.reading import read
from medeval.clinical.retelling import retold

ODD = [
    "可以自行加量。",
    "建议过量饮酒。",
    "应当过度劳累。",
    "有助于增加心血管风险。",
    "有助于降低治疗效果。",
    "You should stop taking it.",
]
UNUSUAL = [
    "不建议及时就医。",
    "无需定期复查。",
    "不应接受检查。",
    "不推荐手术切除。",
    "You should not consult your doctor.",
]
SOUND = [
    "建议及时就医。",
    "不要自行停药。",
    "避免过量饮酒。",
    "有助于降低心血管风险。",
    "可能增加心血管风险。",
    "从而提高治疗效果。",
    "急性期不推荐手术切除，以免感染扩散。",
    "没有症状的胆囊结石不需要治疗。",
    "无需过度担心。",
    "建议避免辛辣食物。",
    "应避免饮酒。",
    "You should consult your doctor.",
    "Do not stop taking it.",
]


@pytest.mark.parametrize("text", ODD)
def test_advice_turned_on_its_head_is_seen(text: str) -> None:
    assert odd_advice(read(text)) or unusual_advice(read(text))


@pytest.mark.parametrize("text", SOUND)
def test_sound_advice_is_left_alone(text: str) -> None:
    assert not odd_advice(read(text)) and not unusual_advice(read(text))


REPORT = "患者咳嗽3天。双肺未闻及湿啰音，心律齐。胸部CT见左肺下叶结节。白细胞明显升高。"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("查体双肺未闻及湿啰音。", [True]),
        ("查体双肺可闻及湿啰音。", [False]),
        ("胸部CT见左肺下叶结节。", [True]),
        ("化验白细胞明显降低。", [False]),
        ("建议完善支气管镜检查。", []),
    ],
)
def test_findings_retold(answer: str, right: list[bool]) -> None:
    assert [item.right for item in retold(read(answer), read(REPORT))] == right
