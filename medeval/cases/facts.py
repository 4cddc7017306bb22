"""The form of facts: which need a number with a unit, and which are a word of a list.

What a figure means (grade, class, danger) is `medeval.clinical`; here only whether it can be read at all.
Keys that are not in the table are free text, as long as they are no misspelling of one that is.
"""

import difflib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A fact that is a number with one of `units`; `bare` allows the number alone."""

    units: tuple[str, ...]
    example: str
    bare: bool = False


@dataclass(frozen=True)
class Choice:
    """A fact that is one of `words`, or matches `pattern`."""

    words: tuple[str, ...]
    pattern: str = r"(?!)"


_PRESSURE = ("mmHg", "kPa", "毫米汞柱")
_GLUCOSE = ("mmol/L", "mg/dL")
_YES_NO = ("yes", "no", "是", "否", "unknown", "不详")

MEASURES: dict[str, Measure] = {
    "systolic": Measure(_PRESSURE, "140 mmHg"),
    "diastolic": Measure(_PRESSURE, "90 mmHg"),
    "fasting_glucose": Measure(_GLUCOSE, "7.2 mmol/L"),
    "postprandial_glucose": Measure(_GLUCOSE, "11.1 mmol/L"),
    "random_glucose": Measure(_GLUCOSE, "11.1 mmol/L"),
    "hba1c": Measure(("%", "mmol/mol"), "6.5 %"),
    "temperature": Measure(("℃", "°C", "C", "°F", "F", "度", "摄氏度"), "38.5 ℃"),
    "age": Measure(("year", "years", "岁", "month", "months", "个月", "月", "week", "weeks", "周", "day", "days", "天"),
                   "45 year", bare=True),
    "weight": Measure(("kg", "公斤", "千克", "斤", "g", "lb"), "60 kg"),
    "height": Measure(("cm", "m", "厘米", "米"), "170 cm"),
    "bmi": Measure(("kg/m2", "kg/m²", "kg/m^2"), "24 kg/m2", bare=True),
    "spo2": Measure(("%",), "97 %"),
    "egfr": Measure(("mL/min/1.73m²", "mL/min/1.73m2", "mL/min/1.73 m²", "mL/min/1.73 m2", "mL/min"), "60 mL/min",
                    bare=True),
    "heart_rate": Measure(("/min", "bpm", "次/分", "beats/min"), "80 bpm"),
}  # fmt: skip

CHOICES: dict[str, Choice] = {
    "sex": Choice(("male", "female", "男", "女")),
    "setting": Choice(
        ("clinic", "office", "home", "ambulatory", "hospital", "emergency", "诊室", "家庭", "动态", "医院", "急诊")
    ),
    "pregnant": Choice(_YES_NO, r"(孕)?\d{1,2}\s*(week|weeks|周)"),
    "breastfeeding": Choice(_YES_NO),
}

TEXTS = ("allergies", "current_drugs", "conditions", "kidney", "liver", "symptoms")
KNOWN = (*MEASURES, *CHOICES, *TEXTS)

_NUMBER = re.compile(r"[<>≤≥≈~]?=?\s*\d+(?:\.\d+)?(?:\s*[-–~至]\s*\d+(?:\.\d+)?)?")


def fault_of_fact(key: str, value: str) -> str | None:
    """What is wrong with the form of one fact, in both languages; None where nothing is."""
    value = value.strip()
    if not value:
        return "不能为空；不知道就不要写 / must not be empty; leave out what is not known"
    if key in MEASURES:
        return _fault_of_measure(MEASURES[key], value)
    if key in CHOICES:
        choice = CHOICES[key]
        if value in choice.words or re.fullmatch(choice.pattern, value):
            return None
        words = ", ".join(choice.words)
        return f"“{value}”不在可用的词中：{words} / {value!r} is none of: {words}"
    if key not in TEXTS and (near := difflib.get_close_matches(key, KNOWN, 1, 0.85)):
        return f"未知的事实，您是否想写 {near[0]}？ / unknown fact; did you mean {near[0]}?"
    return None


def _fault_of_measure(measure: Measure, value: str) -> str | None:
    number = _NUMBER.match(value)
    if number is None:
        like = measure.example
        return f"“{value}”应为数值加单位，如 {like} / {value!r} should be a number with a unit, such as {like}"
    unit = value[number.end() :].strip()
    if not unit:
        if measure.bare:
            return None
        return f"“{value}”缺少单位，应如 {measure.example} / {value!r} has no unit; write it as {measure.example}"
    if unit.lower() not in {u.lower() for u in measure.units}:
        units = ", ".join(measure.units)
        return f"“{value}”的单位应为：{units} / the unit of {value!r} should be one of: {units}"
    return None
