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
        ("常发生在第7～10天。", "常发生在第70～10天。"),
        ("BMI 26.3kg/m²。", "BMI 26.3g/m²。"),
        ("泼尼松由20mg减至10mg。", "泼尼松由20mg减至30mg。"),
        ("血压由150mmHg降至130mmHg。", "血压由150mmHg降至160mmHg。"),
        ("每次200mg，每日最大剂量不超过1200mg。", "每次200mg，每日最大剂量不超过120mg。"),
        ("规格有25mg、50mg和100mg。", "规格有25mg、50mg和50mg。"),
        ("小于2cm者观察，大于2cm者手术。", "小于2cm者观察，大于4cm者手术。"),
        ("12个月前确诊者先观察，12个月后确诊者手术。", "18个月前确诊者先观察，12个月后确诊者手术。"),
        ("男性占60%，女性占40%。", "男性占60%，女性占50%。"),
        ("成人颅内压正常为70～200mmH2O。", "成人颅内压正常为70～400mmH2O。"),
        ("休克时收缩压降至90mmHg以下。", "休克时收缩压降至180mmHg以下。"),
        ("脓毒症液体复苏给予晶体液30ml/kg。", "脓毒症液体复苏给予晶体液60ml/kg。"),
        ("鼻导管吸氧，氧流量2L/min。", "鼻导管吸氧，氧流量2L/h。"),
        ("补钾速度不超过20mmol/h。", "补钾速度不超过200mmol/h。"),
        ("每个穴位按压3分钟。", "每个穴位按压3小时。"),
        ("24小时动态心电图。", "12小时动态心电图。"),
        ("嵌顿疝在3～4小时内可试行手法复位。", "嵌顿疝在3～40小时内可试行手法复位。"),
        ("睾丸扭转应在6小时内手术。", "睾丸扭转应在60小时内手术。"),
        ("小肝癌直径不超过5cm。", "小肝癌直径不超过6cm。"),
        ("T管引流14天后夹管。", "T管引流41天后夹管。"),
        ("酮康唑洗剂浓度为2%。", "酮康唑洗剂浓度为20%。"),
        ("静脉滴注速度为40～60滴/分。", "静脉滴注速度为400～600滴/分。"),
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


@pytest.mark.parametrize(
    "answer",
    ["抗结核治疗1个月。", "疗程为9个月。"],
)
def test_a_time_of_the_case_may_be_told_in_its_own_way(answer: str) -> None:
    case = Case(id="q", prompt="抗结核治疗一月余，计划疗程6～9个月。")
    assert [check.verdict for check in check_figures(case, read(answer), frozenset())] == ["supported"]


def test_an_end_of_a_range_of_the_case_is_no_other_figure() -> None:
    case = Case(id="q", prompt="植入年龄为21个月至6岁。")
    right, wrong = (check_figures(case, read(f"{months}个月后植入。"), frozenset())[0] for months in (21, 22))
    assert right.verdict == "supported" and wrong.credit < right.credit


def test_the_head_of_a_column_names_what_its_figures_are_of() -> None:
    table = "| 项目 | 水痘疫苗 | 麻疹疫苗 |\n|---|---|---|\n| 接种月龄 | 12月龄 | {}月龄 |"
    metric = get_metric("numerical_precision").function
    case = Case(id="q", prompt="该怎么办？")
    assert (metric(case, table.format(8)).value or 0) > (metric(case, table.format(80)).value or 0)
    assert (metric(case, table.format(8)).value or 0) > (metric(case, table.format(4)).value or 0)


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


def test_a_pressure_of_another_time_is_not_the_one_of_the_case_told_wrongly() -> None:
    metric = get_metric("numerical_precision").function
    case = Case(id="q", prompt="血压180/110 mmHg，如何处理？", facts={"systolic": "180 mmHg", "diastolic": "110 mmHg"})
    later, same = ("血压为180/110 mmHg，治疗后血压为150/95 mmHg。", "血压为150/95 mmHg。")
    assert not [e for e in metric(case, later).evidence if e.kind == "bad"]
    assert [e for e in metric(case, same).evidence if e.kind == "bad"]
    assert not [e for e in metric(case, "治疗后血压为150/95 mmHg。").evidence if e.kind == "bad"]


def test_one_of_a_row_of_strengths_is_not_the_dose_of_the_case() -> None:
    case = Case(id="q", prompt="布洛芬片剂每片400 mg，可以吃吗？")
    checks = check_figures(case, read("布洛芬片剂每片100 mg、200 mg、400 mg和600 mg。"), frozenset())
    assert all(check.verdict != "contradicted" for check in checks)
    alone = check_figures(case, read("布洛芬片剂每片100 mg。"), frozenset())
    assert [check.verdict for check in alone] == ["contradicted"]
