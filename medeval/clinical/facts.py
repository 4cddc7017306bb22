"""A case's facts as values: measurements in canonical units, and the person they belong to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import find_quantities
from medeval.clinical.units import convert

CANONICAL_UNIT: dict[str, tuple[str, str]] = {
    "systolic": ("mmHg", ""),
    "diastolic": ("mmHg", ""),
    "fasting_glucose": ("mmol/L", "glucose"),
    "postprandial_glucose": ("mmol/L", "glucose"),
    "random_glucose": ("mmol/L", "glucose"),
    "hba1c": ("%", "hba1c"),
    "temperature": ("℃", ""),
    "heart_rate": ("/min", ""),
    "spo2": ("%", ""),
    "bmi": ("kg/m2", ""),
    "creatinine": ("umol/L", "creatinine"),
    "uric_acid": ("umol/L", "uric_acid"),
    "egfr": ("mL/min", ""),
}
_YES = re.compile(
    r"^(yes|true|1|是|有|孕|怀孕|妊娠|哺乳|pregnant|breastfeeding)|week|周|月|trimester|孕", re.IGNORECASE
)
_NO = re.compile(r"^(no|false|0|none|否|无|没有|未|不)\b|^(否|无|没有|未|不)", re.IGNORECASE)


@dataclass(frozen=True)
class Person:
    """Who asks; None = not told. `weeks` of pregnancy."""

    age: float | None
    sex: str
    pregnant: bool
    weeks: float | None
    breastfeeding: bool
    setting: str
    allergies: str
    current_drugs: str
    conditions: str
    kidney: str
    egfr: float | None
    weight: float | None

    @property
    def sex_known(self) -> str:
        """Sex as male, female or empty."""
        if re.match(r"女|f|woman|girl", self.sex):
            return "female"
        return "male" if re.match(r"男|m|boy", self.sex) else ""

    @property
    def trimester(self) -> int | None:
        """1 to 3 by the week of pregnancy (14 and 28 begin the next); None where the week is not told."""
        return None if self.weeks is None else 1 + (self.weeks >= 14) + (self.weeks >= 28)


def unit_of(key: str) -> tuple[str, str] | None:
    """Canonical unit and substance of the measurement `key`; None for a fact that is none."""
    if key in CANONICAL_UNIT:
        return CANONICAL_UNIT[key]
    analyte = analytes().get(key)
    return (analyte.units[0], analyte.substance) if analyte else None


def measurement(facts: Mapping[str, str], key: str) -> float | None:
    """The fact `key` in its canonical unit (mmHg, mmol/L, %, ℃ …); None where absent or unreadable."""
    known = unit_of(key)
    if key not in facts or known is None:
        return None
    unit, substance = known
    found = find_quantities(facts[key])
    if not found:
        return None
    return convert(found[0].values[0], found[0].unit or unit, unit, substance)


def _number(text: str) -> float | None:
    found = re.search(r"\d+(?:\.\d+)?", text)
    return float(found.group()) if found else None


def _age(text: str) -> float | None:
    value = _number(text)
    if value is None:
        return None
    if re.search(r"月|month", text):
        return value / 12
    return value / 365 if re.search(r"天|日龄|day", text) else value


def _yes(text: str) -> bool:
    return bool(text) and not _NO.search(text.strip()) and bool(_YES.search(text.strip()))


def person(facts: Mapping[str, str]) -> Person:
    """The person described by `facts`; missing keys stay unknown."""
    return _person(tuple(facts.items()))


@lru_cache(maxsize=512)
def _person(items: tuple[tuple[str, str], ...]) -> Person:
    facts = dict(items)
    get = {key: str(value).strip().lower() for key, value in facts.items()}
    pregnant = get.get("pregnant", "")
    weeks = re.search(r"(\d+)\s*(?:\+\d\s*)?(?:周|week|w\b)", pregnant)
    egfr = _number(get["egfr"]) if "egfr" in get else None
    kidney = get.get("kidney", "")
    stated = re.search(r"egfr\D{0,6}(\d+(?:\.\d+)?)", kidney)
    return Person(
        age=_age(get.get("age", "")),
        sex=get.get("sex", ""),
        pregnant=_yes(pregnant),
        weeks=float(weeks.group(1)) if weeks else None,
        breastfeeding=_yes(get.get("breastfeeding", "")),
        setting={"家庭": "home", "诊室": "clinic", "office": "clinic"}.get(
            get.get("setting", ""), get.get("setting", "")
        ),
        allergies=get.get("allergies", ""),
        current_drugs=get.get("current_drugs", ""),
        conditions=get.get("conditions", ""),
        kidney=kidney,
        egfr=float(stated.group(1)) if stated else egfr,
        weight=_number(get.get("weight", "")),
    )
