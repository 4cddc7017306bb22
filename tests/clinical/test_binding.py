import pytest

from medeval.clinical.binding import bind
from medeval.clinical.claims import claims_of
from medeval.clinical.reading import read

BOUND = [
    ("您的空腹血糖7.2 mmol/L", [("fasting_glucose", "patient")]),
    ("正常空腹血糖为3.9-6.1 mmol/L", [("fasting_glucose", "reference")]),
    ("收缩压140、舒张压90", [("systolic", "patient"), ("diastolic", "patient")]),
    ("血压控制在130/80以下", [("blood_pressure", "reference")]),
    ("血压目标130/80", [("blood_pressure", "reference")]),
    ("140/90的血压", [("blood_pressure", "patient")]),
    ("如果血压达到180/110，请就医", [("blood_pressure", "other")]),
    ("发烧3天，体温38.5℃", [("", "other"), ("temperature", "patient")]),
    ("白细胞12.8×10^9/L，血红蛋白138 g/L", [("wbc", "patient"), ("hemoglobin", "patient")]),
    ("WBC 12.8 (3.5-9.5)", [("wbc", "patient"), ("wbc", "reference")]),
    ("钾4.1 mmol/L，钠140 mmol/L", [("potassium", "patient"), ("sodium", "patient")]),
    ("氨氯地平5 mg，低钠饮食6 g", [("", "other"), ("", "other")]),
]


@pytest.mark.parametrize(("text", "expected"), BOUND, ids=[row[0] for row in BOUND])
def test_binds(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(b.analyte, b.role) for b in bind(read(text))] == expected


CLAIMS = [
    ("您的血压140/90，属于1级高血压（140-159/90-99）", [("1级高血压", False)]),
    ("您的血压140/90不属于高血压", [("高血压", True)]),
    ("1级高血压为140-159/90-99", []),
    ("高血压患者要少吃盐", []),
    ("可以预防高血压", []),
    ("如果血压偏高，要复查", []),
    ("您的血糖7.2偏高，正常为3.9-6.1", [("high", False)]),
    ("您的血糖7.2，在正常范围(3.9-6.1)内", [("normal", False)]),
    ("您的血糖7.2超过正常范围(3.9-6.1)", [("high", False)]),
    ("您的血压不正常", [("normal", True)]),
    ("布洛芬可以降低体温", []),
    ("血糖正常饮食即可", []),
    ("血糖7.2 mmol/L是否偏高？", []),
]


@pytest.mark.parametrize(("text", "expected"), CLAIMS, ids=[row[0] for row in CLAIMS])
def test_claims(text: str, expected: list[tuple[str, bool]]) -> None:
    assert [(c.word, c.negated) for c in claims_of(read(text))] == expected


def test_a_shared_predicate_speaks_of_all_its_tests() -> None:
    found = claims_of(read("白细胞、中性粒细胞均升高，血小板正常，其余指标正常。"))
    assert {(c.quantity, c.word) for c in found} == {
        ("wbc", "high"), ("neutrophil", "high"), ("platelet", "normal"), ("rest", "normal"),
    }  # fmt: skip
