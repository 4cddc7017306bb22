"""Facts that a case description states in running text: age, sex, blood pressure, temperature, heart rate.

Only what stands in the usual short forms (`BP 100/60mmHg`, `T 37.8℃`, `A 24-year-old woman`) is taken; the first
mention counts, since later ones are often after treatment.
"""

import re
import unicodedata

_AGE = re.compile(r"(\d{1,3})\s*岁|(\d{1,3})[- ]year[- ]old")
_MALE, _FEMALE = re.compile(r"男|\b(?:man|boy|male)\b", re.I), re.compile(r"女|\b(?:woman|girl|female)\b", re.I)
_PRESSURE = re.compile(
    r"(?:血压|bp|blood pressure)[^\d。;；]{0,12}(\d{2,3})\s*/\s*(\d{2,3})\s*(?:mm\s?hg|毫米汞柱)", re.I
)
_TEMPERATURE = re.compile(
    r"(?:体温|(?<![a-z])t(?![a-z])|temperature)[^\d。;；]{0,12}(\d{2}(?:\.\d{1,2})?)\s*(?:℃|°c)", re.I
)
_PULSE = re.compile(
    r"(?:脉搏|心率|(?<![a-z])p(?![a-z])|pulse|heart rate)[^\d。;；]{0,12}(\d{2,3})\s*(?:次/分|bpm|/min)", re.I
)


def facts_in(text: str) -> dict[str, str]:
    """Facts by the names of the case format, values with their unit."""
    plain = unicodedata.normalize("NFKC", text).replace("°C", "℃")
    facts: dict[str, str] = {}
    if age := _AGE.search(plain):
        facts["age"] = f"{age.group(1) or age.group(2)} year"
    head = plain[:160]
    male, female = _MALE.search(head), _FEMALE.search(head)
    if male or female:
        first_male = male is not None and (female is None or male.start() < female.start())
        facts["sex"] = "male" if first_male else "female"
    if pressure := _PRESSURE.search(plain):
        facts["systolic"], facts["diastolic"] = (f"{value} mmHg" for value in pressure.groups())
    if temperature := _TEMPERATURE.search(plain):
        facts["temperature"] = f"{temperature.group(1)} ℃"
    if pulse := _PULSE.search(plain):
        facts["heart_rate"] = f"{pulse.group(1)} bpm"
    return facts
