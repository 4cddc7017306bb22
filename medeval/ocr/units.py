"""Printed units: how engines misread their letters, and the plain form of a power of ten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz

PRINTED = (
    "mol/L", "mmol/L", "umol/L", "nmol/L", "pmol/L", "fmol/L", "mEq/L", "mOsm/L", "mOsm/kg", "mmol/24h", "mg/mmol",
    "g/L", "mg/L", "ug/L", "ng/L", "pg/L", "g/dL", "mg/dL", "ug/dL", "ng/dL", "mg/mL", "ug/mL", "ng/mL", "pg/mL",
    "mg/g", "mg/24h", "g/24h", "U/L", "IU/L", "mU/L", "kU/L", "mIU/L", "uIU/L", "U/mL", "kU/mL", "AU/mL", "RU/mL",
    "IU/mL", "mIU/mL", "uIU/mL", "uU/mL", "mU/mL", "NCU/mL", "copies/mL", "mL/min", "mL/min/1.73m2", "mm/h", "mm/1h",
    "mm/60min", "mmHg", "kPa", "fL", "pg", "L/L", "%", "‰", "℃", "°C", "秒", "sec", "S/CO", "COI", "cells/uL",
    "/uL", "/mL", "/HP", "/LP", "/HPF", "/LPF", "个/uL", "个/HP", "个/LP",
)  # fmt: skip
"""Units of Chinese laboratory sheets as SI and WS/T 404, WS/T 405 print them, u for μ."""
CLOSE = 75.0
"""Similarity in percent from which a misread unit is one of those listed for its test."""
_CLASS = {"L": "[lL1I|]", "U": "[uUμµ]", "O": "[oO0]", "I": "[iIl1]", "²": "[2²]"}
POWER = r"(?:[×xX*]\s?)?10\s?[\^*°~\"'`″˄ˆEe]{0,2}\s?(?:12|9|6|3)\s?/\s?[Ll1I|]"
_POWER = re.compile(r"^(?:[×xX*]\s?)?10\s?\D{0,2}?\s?(12|9|6|3)\s?/?\s?[Ll1I|]$")
_HALF_POWER = re.compile(r"^[×xX*]?1?[0O]\S{2,6}$|^[×xX*]\s?10")
_PERCENT = re.compile(r"^[9%0oO°][%6/oO°]{1,2}$")


def _pattern(unit: str) -> str:
    if unit == "L/L":
        return "[lL]/[lL]"
    letters = (
        _CLASS.get(c.upper()) or (f"[{c.lower()}{c.upper()}]" if c.isascii() and c.isalpha() else re.escape(c))
        for c in unit
    )
    return "".join(letters)


ANY = "|".join(_pattern(unit) for unit in sorted(PRINTED, key=len, reverse=True))


def key(text: str) -> str:
    """What stays of a unit when letters that look alike are one."""
    text = text.upper().replace("Μ", "U").replace("µ", "U").replace(" ", "").rstrip(".,。·'")
    return text.replace("1", "L").replace("I", "L").replace("|", "L").replace("0", "O")


@lru_cache(maxsize=2048)
def unit_of(printed: str, listed: tuple[str, ...]) -> str:
    """A printed unit with its misread letters mended: by the units listed for the test, then by all printed units."""
    if not printed:
        return ""
    power = _POWER.match(printed)
    if power:
        return f"10^{power[1]}/L"
    if _PERCENT.match(printed) and ("%" in listed or not listed):
        return "%"
    for unit in (*listed, *PRINTED):
        if unit and key(printed) == key(unit):
            return _as_printed(printed.rstrip(".,。·'"), unit)
    bare = key(printed).replace("/", "")
    for unit in listed:
        if "/" in unit and bare == key(unit).replace("/", ""):
            return unit
    tens = [unit for unit in listed if unit.startswith("10^")]
    if tens and _HALF_POWER.match(printed):
        return tens[0]
    close = [unit for unit in listed if unit and fuzz.ratio(key(printed), key(unit)) >= CLOSE]
    if close:
        return close[0]
    near = [
        unit for unit in listed if fits(printed, (unit,)) or (len(printed) > 1 and key(unit).startswith(key(printed)))
    ]
    if not listed and len(printed) >= 5:
        near = [unit for unit in PRINTED if fits(printed, (unit,))]
    return near[0] if len(near) == 1 or (near and listed) else printed


def fits(printed: str, listed: Sequence[str]) -> bool:
    """Whether a short print in the place of a unit can be one of these, one letter misread."""
    mine = key(printed)
    forms = [key(unit) for unit in listed if unit]
    bare = [form.replace("/", "") for form in forms]
    return mine in bare or any(_off(mine, form) <= 1 for form in (*forms, *(b for b in bare if len(b) > 3)))


def _off(mine: str, form: str) -> int:
    """Letters that differ; a length that differs is too much."""
    return 9 if len(mine) != len(form) else sum(a != b for a, b in zip(mine, form, strict=True))


def _as_printed(printed: str, unit: str) -> str:
    """As printed where only case or the sign for micro differs."""
    same = printed.upper().replace("Μ", "U").replace("µ", "U") == unit.upper().replace("Μ", "U")
    return printed if same else unit
