"""term_accuracy: the professional words this case calls for are used, and none is used wrongly."""

import re
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.binding import bind
from medeval.clinical.guidelines import interpret
from medeval.clinical.lexicons import analytes, concept_kind, hits
from medeval.clinical.polarity import is_negated
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import is_measurement
from medeval.clinical.words import wrong_brands
from medeval.errors import UsageError
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import is_asked, targets_of

ENOUGH_TERMS = 3
_MEASURED = frozenset(
    {"blood_pressure", "glucose", "hba1c", "fasting_glucose", "postprandial_glucose"}
)  # counted as tests already
_PROFESSIONAL = frozenset({"test", "condition", "drug", "warning"})
# Words that do not exist in medicine or swap two terms; own list of common model slips.
_INVENTED = re.compile(
    r"高血压糖|血压糖化|糖化血压|血糖压|心脏病毒梗|白血细胞症|血脂压|收缩糖|舒张糖|空腹血压|餐后血压糖|肝功酐|尿酸酐|血小红|红血板|胰岛腺素|高血糖压|低血压糖"
    r"|阑尾胃炎|心肌炎梗|脑梗塞死症|diabetic pressure|blood sugar pressure|systolic glucose|fasting blood pressure"
)


def _implied(term: str) -> tuple[str, ...]:
    """A term with the broader ones it contains: grade 1 hypertension is hypertension."""
    return (term, "concept:hypertension") if term.startswith("concept:grade") else (term,)


def _terms(reading: Reading) -> set[str]:
    """Professional terms in a text: tests, diseases, drugs, findings, guideline classes."""
    concepts = [h.key for h in hits(reading, "concept") if concept_kind(h.key) in _PROFESSIONAL]
    found = {implied for key in concepts if key not in _MEASURED for implied in _implied(f"concept:{key}")}
    found |= {f"analyte:{analytes()[h.key].quantity}" for h in hits(reading, "analyte")}
    found |= {f"{name}:{h.key}" for name in ("drug", "finding") for h in hits(reading, name) if h.key != "normal"}
    return found


@lru_cache(maxsize=1024)
def _wanted_of(text: str) -> frozenset[str]:
    return frozenset(_terms(read(text)))


def _groups(case: Case) -> tuple[frozenset[str], ...]:
    """Terms called for, one group per key point, row, finding or asked figure; one term of a group is enough.

    A key point that can be made without a term, or with one the question holds, asks for none.
    """
    points = tuple(tuple(s.any) if isinstance(s, AnyOf) else (s,) for s in case.expect.must_have)
    named = [row.name for row in case.expect.lab_rows]
    named += case.expect.image_findings.present if case.expect.image_findings else []
    asked = tuple(target.quantity for target in targets_of(case) if target.row is None and is_asked(case, target))
    return _grouped(case.prompt, points, tuple(named), tuple(case.facts.items()), case.guideline, asked)


@lru_cache(maxsize=512)
def _grouped(
    prompt: str,
    points: tuple[tuple[str, ...], ...],
    named: tuple[str, ...],
    facts: tuple[tuple[str, str], ...],
    guideline: str | None,
    figures: tuple[str, ...],
) -> tuple[frozenset[str], ...]:
    asked = _wanted_of(prompt)
    groups: list[frozenset[str]] = []
    for options in points:
        terms = [_wanted_of(option) for option in options]
        groups.append(frozenset[str]().union(*terms) if all(terms) else frozenset())
    groups += [_wanted_of(text) for text in named]
    try:
        meanings = interpret(dict(facts), guideline)
    except UsageError:
        meanings = []
    for quantity in dict.fromkeys(meaning.quantity for meaning in meanings if meaning.quantity in figures):
        labels = [label for meaning in meanings if meaning.quantity == quantity for label in meaning.labels[:2]]
        groups.append(frozenset(term for label in labels for term in _wanted_of(label)) - asked)
    return tuple(group for group in groups if group and not group & asked)


def _unit_slips(reading: Reading) -> list[tuple[int, int, str]]:
    """Figures of a test in a unit of another (血压 140 mmol/L)."""
    found = []
    for bound in bind(reading):
        unit = bound.quantity.unit
        if bound.analyte and bound.mention and is_measurement(unit) and unit not in analytes()[bound.analyte].units:
            note = f"单位不属于该项目：{unit} / not a unit of this test: {unit}"
            found.append((bound.quantity.start, bound.quantity.end, note))
    return found


@metric(name="term_accuracy", zh="术语准确性", en="Term accuracy", seed="医学术语准确性：诊断名称、检查项目、治疗方案")
def term_accuracy(case: Case, text: str) -> Score:
    """Distinct right terms over three (or fewer where the case has fewer); each slip takes 40 %."""
    groups = _groups(case)
    if not groups:
        return Score.unscored("病例没有对应的专业术语 / the case calls for no terms")
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    used: set[str] = set()
    wanted = frozenset[str]().union(*groups)
    for name in ("concept", "analyte", "drug", "finding"):
        for hit in hits(reading, name):
            key = f"{name}:{analytes()[hit.key].quantity if name == 'analyte' else hit.key}"
            sentence = reading.sentence_at(hit.start)
            if not wanted.isdisjoint(_implied(key)) and sentence.start not in skip and not sentence.is_question:
                used.update(_implied(key))
                marks.good(hit.start, hit.end, "专业术语 / right term")
    slips = [(m.start(), m.end(), "不存在的术语 / no such term") for m in _INVENTED.finditer(reading.text)]
    slips = [s for s in slips if not is_negated(reading, s[0], s[1])] + _unit_slips(reading)
    slips += [(*span, "商品名属于另一种药 / the brand of another drug") for span in wrong_brands(reading)]
    for start, end, note in slips:
        marks.bad(start, end, note)
    need = min(ENOUGH_TERMS, len(groups))
    met = sum(bool(group & used) for group in groups)
    value = min(1.0, met / need) * 0.6 ** len(slips) * reading.worth
    return marks.score(value, f"术语 {met}/{need}，误用 {len(slips)} / terms {met} of {need}, slips {len(slips)}")
