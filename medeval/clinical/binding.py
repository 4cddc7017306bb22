"""Binding: which number belongs to which test, and whether it is the patient's or a limit."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.clinical.lexicons import Hit, analytes, hits
from medeval.clinical.polarity import mood
from medeval.clinical.quantities import Quantity, quantities_of
from medeval.clinical.reading import Reading, Sentence
from medeval.clinical.units import is_measurement

Role = Literal["patient", "reference", "other"]

_REFERENCE_BEFORE = re.compile(
    r"(?:正常|参考|标准|目标|控制|降至|降到|降低到|维持在?|理想|界值|切点|阈值|诊断|通常|一般|建议|推荐|定义|上限|下限|范围|应该?|低于|高于|超过|达到|例如"
    r"|normal|reference|target|goal|threshold|range|cut-?off|criteri\w+|defined|usually|typically|limit|below|above|reach\w*)"
    r"[^，,。;；]{0,9}$"
)
_OWN_BEFORE = re.compile(r"(?:您|你|患者|本次|此次|测得|目前|这次|your|you|measured|patient)[^，,。;；]{0,20}$")
_GIVEN = re.compile(r"(?:输注?|静滴|滴注)$")
"""What stands before something that is given: 输红细胞."""
_GAP_NEAR = 8
_BY_KIND = {"pair": "blood_pressure", "pair_range": "blood_pressure"}
_BY_UNIT = {"mmHg": "blood_pressure", "℃": "temperature", "℉": "temperature"}
_BP = frozenset({"blood_pressure", "systolic", "diastolic"})


@dataclass(frozen=True)
class Bound:
    """A quantity with the key of its analyte (empty where none fits)."""

    analyte: str
    quantity: Quantity
    role: Role
    mention: Hit | None


def fits(analyte: str, quantity: Quantity, gap: int) -> bool:
    """Whether a quantity `gap` characters away can be a result of `analyte`."""
    known = analytes()[analyte]
    if quantity.kind in _BY_KIND:
        return analyte in _BP
    if quantity.unit:
        wrong_unit_beside = is_measurement(quantity.unit) and quantity.unit not in ("℃", "℉", "%") and gap <= _GAP_NEAR
        return quantity.unit in known.units or wrong_unit_beside
    return quantity.is_reference or gap <= _GAP_NEAR


def _bind(
    reading: Reading, sentence: Sentence, quantity: Quantity, mentions: list[Hit], topic: str
) -> Hit | str | None:
    inside = [hit for hit in mentions if sentence.start <= hit.start and hit.end <= sentence.end]
    inside = [hit for hit in inside if not _GIVEN.search(reading.text, max(0, hit.start - 2), hit.start)]
    for hit in reversed([hit for hit in inside if hit.end <= quantity.start]):
        if fits(hit.key, quantity, quantity.start - hit.end):
            return hit
    for hit in inside:
        gap = hit.start - quantity.end
        if 0 <= gap <= 4 and fits(hit.key, quantity, gap) and "，" not in reading.text[quantity.end : hit.start]:
            return hit
    fallback = _BY_KIND.get(quantity.kind) or _BY_UNIT.get(quantity.unit)
    if fallback:
        return fallback
    if topic and (quantity.unit in analytes()[topic].units or (not quantity.unit and quantity.is_reference)):
        return topic
    return None


def _role(reading: Reading, quantity: Quantity) -> Role:
    if quantity.is_reference:
        return "reference"
    stance = mood(reading, quantity.start, quantity.end)
    if stance in ("question", "hypothetical"):
        return "other"
    before = reading.text[max(0, quantity.start - 30) : quantity.start]
    reference = _REFERENCE_BEFORE.search(before)
    if reference:
        own = _OWN_BEFORE.search(before)
        plain = re.match(r"(?:达到|超过|高于|reach)", reference.group())
        return "patient" if own and plain and own.start() < reference.start() else "reference"
    return "patient"


@lru_cache(maxsize=512)
def bind(reading: Reading) -> tuple[Bound, ...]:
    """Every quantity of a reading with its analyte and role, in order."""
    mentions = list(hits(reading, "analyte"))
    starts = [sentence.start for sentence in reading.sentences]
    bound: list[Bound] = []
    topic = ""
    for quantity in quantities_of(reading):
        index = max(0, bisect_right(starts, quantity.start) - 1)
        sentence = reading.sentences[index]
        found = _bind(reading, sentence, quantity, mentions, topic)
        analyte = found.key if isinstance(found, Hit) else found or ""
        if analyte:
            topic = analyte
        role = _role(reading, quantity) if analyte else "other"
        bound.append(Bound(analyte, quantity, role, found if isinstance(found, Hit) else None))
    return tuple(bound)
