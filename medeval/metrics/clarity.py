"""vagueness, treatment_specificity and information_density: how much an answer says that can be acted on."""

from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.advice import odd_advice
from medeval.clinical.claims import claims_of
from medeval.clinical.endings import names_by_ending
from medeval.clinical.lexicons import Hit, concept_kind, hits, phrases
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import COUNT_UNITS, TIME_UNITS
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import is_description

ENOUGH_FACTS, FEWEST_FACTS = 5, 3
PER_FACT = 25  # characters; three times as many Latin ones
TURNED, TURNED_MOST = 0.1, 0.5  # what each advice turned on its head costs, and all of them at most
_NO_MEASURE = frozenset({"see_doctor", "rest", "lifestyle", "emergency"})
_GENERAL = frozenset({"rest", "diet", "lifestyle", "exercise", "see_doctor", "history", "safety", "confirm"})


@lru_cache(maxsize=512)
def _asked_in(prompt: str) -> frozenset[str]:
    asked = read(prompt)
    return frozenset(hit.key for name in ("concept", "drug", "finding") for hit in hits(asked, name))


@lru_cache(maxsize=256)
def _specifics(reading: Reading, skip: frozenset[int], question: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Distinct concrete items with their first place: figures, tests, drugs, measures, classes, names of any kind.

    What the question names already is no information.
    """
    asked = _asked_in(question)
    found: dict[tuple[str, str], tuple[int, int]] = {}

    def add(kind: str, key: str, start: int, end: int) -> None:
        if reading.sentence_at(start).start not in skip:
            found.setdefault((kind, key), (start, end))

    for quantity in quantities_of(reading):
        if quantity.unit or quantity.kind != "value":
            add("figure", f"{quantity.values}{quantity.unit}", quantity.start, quantity.end)
    for hit in hits(reading, "concept"):
        if hit.key not in _GENERAL | asked and concept_kind(hit.key) != "direction":
            add("concept", hit.key, hit.start, hit.end)
    for hit in (h for h in hits(reading, "drug") if h.key not in asked):
        add("concept" if hit.key in ("ibuprofen", "acetaminophen", "aspirin") else "drug", hit.key, hit.start, hit.end)
    for hit in hits(reading, "finding"):
        add("finding", hit.key, hit.start, hit.end)
    for claim in claims_of(reading):
        add("claim", f"{claim.quantity}{claim.word}", claim.start, claim.end)
    for hit in (hit for names in names_by_ending(reading) for hit in names if hit.key not in question):
        add("name", hit.key, hit.start, hit.end)
    return found


def _enough(reading: Reading) -> int:
    """Concrete items that make an answer of this length concrete."""
    length = len(reading.text.strip()) / (3 if reading.letters > len(reading.text) / 2 else 1)
    return max(FEWEST_FACTS, min(ENOUGH_FACTS, round(length / PER_FACT)))


@metric(name="vagueness", zh="不笼统", en="Not vague", seed="过于模糊笼统: -1.0")
def vagueness(case: Case, text: str) -> Score:
    """1 = concrete. Distinct concrete items, three to five by length, less 0.12 per empty generality (at most 0.6)."""
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    concrete = _specifics(reading, skip, case.prompt)
    empty = phrases(reading, "vague")
    for hit in empty:
        marks.bad(hit.start, hit.end, "笼统 / empty generality")
    for start, end in list(concrete.values())[:12]:
        marks.good(start, end, "具体内容 / concrete")
    value = min(1.0, len(concrete) / _enough(reading)) * (1 - min(0.6, 0.12 * len(empty)))
    value *= reading.worth
    return marks.score(
        value,
        f"具体 {len(concrete)} 项，笼统 {len(empty)} 处 / {len(concrete)} concrete items, {len(empty)} generalities",
    )


def _treatment_wanted(case: Case) -> bool:
    """Whether the question leaves room for care, and a key point, where there are any, names some."""
    if _asks_else(case.prompt):
        return False
    options = [o for s in case.expect.must_have for o in (s.any if isinstance(s, AnyOf) else [s])]
    return not options or any(_is_treatment(option) for option in options)


@lru_cache(maxsize=512)
def _asks_else(prompt: str) -> bool:
    """Whether a question (of a case report its last line) asks for no care but a cause, a diagnosis, a price."""
    asked = [s for s in read(prompt).sentences if s.text.strip()]
    text = asked[-1].text if asked and is_description(prompt) else prompt
    return bool(phrases(read(text), "asks_else")) and not phrases(read(text), "asks_care")


@lru_cache(maxsize=2048)
def _is_treatment(text: str) -> bool:
    reading = read(text)
    kinds = {concept_kind(h.key) for h in hits(reading, "concept")}
    return bool(kinds & {"measure", "followup", "drug"} or hits(reading, "drug"))


def _advice(reading: Reading, skip: frozenset[int]) -> tuple[list[Hit], list[Hit]]:
    measures = [h for h in hits(reading, "concept") if concept_kind(h.key) in ("measure", "followup", "drug", "test")]
    drugs = list(hits(reading, "drug"))
    kept = []
    for hit in measures:
        sentence = reading.sentence_at(hit.start)
        if sentence.start not in skip and not sentence.is_question:
            kept.append(hit)
    return kept, [h for h in drugs if reading.sentence_at(h.start).start not in skip]


@metric(
    name="treatment_specificity",
    zh="治疗具体性",
    en="Treatment specificity",
    seed="治疗具体性：具体药物名称、详细治疗方案、分步骤操作指南",
)
def treatment_specificity(case: Case, text: str) -> Score:
    """Distinct measures, drugs and tests (0.5, up to four), an amount or dose (0.25), a time or interval (0.25)."""
    if case.expect.urgency == "emergency":
        return Score.unscored("急症以急救为治疗，见紧急信号 / in an emergency the treatment is urgent care")
    if not _treatment_wanted(case):
        return Score.unscored("本例不要求治疗建议 / the case asks for no treatment")
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    measures, drugs = _advice(reading, skip)
    distinct = {h.key for h in measures if h.key not in _NO_MEASURE} | {h.key for h in drugs}
    named = [h for h in names_by_ending(reading)[1] if reading.sentence_at(h.start).start not in skip]
    distinct |= {h.key for h in named}
    for hit in (*measures, *drugs, *named)[:16]:
        marks.good(hit.start, hit.end, "具体措施 / named measure")
    amounts = times = 0
    for quantity in quantities_of(reading):
        if reading.sentence_at(quantity.start).start in skip or not quantity.unit:
            continue
        if quantity.unit in TIME_UNITS or quantity.unit in COUNT_UNITS:
            times += 1
            marks.good(quantity.start, quantity.end, "时间或次数 / time or frequency")
        elif quantity.is_reference or quantity.unit in ("mg", "g", "g/day", "mL", "kg", "mg/kg"):
            amounts += 1
            marks.good(quantity.start, quantity.end, "量化目标或剂量 / amount")
    value = 0.5 * min(1.0, len(distinct) / 4) + 0.25 * bool(amounts) + 0.25 * bool(times)
    turned = odd_advice(reading)
    for start, end in turned:
        marks.bad(start, end, "与常理相反的建议 / advice turned on its head")
    value *= 1 - min(TURNED_MOST, TURNED * len(turned))
    value *= reading.worth
    return marks.score(
        value,
        f"措施 {len(distinct)}，剂量 {amounts}，时间 {times}"
        f" / measures {len(distinct)}, amounts {amounts}, times {times}",
    )


@metric(name="information_density", zh="信息密度", en="Information density", seed="信息密度：单位字数内的有效信息量")
def information_density(case: Case, text: str) -> Score:
    """Distinct concrete items per 100 characters (400 Latin letters), full at four; unscored under 10 characters."""
    reading = read(text)
    length = len(reading.text.strip())
    if length < 10:
        return Score.unscored("回答过短 / the answer is too short")
    concrete = _specifics(reading, echoes(case, reading), case.prompt)
    marks = Marks(reading)
    for start, end in list(concrete.values())[:12]:
        marks.good(start, end, "信息 / fact")
    latin = reading.letters > length / 2
    density = len(concrete) / max(1.0, length / (400 if latin else 100))
    return marks.score(
        min(1.0, density / 4) * reading.worth,
        f"每百字 {density:.1f} 项 / {density:.1f} items per 100 characters",
    )
