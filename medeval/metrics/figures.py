"""Figures that no fact asks for: do they agree with the question and the guidelines, and could they be meant?

Most answers hold doses, intervals and ages that no checklist names. Each is compared with what the case says, with the
guidelines' limits and with the amounts practice uses (`clinical/data/figures.yaml`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from medeval.cases.schema import Case
from medeval.clinical.binding import Bound, bind
from medeval.clinical.data_files import read_data
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity
from medeval.clinical.reading import Reading, read
from medeval.clinical.references import standing_of
from medeval.clinical.units import convert, is_measurement
from medeval.metrics.case_figures import Pool, against_case, by_chance, known_in, texts_of
from medeval.metrics.consistency import conflicts, has_figure, ordinals, out_of_grade
from medeval.metrics.limits import is_given
from medeval.metrics.relations import fitting

Verdict = Literal["supported", "common", "usual", "paired", "unusual", "doubtful", "unlikely", "contradicted"]
CREDIT: dict[Verdict, float] = {
    "supported": 1.0, "common": 0.985, "usual": 0.97, "paired": 0.955, "unusual": 0.92,
    "doubtful": 0.75, "unlikely": 0.2, "contradicted": 0.0,
}  # fmt: skip
NOTES: dict[Verdict, str] = {
    "supported": "与病例或指南一致 / agrees with the case or a guideline",
    "common": "带单位的数值 / figure with unit",
    "usual": "带单位的数值 / figure with unit",
    "paired": "带单位的数值 / figure with unit",
    "unusual": "少见的数值，请核对 / an unusual figure, worth checking",
    "doubtful": "与这里常用的数值不同，请核对 / not a figure that references give here, worth checking",
    "unlikely": "数值或单位不合理 / an implausible figure or unit",
    "contradicted": "与病例所给不符 / not the figure of the case",
}
ASIDE, LISTED, LISTED_USUAL, AGAIN, CHANCE, FITS = 0.02, 0.012, 0.15, 0.003, 0.004, 0.012
HELD = 0.93
WIDE = 12.0
_CHANGE = re.compile(
    r"(?:升高|增高|应升|可升|上涨|降低|下降|上升|增加|减少|提高|幅度|相差)(?:了|约|大约|至少|不超过|超过|达)?\s?$"
    r"|(?:rise|fall|drop|increase|decrease|difference)s?(?: of| by)?(?: about| at least)? $"
)
"""What stands before a change of a level; how far a level may go says nothing of it."""
_RELATIVE = re.compile(
    r"比值|区间|预计|预测|正常值|基线|原来的|增加|升高|提高|increase|predicted|baseline|ratio|interval"
)
_LENS = re.compile(r"近视|远视|散光|屈光|镜片|度数|眼镜")
"""度 of a lens is no temperature."""
MOST_RELATIVE = 300.0  # per cent of something else
_TIMES = frozenset({"second", "minute", "hour", "day", "week", "month"})
_FROM = re.compile(r"(?:\bfrom|从|由|自)[^，。;\n\d]{0,8}$")


@dataclass(frozen=True)
class Check:
    """One figure of an answer (places in evened-out text) and what is to be said of it."""

    quantity: Quantity
    verdict: Verdict
    shift: float = 0.0
    """What the reference tables make of it: above 0 for a figure that they give, below for another one in its place."""

    @property
    def credit(self) -> float:
        """What the figure earns; one that nobody can call wrong keeps nine tenths."""
        return min(1.0, CREDIT[self.verdict] + self.shift)


@lru_cache(maxsize=2)
def _amounts(name: str) -> dict[str, frozenset[float]]:
    return {str(unit): frozenset(map(float, v)) for unit, v in read_data("figures.yaml")[name].items()}


@lru_cache(maxsize=2)
def _ranges(name: str) -> dict[str, tuple[float, float]]:
    return {str(key): (float(v[0]), float(v[1])) for key, v in read_data("figures.yaml")[name].items()}


@lru_cache(maxsize=1)
def _pairs() -> frozenset[tuple[float, float]]:
    return frozenset((float(low), float(high)) for low, high in read_data("figures.yaml")["pairs"])


def _unlikely(bound: Bound, reading: Reading) -> bool:
    """Whether unit or size cannot be meant."""
    quantity = bound.quantity
    before = reading.text[max(0, quantity.start - 16) : quantity.start]
    low, high = _ranges("possible").get(quantity.unit, (float("-inf"), float("inf")))
    if quantity.unit == "%" and _RELATIVE.search(before):
        high = MOST_RELATIVE
    if quantity.values[0] == 0 and (quantity.unit in _TIMES or quantity.kind == "range"):
        low = min(low, 0.0)  # day 0 of a course of vaccinations, the first five minutes
    if not all(low <= value <= high for value in quantity.values):
        return not (quantity.unit == "℃" and _LENS.search(reading.sentence_at(quantity.start).text))
    if bound.analyte not in analytes() or bound.mention is None:
        return False
    analyte = analytes()[bound.analyte]
    if is_measurement(quantity.unit) and quantity.unit not in analyte.units:
        return True
    if bound.analyte not in _ranges("tests") or _CHANGE.search(before) or quantity.kind.startswith("pair"):
        return False
    low, high = _ranges("tests")[bound.analyte]
    values = [convert(value, quantity.unit, analyte.units[0], analyte.substance) for value in quantity.values]
    return not all(value is not None and low <= value <= high for value in values)


def _how_usual(quantity: Quantity) -> Verdict:
    core, usual = _amounts("core").get(quantity.unit), _amounts("usual").get(quantity.unit)
    if quantity.kind == "range":
        return _how_usual_range(quantity, usual)
    if usual is None:
        return "usual"
    if core and all(value in core for value in quantity.values):
        return "common"
    return "usual" if all(value in usual for value in quantity.values) else "unusual"


def _how_usual_range(quantity: Quantity, usual: frozenset[float] | None) -> Verdict:
    """People name some pairs of numbers together (7-10, 24-48) and others hardly ever (7-12, 24-50)."""
    low, high = quantity.values
    if high > WIDE * max(low, 1e-9):
        return "unusual"
    if any((low / step, high / step) in _pairs() for step in (1, 10, 100)):
        return "common" if usual is None or {low, high} <= usual else "usual"
    if usual is None:
        return "usual"
    if not {low, high} <= usual:
        return "unusual"
    return "paired"


def check_figures(case: Case, reading: Reading, skip: frozenset[int]) -> list[Check]:
    """Every figure with a unit of an answer, sentences at `skip` (echoes) left out."""
    if not has_figure(reading.text):
        return []
    texts = tuple(texts_of(case))
    known = known_in(texts)
    bound = [b for b in bind(reading) if b.quantity.unit]
    substances = {b.quantity.start: analytes()[b.analyte].substance for b in bound if b.analyte in analytes()}
    wrong = conflicts(reading, [read(text).text for text in texts], substances)
    dated = ordinals(reading)
    bound = [b for b in bound if not any(o.start <= b.quantity.start < o.end for o in dated)]
    bound += [Bound("", quantity, "other", None) for quantity in dated]
    found: list[Check] = []
    for each in bound:
        quantity = each.quantity
        if reading.sentence_at(quantity.start).start in skip:
            continue
        if any(start < quantity.end and quantity.start < end for start, end in wrong):
            found.append(Check(quantity, "contradicted"))
            continue
        found.append(_check(case, reading, each, known))
    found += [
        Check(Quantity(start, end, "value", (), "", ""), "contradicted")
        for start, end in wrong
        if not any(start < check.quantity.end and check.quantity.start < end for check in found)
        and reading.sentence_at(start).start not in skip
    ]
    odd = out_of_grade(reading)
    found = [replace(c, shift=c.shift - ASIDE) if c.quantity.start in odd and c.credit > HELD else c for c in found]
    fits = fitting(reading)
    found = [replace(c, shift=c.shift + FITS) if c.quantity.start in fits and c.credit > HELD else c for c in found]
    told = _told_again(reading, found)
    return [
        replace(check, shift=check.shift + AGAIN)
        if check.verdict not in ("doubtful", "unlikely", "contradicted")
        and any((value, check.quantity.unit, check.verdict == "supported") in told for value in check.quantity.values)
        else check
        for check in found
    ]


def _told_again(reading: Reading, checks: list[Check]) -> set[tuple[float, str, bool]]:
    """Figures, by whether they are supported, that two sentences give or that end one range and begin the next."""
    places: dict[tuple[float, str, bool], set[str]] = {}
    for check in checks:
        sentence = reading.sentence_at(check.quantity.start).text.strip()
        for value in check.quantity.values:
            places.setdefault((value, check.quantity.unit, check.verdict == "supported"), set()).add(sentence)
    return {figure for figure, sentences in places.items() if len(sentences) > 1}


def _check(case: Case, reading: Reading, bound: Bound, known: Pool) -> Check:
    quantity = bound.quantity
    verdict = against_case(reading, bound, known)
    if verdict == "contradicted" and quantity.start in fitting(reading):
        verdict = None  # one of a row of strengths or cuts is not the patient's
    if verdict is not None:
        return Check(quantity, verdict, -CHANCE if verdict == "supported" and by_chance(reading, bound, known) else 0.0)
    rising = quantity.values[0] < quantity.values[-1] or reading.text.startswith("半", quantity.end)  # 1年到1年半
    if quantity.kind == "range" and not rising and not _is_fall(reading, quantity):
        return Check(quantity, "unlikely")
    standing = standing_of(reading, quantity, case.prompt)
    if standing is not None and standing.verdict == "typical":
        uncommon = 0.0 if standing.main else CREDIT["common"] - CREDIT[_how_usual(quantity)]
        doubt = LISTED * (1 - standing.strength) + LISTED_USUAL * uncommon
        return Check(quantity, "supported", -AGAIN - doubt)
    beyond = standing is not None and standing.verdict == "impossible"
    if (standing is None or beyond) and _unlikely(bound, reading):
        return Check(quantity, "unlikely")
    if beyond:
        return Check(quantity, "doubtful")  # the entry may be about another thing: true answers meet it too
    if is_given(bound):
        return Check(quantity, "supported")
    return Check(quantity, _how_usual(quantity), -ASIDE if standing and standing.verdict == "other" else 0.0)


def _is_fall(reading: Reading, quantity: Quantity) -> bool:
    """Whether a change is told and not a range: from 92 kg to 78 kg."""
    return _FROM.search(reading.text[max(0, quantity.start - 14) : quantity.start]) is not None


def mean_credit(checks: list[Check]) -> float | None:
    """Mean credit of the figures; None where there is none."""
    return sum(check.credit for check in checks) / len(checks) if checks else None


def verdict_counts(checks: list[Check]) -> Mapping[Verdict, int]:
    """How many figures got which verdict."""
    return {verdict: sum(check.verdict == verdict for check in checks) for verdict in CREDIT}
