"""Units: spellings, canonical names, dimension, conversion per analyte."""

import re

MASS_PER_MMOL: dict[str, float] = {
    "glucose": 18.016,  # mg/dL per mmol/L: molar mass 180.16 g/mol
    "cholesterol": 38.67,
    "triglyceride": 88.57,
    "calcium": 4.008,
    "urea_nitrogen": 2.801,  # as nitrogen, 28.01 g/mol
}
UMOL_PER_MG: dict[str, float] = {"creatinine": 88.4, "uric_acid": 59.48, "bilirubin": 17.1}
MMHG_PER_KPA = 7.50062

_EACH_DAY = r"(?:\s?/\s?(?:d(?![a-z])|day|24\s?h(?![a-z])|24小时|天|日|次|dose))?"
"""Of an amount a day or a time: 20 mg/d, 500 ml/24h."""
_PER_KG = (
    r"\s?/\s?\(?\s?(?:kg|公斤|千克)(?![a-z])(?:\s?[·./*x×]\s?(?:d(?![a-z])|day|h(?![a-z])|min|天|日|次|小时|分钟?))?\)?"
)

SPELLINGS: tuple[tuple[str, str], ...] = (
    ("mmHg", r"mm\s?/?\s?hg|毫米汞柱|毫米水银柱|毫米汞"),
    ("cmH2O", r"cm\s?h2o|厘米水柱"),
    ("mmH2O", r"mm\s?h2o|毫米水柱"),
    ("kPa", r"kpa|千帕"),
    ("mmol/mol", r"mmol\s?/\s?mol"),
    ("mmol/L", r"m?mmol\s?/\s?l(?![a-z])|mmol[·.]?l-1|毫摩尔?(?:每|/)升|毫摩尔?"),
    ("mEq/L", r"meq\s?/\s?l(?![a-z])"),
    ("/uL", r"/\s?(?:mm\^?3|ul|cumm)|per (?:mm\^?3|microliter)"),
    ("umol/L", r"umol\s?/\s?l(?![a-z])|微摩尔?(?:每|/)升"),
    ("mg/dL", r"mg\s?/\s?dl|毫克(?:每|/)(?:分升|100毫升|百毫升)|mg%"),
    ("10^12/L", r"[x×*]?\s?(?:10[\^*e]?12|e12)\s?/\s?l"),
    ("10^9/L", r"[x×*]?\s?(?:10[\^*e]?9|e9)\s?/\s?l|k/ul|[x×*]?\s?10\^3/ul"),
    ("mg/L", r"mg\s?/\s?l(?![a-z])|毫克(?:每|/)升"),
    ("ug/L", r"ug\s?/\s?l(?![a-z])|ng\s?/\s?ml"),
    ("pg/mL", r"pg\s?/\s?ml|ng\s?/\s?l(?![a-z])"),
    ("ug/dL", r"ug\s?/\s?dl"),
    ("ng/dL", r"ng\s?/\s?dl"),
    ("nmol/L", r"nmol\s?/\s?l(?![a-z])"),
    ("pmol/L", r"pmol\s?/\s?l(?![a-z])"),
    ("mg/g", r"mg\s?/\s?g(?![a-z])"),
    ("U/mL", r"i?u\s?/\s?ml|ku\s?/\s?l(?![a-z])"),
    ("g/dL", r"g\s?/\s?dl"),
    ("mIU/L", r"[mu]iu\s?/\s?m?l|mu\s?/\s?l"),
    ("U/L", r"i?u\s?/\s?l(?![a-z])|单位(?:每|/)升"),
    ("mg/kg", rf"(?:mg|毫克){_PER_KG}"),
    ("ug/kg", rf"(?:ug|mcg|微克){_PER_KG}"),
    ("g/kg", rf"(?:g|克){_PER_KG}"),
    ("mL/kg", rf"(?:ml|毫升){_PER_KG}"),
    ("IU/kg", rf"(?:i?u|单位){_PER_KG}"),
    ("kcal/kg", rf"(?:kcal|千卡|大卡){_PER_KG}"),
    ("kg/m2", r"kg\s?/\s?m(?:\^?2|²)"),
    ("mg/m2", r"mg\s?/\s?m(?:\^?2|²)"),
    ("g/m2", r"g\s?/\s?m(?:\^?2|²)"),
    ("g/day", r"(?:g|克)\s?/\s?(?:d(?![a-z])|day|天|日)"),
    ("g/L", r"g\s?/\s?l(?![a-z])|克(?:每|/)升"),
    ("drops/min", r"(?:滴|drops?)\s?/\s?(?:分钟?|min(?:ute)?)"),
    ("ug/min", r"(?:ug|mcg|微克)\s?/\s?(?:min|分钟?)"),
    ("mg/min", r"(?:mg|毫克)\s?/\s?(?:min|分钟?)"),
    ("mg/h", r"(?:mg|毫克)\s?/\s?(?:h(?![a-z])|小时)"),
    ("mmol/h", r"mmol\s?/\s?(?:h(?![a-z])|小时)"),
    ("mmol", r"mmol(?![a-z/])"),
    ("L/min", r"(?:l|升)\s?/\s?(?:min|分钟?)"),
    ("mL/s", r"(?:ml|毫升)\s?/\s?(?:s(?![a-z])|秒)"),
    ("mL/min", r"ml\s?/\s?min(?:\s?/\s?1\.73\s?m(?:\^?2|²)?)?"),
    ("/min", r"次\s?/\s?(?:分钟?|min)|次每分钟?|bpm|beats per minute|/\s?min(?:ute)?"),
    ("/hour", r"次\s?/\s?(?:小时|h(?![a-z]))|per hour"),
    ("/second", r"次\s?/\s?(?:秒|s(?![a-z]))"),
    ("times/day", r"次\s?/\s?(?:日|天|d(?![a-z]))|times? (?:a|per) day"),
    ("times/week", r"次\s?/\s?周|times? (?:a|per) week"),
    ("℃", r"℃|°\s?c(?![a-z])|摄氏度|degrees? c(?:elsius)?|度(?!数|以上高|糖)"),
    ("℉", r"℉|°\s?f(?![a-z])|华氏度|degrees? f(?:ahrenheit)?"),
    ("‰", r"‰|per mille"),
    ("%", r"%|percent|个百分点"),
    ("fL", r"fl(?![a-z])"),
    ("pg", r"pg(?![a-z/])"),
    ("mm/h", r"mm\s?/\s?h"),
    ("second", r"秒钟?|seconds?(?![a-z])|secs?(?![a-z])"),
    ("minute", r"分钟|minutes?|mins?(?![a-z])"),
    ("hour", r"个?小时|hours?|hrs?(?![a-z])|h(?![a-z])"),
    ("week", r"个?星期|周(?!围|岁|身|末|期|边)|weeks?"),
    ("month", r"个月|月(?=余|龄|前|后|内|以上|以下|大)|months?"),
    ("day", r"天|日(?!本|常|间)|days?|d(?![a-z0-9-打印影技重模成图维])"),
    ("age", r"周?岁|years? old|year-old|years? of age"),
    ("year", r"年|years?"),
    ("ug", r"ug(?![a-z/])|mcg|微克"),
    ("mg", rf"(?:mg|毫克){_EACH_DAY}(?![a-z/])"),
    ("mL", rf"(?:ml|毫升){_EACH_DAY}(?![a-z/])|cc(?![a-z])"),
    ("kg", r"kg(?![a-z/])|公斤|千克|kg(?=/[周月])"),
    ("g", rf"(?:g|克){_EACH_DAY}(?![a-z/])"),
    ("L", rf"(?:l|升(?!高)){_EACH_DAY}(?![a-z/])"),
    ("cm2", r"cm(?:\^?2|²)|平方厘米"),
    ("m2", r"m(?:\^?2|²)|平方米"),
    ("cm", r"cm(?![a-z23^])|厘米|公分"),
    ("mm", r"mm(?![a-z23^])|毫米(?!汞|水)"),
    ("times", r"次|times?(?![a-z])"),
    ("dose", r"片|粒|袋|支|颗|丸|tablets?|capsules?"),
    ("drops", r"滴(?!度|速|注|眼|鼻|丸|耳)|drops?(?![a-z])"),
    ("box", r"盒|瓶|箱"),
    ("m", r"m(?![a-z0-9/^²³])|米(?![饭粥粉糊油汤酒面饼黄高])"),
    ("10^4IU", r"万\s?(?:i?u(?![a-z]|\s?/\s?(?:m?l|k?g))|国际单位|单位)"),
    ("IU", r"i?u(?![a-z.]|\s?/\s?(?:m?l|k?g))|国际单位|单位(?!时间|面积|体积)"),
    ("pound", r"pounds?|lbs?(?![a-z])"),
    ("ounce", r"ounces?|oz(?![a-z])"),
    ("inch", r"inch(?:es)?|英寸"),
    ("foot", r"feet|foot|英尺"),
    ("mol/L", r"mol\s?/\s?l(?![a-z])"),
    ("mL/h", r"ml\s?/\s?h(?![a-z])"),
    ("kcal", r"kcal|千卡|大卡|calories"),
    ("kJ", r"kj(?![a-z])|千焦|kilojoules?"),
    ("step", r"步"),
)
UNIT_PATTERN = "(?:" + "|".join(f"(?:{pattern})" for _, pattern in SPELLINGS) + ")"
_EACH = [(name, re.compile(pattern)) for name, pattern in SPELLINGS]
_KNOWN: dict[str, str] = {"月": "month"}  # its pattern looks at what follows

TIME_UNITS = frozenset({"second", "minute", "hour", "day", "week", "month", "year", "age"})
COUNT_UNITS = frozenset({"times", "times/day", "times/week", "dose", "step", "kcal", "kJ", "box", "drops"})
DOSE_UNITS = frozenset({"mg", "g", "ug", "mL", "mg/kg", "ug/kg", "g/kg", "g/day", "mg/m2", "dose", "IU", "10^4IU",
                        "mL/kg", "IU/kg", "kcal/kg", "drops/min", "ug/min", "mg/min", "mg/h", "mmol", "mmol/h", "L/min",
                        "mL/h"})  # fmt: skip
SIZE_UNITS = frozenset({"cm", "mm", "m", "cm2", "m2", "kg", "L", "pound", "ounce", "inch", "foot"})
_NO_MEASUREMENT = TIME_UNITS | COUNT_UNITS | DOSE_UNITS | SIZE_UNITS

_FACTORS: dict[tuple[str, str], float] = {
    ("g/L", "g/dL"): 0.1, ("g/dL", "g/L"): 10.0, ("kPa", "mmHg"): MMHG_PER_KPA, ("mmHg", "kPa"): 1 / MMHG_PER_KPA,
    ("g", "mg"): 1000.0, ("mg", "g"): 0.001, ("ug", "mg"): 0.001, ("mg", "ug"): 1000.0,
    ("mmol/L", "umol/L"): 1000.0, ("umol/L", "mmol/L"): 0.001, ("week", "day"): 7.0, ("day", "week"): 1 / 7,
    ("hour", "minute"): 60.0, ("minute", "hour"): 1 / 60, ("day", "hour"): 24.0, ("hour", "day"): 1 / 24,
    ("10^4IU", "IU"): 1e4, ("IU", "10^4IU"): 1e-4, ("minute", "second"): 60.0, ("second", "minute"): 1 / 60,
    ("m", "cm"): 100.0, ("cm", "m"): 0.01, ("inch", "cm"): 2.54, ("cm", "inch"): 1 / 2.54, ("pound", "kg"): 0.4536,
    ("kg", "pound"): 2.2046, ("kcal", "kJ"): 4.184, ("kJ", "kcal"): 1 / 4.184, ("mg", "kg"): 1e-6, ("kg", "g"): 1000.0,
    ("g", "kg"): 0.001, ("month", "week"): 4.348, ("week", "month"): 0.23, ("month", "day"): 30.44,
    ("day", "month"): 1 / 30.44, ("year", "day"): 365.25, ("day", "year"): 1 / 365.25, ("year", "week"): 52.18,
    ("week", "year"): 1 / 52.18, ("week", "hour"): 168.0, ("hour", "week"): 1 / 168, ("nmol/L", "pmol/L"): 1000.0,
    ("pmol/L", "nmol/L"): 0.001, ("ug/L", "pg/mL"): 1000.0, ("pg/mL", "ug/L"): 0.001, ("mg/L", "ug/L"): 1000.0,
    ("ug/L", "mg/L"): 0.001, ("mg/dL", "mg/L"): 10.0, ("mg/L", "mg/dL"): 0.1, ("g/L", "mg/L"): 1000.0,
    ("mg/L", "g/L"): 0.001, ("g/L", "mg/dL"): 100.0, ("mg/dL", "g/L"): 0.01, ("g/dL", "mg/dL"): 1000.0,
    ("ug/dL", "ug/L"): 10.0, ("ug/L", "ug/dL"): 0.1, ("ng/dL", "ug/L"): 0.01, ("ug/L", "ng/dL"): 100.0,
    ("g/m2", "mg/m2"): 1000.0, ("mg/m2", "g/m2"): 0.001,
    ("mg/kg", "g/kg"): 0.001, ("g/kg", "mg/kg"): 1000.0, ("ug/kg", "mg/kg"): 0.001, ("mg/kg", "ug/kg"): 1000.0,
    ("/uL", "10^9/L"): 0.001, ("10^9/L", "/uL"): 1000.0, ("‰", "%"): 0.1, ("%", "‰"): 10.0,
    ("g/day", "g"): 1.0, ("g", "g/day"): 1.0, ("cm", "mm"): 10.0, ("mm", "cm"): 0.1, ("L", "mL"): 1000.0,
    ("mL", "L"): 0.001, ("year", "month"): 12.0, ("month", "year"): 1 / 12,
    ("times/day", "times"): 1.0, ("times", "times/day"): 1.0,
    ("month", "age"): 1 / 12, ("age", "month"): 12.0, ("age", "year"): 1.0, ("year", "age"): 1.0,
}  # fmt: skip


def canonical(spelling: str) -> str:
    """The canonical name of a unit as spelled in evened-out text; empty where unknown or empty."""
    key = spelling.strip().lower()
    if key not in _KNOWN:
        _KNOWN[key] = next((name for name, pattern in _EACH if pattern.fullmatch(key)), "") if key else ""
    return _KNOWN[key]


def is_measurement(unit: str) -> bool:
    """Whether a unit belongs to a test result rather than to time, counts, doses or sizes."""
    return bool(unit) and unit not in _NO_MEASUREMENT


def convert(value: float, unit: str, to: str, substance: str = "") -> float | None:
    """`value` of `unit` in `to`; None where no conversion exists for that substance.

    HbA1c by the NGSP/IFCC master equation (% = 0.09148 mmol/mol + 2.152).
    mEq/L equals mmol/L for sodium, potassium and chloride.
    Factors: molar masses (glucose 180.16, cholesterol 386.7, triolein 885.7, creatinine 113.1, urate 168.1 g/mol).
    """
    if unit == to or not unit or not to:
        return value
    pair = (unit, to)
    if substance in MASS_PER_MMOL and set(pair) == {"mmol/L", "mg/dL"}:
        factor = MASS_PER_MMOL[substance]
        return value * factor if unit == "mmol/L" else value / factor
    if substance in UMOL_PER_MG and set(pair) == {"umol/L", "mg/dL"}:
        factor = UMOL_PER_MG[substance]
        return value / factor if unit == "umol/L" else value * factor
    if substance == "hba1c" and set(pair) == {"%", "mmol/mol"}:
        return (value - 2.152) / 0.09148 if unit == "%" else value * 0.09148 + 2.152
    if substance == "monovalent" and set(pair) == {"mmol/L", "mEq/L"}:
        return value
    if pair in _FACTORS:
        return value * _FACTORS[pair]
    if pair == ("℉", "℃"):
        return (value - 32) / 1.8
    return value * 1.8 + 32 if pair == ("℃", "℉") else None
