import pytest

from medeval.cases.schema import Case
from medeval.clinical.reading import read
from medeval.metrics.figures import check_figures
from medeval.metrics.score import get_metric

CASE = Case(id="f", prompt="患者右腹痛3小时，体温37.8℃，空腹血糖7.2 mmol/L，右下腹包块约4cm，考虑什么？")
FIGURES = [
    ("右腹痛3小时。", "supported"),
    ("右腹痛30小时。", "contradicted"),
    ("右腹痛3天。", "contradicted"),
    ("体温37.8℃。", "supported"),
    ("空腹血糖129.7 mg/dL。", "supported"),
    ("空腹血糖≥7.0 mmol/L可诊断糖尿病。", "supported"),
    ("空腹血糖7.2 g/L。", "contradicted"),
    ("血钾4.2 mg/dL。", "unlikely"),
    ("血氧饱和度130%。", "unlikely"),
    ("年龄280岁。", "unlikely"),
    ("补液20-5 mL。", "unlikely"),
    ("术后24小时进食。", "supported"),
    ("术后26小时进食。", "unusual"),
    ("照片等24小时。", "common"),
    ("照片等36小时。", "usual"),
    ("每日口服500 mg。", "common"),
    ("每日口服550 mg。", "unusual"),
]


@pytest.mark.parametrize(("answer", "verdict"), FIGURES)
def test_verdict(answer: str, verdict: str) -> None:
    checks = check_figures(CASE, read(answer), frozenset())
    assert [check.verdict for check in checks] == [verdict]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("每日运动30分钟。", "每日运动33分钟。"),
        ("每日运动30分钟。", "每日运动30小时。"),
        ("术前禁食8小时。", "术前禁食80小时。"),
        ("口服布洛芬200 mg。", "口服布洛芬200 kg。"),
        ("约10%的患者复发。", "约10‰的患者复发。"),
        ("阿托伐他汀20 mg每晚一次。", "阿托伐他汀20 g每晚一次。"),
        ("阿托伐他汀20 mg每晚一次。", "阿托伐他汀22 mg每晚一次。"),
        ("血淀粉酶超过500 U/L。", "血淀粉酶超过500 g/L。"),
        ("每次运动30分钟，每周5次。", "每次运动30秒，每周5次。"),
        ("阿莫西林疗程7～10天。", "阿莫西林疗程7～10年。"),
        ("体温38℃（100.4℉）。", "体温38℃（104℉）。"),
        ("连用2周（14天）。", "连用2周（41天）。"),
        ("术前禁饮清饮料2小时。", "术前禁饮清饮料4小时。"),
        ("每周运动3次，每次30分钟。", "每周运动3次，每次150分钟。"),
        ("每周至少150分钟有氧运动。", "每周至少30分钟有氧运动。"),
        ("GCS评分12分，体温38℃。", "GCS评分17分，体温38℃。"),
        ("每8小时一次，每日3次，连用7天。", "每8小时一次，每日2次，连用7天。"),
        ("轻度约10%，中度约20%，重度约30%。", "轻度约10%，中度约50%，重度约30%。"),
        ("切皮前半小时到1小时给药。", "切皮前半小时到2小时给药。"),
        ("每周至少150分钟有氧运动。", "每周至少15000分钟有氧运动。"),
        ("包块直径大于3 cm者手术。", "包块直径大于3小时者手术。"),
        ("术后第1天下床，第3天拔管。", "术后第10天下床，第3天拔管。"),
        ("身高170 cm，体重65 kg，BMI 22.5。", "身高170 cm，体重65 kg，BMI 25.2。"),
        ("每次500 mg，每日3次，每日总量1500 mg。", "每次500 mg，每日3次，每日总量1000 mg。"),
    ],
)
def test_a_slip_costs_where_nothing_else_can_tell(better: str, worse: str) -> None:
    metric = get_metric("numerical_precision").function
    case = Case(id="q", prompt="该怎么办？")
    assert (metric(case, better).value or 0) > (metric(case, worse).value or 0)


def test_without_any_figure_it_is_unscored() -> None:
    assert (
        get_metric("numerical_precision").function(Case(id="q", prompt="该怎么办？"), "多休息，多喝水。").value is None
    )


@pytest.mark.parametrize(
    "answer",
    [
        "对乙酰氨基酚每次490 mg。",
        "二甲双胍每次600 mg，每日2次。",
        "术后第4天拔除胃管，第9天拆线。",
        "血小板低于37×10^9/L。",
        "每次步行34分钟。",
        "未分化癌多见于71岁左右。",
    ],
)
def test_an_unusual_figure_that_may_be_true_loses_at_most_a_tenth(answer: str) -> None:
    checks = check_figures(Case(id="q", prompt="该怎么办？"), read(answer), frozenset())
    assert checks and all(check.credit >= 0.9 for check in checks)


def test_saying_it_all_again_earns_nothing() -> None:
    metric = get_metric("numerical_precision").function
    case = Case(id="q", prompt="该怎么办？")
    answer = "每次运动33分钟。口服5 mg。"
    assert metric(case, answer).value == metric(case, answer * 3).value


def test_a_size_of_the_case_keeps_both_its_edges() -> None:
    case = Case(id="q", prompt="右叶见一肿块，大小约3.5cm×3cm，左侧颈部另有一4cm×4cm淋巴结。")
    right = check_figures(case, read("肿块大小约3.5cm×3cm。"), frozenset())
    wrong = check_figures(case, read("肿块大小约3.5cm×4cm。"), frozenset())
    assert {check.verdict for check in right} == {"supported"}
    assert {check.verdict for check in wrong} == {"contradicted"}


def test_a_figure_that_the_case_gives_for_something_else_is_held_a_little_lower() -> None:
    same, other = ("右腹痛3小时。", "休息3小时。")
    credits = [check_figures(CASE, read(answer), frozenset())[0].credit for answer in (same, other)]
    assert credits[0] > credits[1] > 0.98
