"""Every cut-off and one unit beside it, with the guideline named."""

import pytest

from medeval.clinical.guidelines import Guideline, interpret, load_guidelines
from medeval.clinical.units import convert

BMI = "kg/m2"
TABLE = [
    ("wst-428-2013-bmi", {"bmi": "18.4"}, "underweight"), ("wst-428-2013-bmi", {"bmi": "18.5"}, "normal"),
    ("wst-428-2013-bmi", {"bmi": "23.9"}, "normal"), ("wst-428-2013-bmi", {"bmi": "24.0"}, "overweight"),
    ("wst-428-2013-bmi", {"bmi": "27.9"}, "overweight"), ("wst-428-2013-bmi", {"bmi": "28.0"}, "obese"),
    ("who-2000-bmi", {"bmi": "24.9"}, "normal"), ("who-2000-bmi", {"bmi": "25.0"}, "overweight"),
    ("who-2000-bmi", {"bmi": "29.9"}, "overweight"), ("who-2000-bmi", {"bmi": "30.0"}, "obese1"),
    ("who-2000-bmi", {"bmi": "34.9"}, "obese1"), ("who-2000-bmi", {"bmi": "35.0"}, "obese2"),
    ("who-2000-bmi", {"bmi": "40.0"}, "obese3"),
    ("who-2011-spo2", {"spo2": "95 %"}, "normal"), ("who-2011-spo2", {"spo2": "94 %"}, "low"),
    ("who-2011-spo2", {"spo2": "90 %"}, "low"), ("who-2011-spo2", {"spo2": "89 %"}, "hypoxemia"),
    ("diagnostics-heart-rate-2018", {"heart_rate": "100 /min"}, "normal"),
    ("diagnostics-heart-rate-2018", {"heart_rate": "101 /min"}, "tachycardia"),
    ("diagnostics-heart-rate-2018", {"heart_rate": "60 /min"}, "normal"),
    ("diagnostics-heart-rate-2018", {"heart_rate": "59 /min"}, "bradycardia"),
    ("who-2024-anaemia-men", {"hemoglobin": "129 g/L", "sex": "男"}, "anaemia"),
    ("who-2024-anaemia-men", {"hemoglobin": "13.0 g/dL", "sex": "男"}, "none"),
    ("who-2024-anaemia-women", {"hemoglobin": "119 g/L", "sex": "女"}, "anaemia"),
    ("who-2024-anaemia-women", {"hemoglobin": "120 g/L", "sex": "女"}, "none"),
    ("who-2024-anaemia-pregnant", {"hemoglobin": "109 g/L", "pregnant": "10 week"}, "anaemia"),
    ("who-2024-anaemia-pregnant", {"hemoglobin": "110 g/L", "pregnant": "30 week"}, "none"),
    ("who-2024-anaemia-pregnant-2", {"hemoglobin": "104 g/L", "pregnant": "20 week"}, "anaemia"),
    ("who-2024-anaemia-pregnant-2", {"hemoglobin": "105 g/L", "pregnant": "27 week"}, "none"),
    ("who-2024-anaemia-infant", {"hemoglobin": "104 g/L", "age": "8 month"}, "anaemia"),
    ("who-2024-anaemia-toddler", {"hemoglobin": "109 g/L", "age": "3 year"}, "anaemia"),
    ("who-2024-anaemia-child", {"hemoglobin": "114 g/L", "age": "8 year"}, "anaemia"),
    ("who-2024-anaemia-adolescent", {"hemoglobin": "119 g/L", "age": "13 year"}, "anaemia"),
    ("china-lipid-2023-tc", {"total_cholesterol": "5.1 mmol/L"}, "normal"),
    ("china-lipid-2023-tc", {"total_cholesterol": "5.2 mmol/L"}, "borderline"),
    ("china-lipid-2023-tc", {"total_cholesterol": "6.1 mmol/L"}, "borderline"),
    ("china-lipid-2023-tc", {"total_cholesterol": "6.2 mmol/L"}, "high"),
    ("china-lipid-2023-ldl", {"ldl": "2.5 mmol/L"}, "ideal"), ("china-lipid-2023-ldl", {"ldl": "2.6 mmol/L"}, "normal"),
    ("china-lipid-2023-ldl", {"ldl": "3.3 mmol/L"}, "normal"),
    ("china-lipid-2023-ldl", {"ldl": "3.4 mmol/L"}, "borderline"),
    ("china-lipid-2023-ldl", {"ldl": "4.1 mmol/L"}, "high"), ("china-lipid-2023-hdl", {"hdl": "0.9 mmol/L"}, "low"),
    ("china-lipid-2023-hdl", {"hdl": "1.0 mmol/L"}, "normal"),
    ("china-lipid-2023-tg", {"triglyceride": "1.6 mmol/L"}, "normal"),
    ("china-lipid-2023-tg", {"triglyceride": "1.7 mmol/L"}, "borderline"),
    ("china-lipid-2023-tg", {"triglyceride": "2.3 mmol/L"}, "high"),
    ("china-gout-2019", {"uric_acid": "420 umol/L"}, "normal"),
    ("china-gout-2019", {"uric_acid": "421 umol/L"}, "hyperuricemia"),
    ("china-gout-2019", {"uric_acid": "8.0 mg/dL"}, "hyperuricemia"),
    ("kdigo-2024-gfr", {"egfr": "90"}, "g1"), ("kdigo-2024-gfr", {"egfr": "89"}, "g2"),
    ("kdigo-2024-gfr", {"egfr": "60"}, "g2"), ("kdigo-2024-gfr", {"egfr": "59"}, "g3a"),
    ("kdigo-2024-gfr", {"egfr": "45"}, "g3a"), ("kdigo-2024-gfr", {"egfr": "44"}, "g3b"),
    ("kdigo-2024-gfr", {"egfr": "30"}, "g3b"), ("kdigo-2024-gfr", {"egfr": "29"}, "g4"),
    ("kdigo-2024-gfr", {"egfr": "15"}, "g4"), ("kdigo-2024-gfr", {"egfr": "14"}, "g5"),
    ("erbp-2014-sodium", {"sodium": "134 mmol/L"}, "mild"), ("erbp-2014-sodium", {"sodium": "129 mmol/L"}, "moderate"),
    ("erbp-2014-sodium", {"sodium": "124 mmol/L"}, "profound"),
    ("ada-2025-hba1c", {"hba1c": "48 mmol/mol"}, "diabetes"),
    ("ada-2025-hba1c", {"hba1c": "39 mmol/mol"}, "prediabetes"),
    ("wst-405-2012-wbc", {"wbc": "3.4 10^9/L"}, "low"), ("wst-405-2012-wbc", {"wbc": "3.5 10^9/L"}, "normal"),
    ("wst-405-2012-wbc", {"wbc": "9.5 10^9/L"}, "normal"), ("wst-405-2012-wbc", {"wbc": "9.6 10^9/L"}, "high"),
    ("wst-405-2012-hemoglobin-male", {"hemoglobin": "129 g/L", "sex": "male"}, "low"),
    ("wst-405-2012-hemoglobin-female", {"hemoglobin": "115 g/L", "sex": "female"}, "normal"),
    ("wst-404.5-2015-creatinine-male", {"creatinine": "98 umol/L", "sex": "男", "age": "40 year"}, "high"),
    ("wst-404.5-2015-creatinine-male-60", {"creatinine": "98 umol/L", "sex": "男", "age": "70 year"}, "normal"),
    ("wst-404.5-2015-creatinine-female", {"creatinine": "74 umol/L", "sex": "女", "age": "40 year"}, "high"),
    ("wst-404.3-2012-potassium", {"potassium": "5.3 mmol/L"}, "normal"),
    ("wst-404.3-2012-potassium", {"potassium": "5.4 mmol/L"}, "high"),
    ("wst-404.3-2012-potassium", {"potassium": "3.4 mmol/L"}, "low"),
    ("china-htn-2024", {"systolic": "181 mmHg", "diastolic": "100 mmHg"}, "grade3_crisis"),
    ("china-htn-2024", {"systolic": "180 mmHg", "diastolic": "120 mmHg"}, "grade3"),
]  # fmt: skip


@pytest.mark.parametrize(("guideline", "facts", "expected"), TABLE, ids=[f"{g}:{f}" for g, f, _ in TABLE])
def test_class_and_source(guideline: str, facts: dict[str, str], expected: str) -> None:
    found = {i.guideline: i for i in interpret(facts)}
    assert found[guideline].category == expected
    known = load_guidelines()[guideline]
    assert known.zh in found[guideline].source_zh and known.clause in found[guideline].source_zh


def _facts(guideline: Guideline, key: str, value: float) -> dict[str, str]:
    age = (guideline.age_from + min(guideline.age_below, guideline.age_from + 40)) / 2 if guideline.age_from else 40
    facts = {key: f"{value:.4f} {guideline.unit}", "age": f"{age} year", "setting": guideline.setting}
    if guideline.pregnant:
        facts["pregnant"] = f"{ {1: 8, 2: 20, 3: 32}[(guideline.trimesters or [2])[0]] } week"
    return facts | ({"sex": guideline.sex} if guideline.sex else {})


BOUNDS = [
    (guideline, key, bound)
    for guideline in load_guidelines().values()
    for cls in guideline.classes
    for test in cls.when
    if len(test) == 1 and guideline.current
    for key, limits in test.items()
    for bound in limits.values()
]


@pytest.mark.parametrize(("guideline", "key", "bound"), BOUNDS, ids=[f"{g.id}:{b:g}" for g, _, b in BOUNDS])
def test_a_cut_off_parts_two_classes(guideline: Guideline, key: str, bound: float) -> None:
    classes = []
    for value in (bound - 0.01, bound + 0.01):
        mine = [i for i in interpret(_facts(guideline, key, value), guideline.id) if i.guideline == guideline.id]
        classes.append(mine[0].category if mine else "")
    assert classes[0] != classes[1], classes


@pytest.mark.parametrize(("percent", "mmol"), [(6.5, 47.5), (5.7, 38.8), (7.0, 53.0), (10.0, 85.8)])
def test_hba1c_in_both_units(percent: float, mmol: float) -> None:
    assert convert(percent, "%", "mmol/mol", "hba1c") == pytest.approx(mmol, abs=0.05)
    assert convert(mmol, "mmol/mol", "%", "hba1c") == pytest.approx(percent, abs=0.01)


def test_untold_sex_hears_both() -> None:
    found = {i.guideline: i.direction for i in interpret({"hemoglobin": "125 g/L"})}
    assert found["wst-405-2012-hemoglobin-male"] == "low"
    assert found["wst-405-2012-hemoglobin-female"] == "normal"


@pytest.mark.parametrize(
    ("facts", "guideline", "category"),
    [
        ({"potassium": "5.4 mEq/L"}, "wst-404.3-2012-potassium", "high"),
        ({"wbc": "11,100 /mm3"}, "wst-405-2012-wbc", "high"),
        ({"calcium": "9.2 mg/dL"}, "wst-404.6-2015-calcium", "normal"),
        ({"calcium": "11.2 mg/dL"}, "wst-404.6-2015-calcium", "high"),
        ({"creatinine": "1.4 mg/dL", "sex": "male"}, "wst-404.5-2015-creatinine-male", "high"),
        ({"temperature": "102.2 ℉"}, "diagnostics-fever-2018", "moderate_fever"),
        ({"ldl": "160 mg/dL"}, "china-lipid-2023-ldl", "high"),
    ],
)
def test_other_units(facts: dict[str, str], guideline: str, category: str) -> None:
    assert {i.guideline: i.category for i in interpret(facts)}[guideline] == category
