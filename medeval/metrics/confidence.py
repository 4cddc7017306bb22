"""diagnosis_confidence: committed where the facts allow it, open where they do not."""

import re
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.claims import claims_of
from medeval.clinical.lexicons import Hit, concept_kind, hits, phrases
from medeval.clinical.polarity import is_conditional, is_negated, mood
from medeval.clinical.reading import Reading, read
from medeval.metrics.images import image_alignment
from medeval.metrics.interpretation import latest_interpretation
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import is_asked, meanings_of

SHOWN = 4
NAME = 12  # characters: a key point this short that names a disease is that name
_CAUSE = re.compile(
    r"诊断|鉴别|病因|原因|考虑|可能(?:是|为|由|有|患)|疑似|怀疑|提示|引起|导致|排除|诱因"
    r"|diagnos|cause|due to|sign of|suggest|(?:may|might|could) be\b|result of|rule out|suspect|consider"
)
_LIKELY = re.compile(r"最?可能的?$|初步$|首先$|拟$|临床$")
_GROUNDS = re.compile(r"依据|支持|符合|根据|因为|理由")
GROUNDS = 120
"""Characters behind a diagnosis in which its grounds are given."""
_CONFIRMING = frozenset({"test", "followup"})


@lru_cache(maxsize=2048)
def _conditions(text: str) -> frozenset[str]:
    return frozenset(hit.key for hit in hits(read(text), "concept") if concept_kind(hit.key) == "condition")


def _named_conditions(case: Case) -> tuple[set[str], set[str]]:
    """Diseases that the key points name and the question does not: as a diagnosis or cause, and in any way."""
    options = [o for s in case.expect.must_have for o in (s.any if isinstance(s, AnyOf) else [s])]
    causes = [option for option in options if len(option) <= NAME or _CAUSE.search(option.lower())]
    asked = _conditions(case.prompt)
    expected, named = ({key for option in some for key in _conditions(option)} - asked for some in (causes, options))
    return expected, named


def _committed(case: Case, text: str, reading: Reading) -> bool:
    """Whether the figures or the image are read out, and not wrongly."""
    if case.expect.image_findings is not None:
        return (image_alignment(case, text).value or 0.0) > 0.3
    value = latest_interpretation(case, text).value
    return bool(claims_of(reading)) and value is not None and value > 0.3


def _grounded(reading: Reading, hit: Hit) -> bool:
    """Whether a diagnosis that is stated outright is called the likeliest, or its grounds follow."""
    if not reading.text.startswith(("诊断", "确诊"), hit.start):
        return False
    likely = _LIKELY.search(reading.text, max(0, hit.start - 6), hit.start)
    return bool(likely or _GROUNDS.search(reading.text, hit.end, hit.end + GROUNDS))


def _manner(reading: Reading, skip: frozenset[int]) -> tuple[list[Hit], list[Hit], list[Hit]]:
    """What is asserted without ground, hedged or to be confirmed, and evaded; sentences at `skip` aside."""

    def kept(key: str) -> list[Hit]:
        return [h for h in phrases(reading, key) if reading.sentence_at(h.start).start not in skip]

    absolute = [
        h
        for h in kept("absolute")
        if not is_negated(reading, h.start, h.end)
        and not is_conditional(reading, h.start, h.end)
        and not _grounded(reading, h)
    ]
    hedges = kept("hedge")
    for hit in hits(reading, "concept"):
        if len(hedges) >= SHOWN:
            break
        if concept_kind(hit.key) in _CONFIRMING and mood(reading, hit.start, hit.end) == "affirmed":
            hedges.append(hit)
    return absolute, hedges, kept("evasive")


@metric(
    name="diagnosis_confidence",
    zh="诊断置信度",
    en="Diagnosis confidence",
    seed="诊断置信度：明确的诊断相关词汇、专业分析判断；避免武断",
)
def diagnosis_confidence(case: Case, text: str) -> Score:
    """Figures or an image: 0.6 a right commitment, 0.4 how to confirm it; symptoms: 0.5 a cause named, 0.5 hedged.

    Assertion without ground costs 0.5, evasion 0.3; where a disease is spoken of but no diagnosis asked, only these.
    """
    has_figures = (
        any(is_asked(case, meaning.target) for meaning in meanings_of(case)) or case.expect.image_findings is not None
    )
    expected, diseases = (set(), set()) if has_figures else _named_conditions(case)
    if not has_figures and not diseases:
        return Score.unscored("本例不要求诊断判断 / the case asks for no diagnosis")
    reading = read(text)
    marks = Marks(reading)
    absolute, hedges, evasive = _manner(reading, echoes(case, reading))
    for hit in absolute:
        marks.bad(hit.start, hit.end, "武断 / assertive without ground")
    for hit in evasive:
        marks.bad(hit.start, hit.end, "回避判断 / evasive")
    for hit in hedges[:SHOWN]:
        marks.good(hit.start, hit.end, "说明如何核实或留有余地 / hedged or to be confirmed")
    named = [
        h
        for h in hits(reading, "concept")
        if h.key in expected and mood(reading, h.start, h.end) in ("affirmed", "hypothetical")
    ]
    for hit in named[:4]:
        marks.good(hit.start, hit.end, "给出可能诊断 / a cause named")
    committed = _committed(case, text, reading) if has_figures else bool(named)
    share = 0.6 if has_figures else 0.5
    value = share * committed + (1 - share) * bool(hedges)
    reason = f"{'有' if committed else '无'}判断，{'有' if hedges else '无'}核实"
    reason += f" / {'a' if committed else 'no'} judgement, {'a' if hedges else 'no'} way to confirm it"
    if not has_figures and not expected:
        value = bool(reading.text.strip())
        reason = "不问诊断，只看武断与回避 / no diagnosis asked: only assertion and evasion count"
    value -= 0.5 * bool(absolute) + 0.3 * bool(evasive)
    return marks.score(value, reason + (" · 武断 / assertive" if absolute else ""))
