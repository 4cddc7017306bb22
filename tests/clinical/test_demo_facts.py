"""The few cut-offs of the demo corpus agree with the guidelines that score it."""

import pytest

from medeval.clinical.guidelines import interpret
from medeval.demo.facts import FASTING, FEVER, PRESSURE, TWO_HOURS, Band, band_index, pressure_index


def _category(facts: dict[str, str], guideline: str) -> str:
    return next(i.category for i in interpret(facts, guideline) if i.guideline == guideline)


BP_CLASSES = ("normal", "high_normal", "grade1", "grade2", "grade3")


@pytest.mark.parametrize("systolic", [118, 119, 120, 139, 140, 159, 160, 179, 180])
@pytest.mark.parametrize("diastolic", [79, 80, 89, 90, 99, 100, 109, 110])
def test_pressure(systolic: int, diastolic: int) -> None:
    facts = {"systolic": f"{systolic} mmHg", "diastolic": f"{diastolic} mmHg", "age": "45 year"}
    assert _category(facts, "china-htn-2024") == BP_CLASSES[pressure_index(systolic, diastolic)]
    assert len(PRESSURE) == len(BP_CLASSES)


BANDS = [
    (FASTING, "fasting_glucose", "mmol/L", "china-dm-2024", ("low", "normal", "ifg", "diabetes")),
    (TWO_HOURS, "postprandial_glucose", "mmol/L", "china-dm-2024-2h", ("normal", "igt", "diabetes")),
    (FEVER, "temperature", "℃", "diagnostics-fever-2018",
     ("normal", "low_fever", "moderate_fever", "high_fever", "hyperpyrexia")),
]  # fmt: skip


@pytest.mark.parametrize(("bands", "key", "unit", "guideline", "classes"), BANDS, ids=[b[3] for b in BANDS])
def test_bands(bands: tuple[Band, ...], key: str, unit: str, guideline: str, classes: tuple[str, ...]) -> None:
    for band in bands:
        for value in (band.low - 0.1, band.low, band.low + 0.1):
            if value > 3.0:
                index = band_index(bands, round(value, 1))
                assert _category({key: f"{value:.1f} {unit}"}, guideline) == classes[index], value
