import pytest

from medeval.clinical.guidelines import interpret, load_guidelines
from medeval.errors import UsageError


def classes(facts: dict[str, str], guideline: str) -> str:
    return next(i.category for i in interpret(facts, guideline))


def bp(systolic: int, diastolic: int, **more: str) -> dict[str, str]:
    return {"systolic": f"{systolic} mmHg", "diastolic": f"{diastolic} mmHg", **more}


BP = [
    ("china-htn-2024", 119, 79, "normal"), ("china-htn-2024", 120, 79, "high_normal"),
    ("china-htn-2024", 119, 80, "high_normal"), ("china-htn-2024", 139, 89, "high_normal"),
    ("china-htn-2024", 140, 89, "grade1"), ("china-htn-2024", 139, 90, "grade1"),
    ("china-htn-2024", 159, 99, "grade1"), ("china-htn-2024", 160, 99, "grade2"),
    ("china-htn-2024", 159, 100, "grade2"), ("china-htn-2024", 179, 109, "grade2"),
    ("china-htn-2024", 180, 109, "grade3"), ("china-htn-2024", 179, 110, "grade3"),
    ("esc-2018", 119, 79, "optimal"), ("esc-2018", 120, 80, "normal"), ("esc-2018", 129, 84, "normal"),
    ("esc-2018", 130, 84, "high_normal"), ("esc-2018", 129, 85, "high_normal"), ("esc-2018", 140, 90, "grade1"),
    ("esc-2018", 160, 99, "grade2"), ("esc-2018", 180, 109, "grade3"),
    ("esc-2024", 119, 69, "non_elevated"), ("esc-2024", 120, 69, "elevated"), ("esc-2024", 119, 70, "elevated"),
    ("esc-2024", 139, 89, "elevated"), ("esc-2024", 140, 89, "hypertension"), ("esc-2024", 139, 90, "hypertension"),
    ("aha-2017", 119, 79, "normal"), ("aha-2017", 120, 79, "elevated"), ("aha-2017", 129, 79, "elevated"),
    ("aha-2017", 130, 79, "stage1"), ("aha-2017", 119, 80, "stage1"), ("aha-2017", 139, 89, "stage1"),
    ("aha-2017", 140, 89, "stage2"), ("aha-2017", 139, 90, "stage2"),
]  # fmt: skip


@pytest.mark.parametrize(("guideline", "systolic", "diastolic", "expected"), BP)
def test_blood_pressure(guideline: str, systolic: int, diastolic: int, expected: str) -> None:
    assert classes(bp(systolic, diastolic, age="45 year"), guideline) == expected


GLUCOSE = [
    ("china-dm-2024", "fasting_glucose", 3.8, "low"), ("china-dm-2024", "fasting_glucose", 3.9, "normal"),
    ("china-dm-2024", "fasting_glucose", 6.0, "normal"), ("china-dm-2024", "fasting_glucose", 6.1, "ifg"),
    ("china-dm-2024", "fasting_glucose", 6.9, "ifg"), ("china-dm-2024", "fasting_glucose", 7.0, "diabetes"),
    ("who-2006", "fasting_glucose", 6.0, "normal"), ("who-2006", "fasting_glucose", 6.1, "ifg"),
    ("who-2006", "fasting_glucose", 7.0, "diabetes"),
    ("ada-2025", "fasting_glucose", 5.5, "normal"), ("ada-2025", "fasting_glucose", 5.6, "ifg"),
    ("ada-2025", "fasting_glucose", 6.9, "ifg"), ("ada-2025", "fasting_glucose", 7.0, "diabetes"),
    ("china-dm-2024-2h", "postprandial_glucose", 7.7, "normal"),
    ("china-dm-2024-2h", "postprandial_glucose", 7.8, "igt"),
    ("china-dm-2024-2h", "postprandial_glucose", 11.0, "igt"),
    ("china-dm-2024-2h", "postprandial_glucose", 11.1, "diabetes"),
    ("china-dm-2024-random", "random_glucose", 11.0, "unclassified"),
    ("china-dm-2024-random", "random_glucose", 11.1, "diabetes"),
    ("ada-2025-hba1c", "hba1c", 5.6, "normal"), ("ada-2025-hba1c", "hba1c", 5.7, "prediabetes"),
    ("ada-2025-hba1c", "hba1c", 6.4, "prediabetes"), ("ada-2025-hba1c", "hba1c", 6.5, "diabetes"),
    ("diagnostics-fever-2018", "temperature", 37.2, "normal"),
    ("diagnostics-fever-2018", "temperature", 37.3, "low_fever"),
    ("diagnostics-fever-2018", "temperature", 38.0, "low_fever"),
    ("diagnostics-fever-2018", "temperature", 38.1, "moderate_fever"),
    ("diagnostics-fever-2018", "temperature", 39.0, "moderate_fever"),
    ("diagnostics-fever-2018", "temperature", 39.1, "high_fever"),
    ("diagnostics-fever-2018", "temperature", 41.0, "high_fever"),
    ("diagnostics-fever-2018", "temperature", 41.1, "hyperpyrexia"),
]  # fmt: skip
UNITS = {"temperature": "℃", "hba1c": "%"}


@pytest.mark.parametrize(("guideline", "key", "value", "expected"), GLUCOSE)
def test_glucose_and_temperature(guideline: str, key: str, value: float, expected: str) -> None:
    assert classes({key: f"{value} {UNITS.get(key, 'mmol/L')}"}, guideline) == expected


def test_every_current_guideline_speaks() -> None:
    found = {i.guideline: i.category for i in interpret(bp(140, 90))}
    assert found == {"china-htn-2024": "grade1", "esc-2024": "hypertension", "aha-2017": "stage2"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (bp(136, 84, setting="home"), {"hypertension", "stage1"}),
        (bp(134, 84, setting="home"), {"normal"}),
        (bp(140, 90, age="12 year"), set()),
        (bp(85, 55), {"hypotension"}),
        (bp(149, 56, setting="clinic"), {"grade1", "hypertension", "stage2"}),
        (bp(95, 57), {"normal", "non_elevated", "hypotension"}),
        ({"fasting_glucose": "5.2 mmol/L", "pregnant": "26 week"}, {"gdm"}),
        ({"fasting_glucose": "5.0 mmol/L", "pregnant": "26 week"}, {"normal"}),
        ({"fasting_glucose": "5.2 mmol/L", "pregnant": "否"}, {"normal"}),
        ({"fasting_glucose": "129.7 mg/dL"}, {"diabetes"}),
        ({"temperature": "101.3 °F"}, {"moderate_fever"}),
    ],
)
def test_who_is_measured_and_how(facts: dict[str, str], expected: set[str]) -> None:
    assert {i.category for i in interpret(facts)} == expected


def test_unknown_guideline_lists_the_known() -> None:
    with pytest.raises(UsageError, match="china-htn-2024"):
        interpret(bp(140, 90), "nobody-1999")


def test_every_guideline_has_a_source() -> None:
    for guideline in load_guidelines().values():
        assert guideline.zh and guideline.en and guideline.clause
        assert 2000 <= guideline.year <= 2026
