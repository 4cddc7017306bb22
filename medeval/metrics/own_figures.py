"""What an answer calls a figure that it gives itself: "血红蛋白 84 g/L，升高", "GH 7.0 ng/ml（0~3），正常".

The range printed beside a figure decides; else the guidelines, if the case itself gives no figure of that test (what
is said of the case's figures is `data_interpretation`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from medeval.cases.schema import Case
from medeval.clinical.binding import Bound, bind
from medeval.clinical.claims import Claim, claims_of
from medeval.clinical.facts import unit_of
from medeval.clinical.guidelines import Direction, Interpretation, interpret
from medeval.clinical.knowledge import Judged
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity
from medeval.clinical.reading import Reading
from medeval.halves import NEXT
from medeval.metrics.targets import Meaning, Target, keys_of, targets_of
from medeval.metrics.verdicts import DIRECTION_WORDS, accepted_words, truth, verdict

_HIGH = r"升高|增高|偏高|过高|增多|高于正常|超标|↑|elevated|increased|raised|high(?!er|-|ly)"
_LOW = r"降低|减低|偏低|过低|减少|低于正常|↓|decreased|reduced|low(?!er|-)"
_NORMAL = (
    r"(?:在)?正常(?!高|低|偏|上|下|人|值|参考|的?标准|血压|\d|:|为|应|范围(?!内|之内|以内|[，。；、,.;)\s]|$))"
    r"|normal(?! (?:range|value|limit|is|are|high)|-|:)"
)
_WORD = rf"(?:(?P<high>{_HIGH})|(?P<low>{_LOW})|(?P<normal>{_NORMAL}))(?!上限|下限|高限|至|到|风险|了?\d)"
_LINK = (
    r"结果|水平|数值|已|均|也|仍|呈|属于?|即|为|是|处于|明显|显著|轻度|中度|重度|轻微|略|稍"
    r"|which|is|was|are|markedly|slightly|mildly|severely|clearly|\s"
)
_BEHIND = re.compile(rf"[\s)\]]*[，,、]?\s*(?:{_LINK})*{_WORD}")
_BEFORE = re.compile(rf"(?:{_WORD})\s?(?:[(]\s?(?:约|为|值为?)?|at\s)$")
_RANGE = re.compile(
    r"[\s(\[，,]*(?:(?:正常|参考|ref(?:erence)?|normal)\s?(?:参考)?(?:值|范围|区间|range|interval)*\s?[:为]?|[:])?\s?$"
)
_CHANGED = re.compile(r"较|比|由|从|降至|降到|升至|升到|上次|此前|之前|治疗|复查|目标|控制|target|goal|previous|from")
_OTHER_BODIES = re.compile(
    r"(?<!\d)(?:1[0-7]|\d)(?:周?岁|-?\s?years?)|月龄|婴|幼儿|儿童|新生儿|患儿|小儿|孕|妊娠|newborn|infant|child|pregnan"
)
"""Children and pregnant women have limits of their own, which an untold age hides."""
_SLACK = 0.15
"""Laboratories print other intervals: only so far beyond a limit is a word about a figure wrong."""
_CLAIM_REACH = 30


def judged_figures(case: Case, reading: Reading) -> Iterator[Judged]:
    """Every word about a figure of the answer's own, right or wrong."""
    bound = bind(reading)
    for index, own in enumerate(bound):
        if own.quantity.kind not in ("value", "pair") or own.quantity.is_reference:
            continue
        beside = _printed(reading, own, bound[index + 1].quantity) if index + 1 < len(bound) else None
        end = beside.end if beside else own.quantity.end
        said = _BEHIND.match(reading.text, end) or _BEFORE.search(
            reading.text, max(0, own.quantity.start - 12), own.quantity.start
        )
        if said and not _moving(reading, own):
            yield from _judged(case, reading, own, beside, said)
    yield from _classes(case, reading, bound)


def _moving(reading: Reading, own: Bound) -> bool:
    """Whether the clause compares: with an earlier figure, or with a goal."""
    left, right = reading.clause_at(own.quantity.start)
    return _CHANGED.search(reading.text, left, right) is not None


def _printed(reading: Reading, own: Bound, following: Quantity) -> Quantity | None:
    """The quantity behind a figure, where it is a range that stands directly there."""
    gap = reading.text[own.quantity.end : following.start]
    same = not following.unit or not own.quantity.unit or following.unit == own.quantity.unit
    printed = following.is_reference and following.kind != "pair_range" and same and gap and _RANGE.fullmatch(gap)
    return following if printed else None


def _by_range(value: float, limits: Quantity) -> frozenset[Direction]:
    if limits.kind == "range":
        low, high = limits.values
        return frozenset({"low" if value < low else "high" if value > high else "normal"})
    if limits.comparator in ("<", "≤"):
        return frozenset({"normal" if value <= limits.values[0] else "high"})
    return frozenset({"normal" if value >= limits.values[0] else "low"})


def _judged(case: Case, reading: Reading, own: Bound, beside: Quantity | None, said: re.Match[str]) -> Iterator[Judged]:
    word = str(said.lastgroup)
    if beside and own.quantity.kind == "value":
        directions, source = _by_range(own.quantity.values[0], beside), "所附参考范围 / the range beside it"
    else:
        meaning = _meaning(case, reading, own)
        if meaning is None:
            return
        directions, source = meaning.directions, meaning.interpretations[0].source_zh
    if len(directions & set(DIRECTION_WORDS)) == len(DIRECTION_WORDS):
        return  # close to a limit every word will do
    span = min(said.start(), own.quantity.start), max(said.end(), own.quantity.end)
    figure = "/".join(f"{value:g}" for value in own.quantity.values)
    about = f"{figure} {own.quantity.unit}: {NEXT.join(DIRECTION_WORDS[d] for d in sorted(directions))}"
    yield Judged(span, word in directions, about, source)


def _classes(case: Case, reading: Reading, bound: tuple[Bound, ...]) -> Iterator[Judged]:
    """Classes of guidelines ("3级高血压") said of a figure of the same sentence, the only one of its test there."""
    for claim in claims_of(reading):
        own = _figure_of(reading, claim, bound) if claim.kind == "class" and not claim.negated else None
        meaning = _meaning(case, reading, own) if own else None
        if own is None or meaning is None or not any(i.labels for i in meaning.interpretations):
            continue
        right = verdict(claim, meaning, accepted_words(reading, meaning, case)) != "wrong"
        span = min(own.quantity.start, claim.start), max(own.quantity.end, claim.end)
        yield Judged(span, right, f"{meaning.target.text}: {truth(meaning)}", meaning.interpretations[0].source_zh)


def _figure_of(reading: Reading, claim: Claim, bound: tuple[Bound, ...]) -> Bound | None:
    sentence = reading.sentence_at(claim.start)
    mine = [
        b
        for b in bound
        if b.role == "patient"
        and sentence.start <= b.quantity.start < sentence.end
        and b.quantity.kind in ("value", "pair")
        and b.analyte in analytes()
        and analytes()[b.analyte].quantity in claim.quantity.split("|")
    ]
    if len(mine) != 1 or _moving(reading, mine[0]):
        return None
    return mine[0] if 0 <= claim.start - mine[0].quantity.end <= _CLAIM_REACH else None


def _meaning(case: Case, reading: Reading, own: Bound) -> Meaning | None:
    """What guidelines make of a figure of the answer; None where they say nothing, or the case gives its own."""
    if own.role != "patient" or own.analyte not in analytes():
        return None
    quantity = analytes()[own.analyte].quantity
    given = any(target.quantity == quantity for target in targets_of(case))
    if given or _OTHER_BODIES.search(case.prompt) or _OTHER_BODIES.search(reading.text):
        return None
    told = tuple((key, value) for key, value in case.facts.items() if unit_of(key) is None)
    readings = _readings(own.analyte, own.quantity.values, own.quantity.unit, told)
    directions = frozenset(i.direction for i in readings if i.direction != "none")
    if not directions:
        return None
    target = Target(keys_of(quantity), quantity, own.quantity.values, own.quantity.unit, "")
    return Meaning(target, readings, directions)


@lru_cache(maxsize=1024)
def _readings(
    analyte: str, values: tuple[float, ...], unit: str, told: tuple[tuple[str, str], ...]
) -> tuple[Interpretation, ...]:
    keys = ("systolic", "diastolic") if len(values) == 2 else (analyte,)
    if len(values) != len(keys) or not unit:
        return ()
    exact = _interpreted(keys, values, unit, told)
    if any(reading.labels for reading in exact):
        return exact
    near = [_interpreted(keys, tuple(v * way for v in values), unit, told) for way in (1 - _SLACK, 1 + _SLACK)]
    return (*exact, *(reading for readings in near for reading in readings))


def _interpreted(
    keys: tuple[str, ...], values: tuple[float, ...], unit: str, told: tuple[tuple[str, str], ...]
) -> tuple[Interpretation, ...]:
    facts = dict(told) | {key: f"{value:g} {unit}" for key, value in zip(keys, values, strict=True)}
    return tuple(interpret(facts))
