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
    ("术后24小时进食。", "common"),
    ("术后48小时进食。", "usual"),
    ("术后26小时进食。", "unusual"),
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
