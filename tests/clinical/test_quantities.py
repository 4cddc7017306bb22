import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.clinical.quantities import Quantity, find_quantities, parse_quantity
from medeval.clinical.units import convert
from medeval.errors import UsageError

TABLE = [
    ("血压140/90", "pair", (140.0, 90.0), "", ""),
    ("血压140／90", "pair", (140.0, 90.0), "", ""),
    ("**140/90** mmHg", "pair", (140.0, 90.0), "", "mmHg"),
    ("1240/78 mmHg", "pair", (1240.0, 78.0), "", "mmHg"),
    ("124/780 mmHg", "pair", (124.0, 780.0), "", "mmHg"),
    ("140 over 90", "pair", (140.0, 90.0), "", ""),
    ("140-159/90-99", "pair_range", (140.0, 159.0, 90.0, 99.0), "", ""),
    ("低于130/80", "pair", (130.0, 80.0), "<", ""),
    ("140/90 mmHg以上", "pair", (140.0, 90.0), "≥", "mmHg"),
    ("below 120/80.", "pair", (120.0, 80.0), "<", ""),
    ("空腹血糖7.2 mmol/L", "value", (7.2,), "", "mmol/L"),
    ("７．２ｍｍｏｌ／Ｌ", "value", (7.2,), "", "mmol/L"),
    ("7.2毫摩尔每升", "value", (7.2,), "", "mmol/L"),
    ("饮水2升至3升", "range", (2.0, 3.0), "", "L"),
    ("140毫米汞柱", "value", (140.0,), "", "mmHg"),
    ("(≥7.0)", "value", (7.0,), "≥", ""),
    ("超过38.5℃", "value", (38.5,), ">", "℃"),
    ("不超过4次", "value", (4.0,), "≤", "times"),
    ("3.9～6.1mmol/L", "range", (3.9, 6.1), "", "mmol/L"),
    ("1-4周", "range", (1.0, 4.0), "", "week"),
    ("限盐<5 g/天", "value", (5.0,), "<", "g/day"),
    ("WBC 5.0×109／L", "value", (5.0,), "", "10^9/L"),
    ("6.5×10⁹/L", "value", (6.5,), "", "10^9/L"),
    ("6.5*10^9/L", "value", (6.5,), "", "10^9/L"),
    ("红细胞4.62×10^12/L", "value", (4.62,), "", "10^12/L"),
    ("38度5", "value", (38.5,), "", "℃"),
    ("101.3℉", "value", (101.3,), "", "℉"),
    ("脉搏101次／分", "value", (101.0,), "", "/min"),
    ("1,200 mg", "value", (1200.0,), "", "mg"),
    ("肌酐72 μmol/L", "value", (72.0,), "", "umol/L"),
    ("约7.2 mmol/L", "value", (7.2,), "≈", "mmol/L"),
    ("58 U/L", "value", (58.0,), "", "U/L"),
    ("30mg/d", "value", (30.0,), "", "mg"),
    ("500ml/24h", "value", (500.0,), "", "mL"),
    ("30 mL/kg", "value", (30.0,), "", "mL/kg"),
    ("15mg/(kg·d)", "value", (15.0,), "", "mg/kg"),
    ("100U/kg", "value", (100.0,), "", "IU/kg"),
    ("25-30kcal/(kg·d)", "range", (25.0, 30.0), "", "kcal/kg"),
    ("75mg/m²", "value", (75.0,), "", "mg/m2"),
    ("2L/min", "value", (2.0,), "", "L/min"),
    ("5 mcg/min", "value", (5.0,), "", "ug/min"),
    ("20mmol/h", "value", (20.0,), "", "mmol/h"),
    ("40~60滴/分", "range", (40.0, 60.0), "", "drops/min"),
    ("3滴", "value", (3.0,), "", "drops"),
    ("180mmH2O", "value", (180.0,), "", "mmH2O"),
    ("15ml/s", "value", (15.0,), "", "mL/s"),
    ("1.5cm²", "value", (1.5,), "", "cm2"),
    ("3-5d", "range", (3.0, 5.0), "", "day"),
    ("800万U/d", "value", (800.0,), "", "10^4IU"),
]


@pytest.mark.parametrize(("text", "kind", "values", "comparator", "unit"), TABLE, ids=[row[0] for row in TABLE])
def test_reads(text: str, kind: str, values: tuple[float, ...], comparator: str, unit: str) -> None:
    found = find_quantities(text)
    assert len(found) == 1
    assert (found[0].kind, found[0].values, found[0].comparator, found[0].unit) == (kind, values, comparator, unit)


@pytest.mark.parametrize(
    "text",
    ["请立即拨打120！", "拨打12356心理援助热线", "120急救电话", "2024年指南", "2024-11-22复查", "11月22日", "2型糖尿病"]
    + ["1级高血压", "第3次", "维生素B12", "HbA1c", "1. 休息", "1）休息 2）喝水", "①休息", "grade 1 hypertension"],
)
def test_is_no_quantity(text: str) -> None:
    assert find_quantities(text) == []


def test_place_is_in_the_original() -> None:
    text = "您的血压 **140／90** mmHg，偏高"
    found = find_quantities(text)[0]
    assert text[found.start : found.end] == "140／90** mmHg"


def test_numbered_advice_keeps_its_figures() -> None:
    found = find_quantities("建议：1. 非同日3次测量；2. 限盐<5 g/天；3. 1-4周复查。")
    assert [(q.values, q.unit) for q in found] == [((3.0,), "times"), ((5.0,), "g/day"), ((1.0, 4.0), "week")]


@pytest.mark.parametrize(
    ("value", "unit", "to", "substance", "expected"),
    [
        (7.2, "mmol/L", "mg/dL", "glucose", 129.7),
        (126, "mg/dL", "mmol/L", "glucose", 6.99),
        (5.2, "mmol/L", "mg/dL", "cholesterol", 201.1),
        (1.7, "mmol/L", "mg/dL", "triglyceride", 150.6),
        (88.4, "umol/L", "mg/dL", "creatinine", 1.0),
        (420, "umol/L", "mg/dL", "uric_acid", 7.06),
        (101.3, "℉", "℃", "", 38.5),
        (18.7, "kPa", "mmHg", "", 140.3),
        (13.8, "g/dL", "g/L", "", 138.0),
    ],
)
def test_converts(value: float, unit: str, to: str, substance: str, expected: float) -> None:
    got = convert(value, unit, to, substance)
    assert got is not None
    assert got == pytest.approx(expected, rel=0.002)


def test_no_conversion_between_unrelated_units() -> None:
    assert convert(140, "mmHg", "mmol/L") is None
    assert convert(7.2, "mmol/L", "mg/dL") is None


def test_parse_quantity_refuses_words() -> None:
    assert parse_quantity("7.2 mmol/L") == Quantity(0, 10, "value", (7.2,), "", "mmol/L")
    with pytest.raises(UsageError, match="no value"):
        parse_quantity("高")


@given(st.text(max_size=300))
def test_never_raises_and_stays_inside(text: str) -> None:
    for quantity in find_quantities(text):
        assert 0 <= quantity.start < quantity.end <= len(text)
        assert all(value >= 0 for value in quantity.values)


RISES = [("心率由80升至120次/分", ["", "/min"]), ("血糖从5.1升到8.3 mmol/L", ["", "mmol/L"])]


@pytest.mark.parametrize(("text", "units"), RISES)
def test_a_rise_is_no_litre(text: str, units: list[str]) -> None:
    assert [quantity.unit for quantity in find_quantities(text)] == units
