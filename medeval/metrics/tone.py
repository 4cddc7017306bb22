"""professional_tone: professional words at a fair density, in the register of a written medical answer."""

from medeval.cases.schema import Case
from medeval.clinical.endings import names_by_ending
from medeval.clinical.lexicons import Hit, concept_kind, hits, phrases
from medeval.clinical.reading import Reading, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric

SHORTEST = 10
ENOUGH_PER_100 = 3.0  # distinct professional words per 100 Chinese characters or 400 Latin letters
CASUAL_COST, CASUAL_MOST = 0.15, 0.6
SHARE = 0.5
_PROFESSIONAL = frozenset({"test", "condition", "drug", "warning"})


def _professional(reading: Reading, skip: frozenset[int]) -> dict[tuple[str, str], Hit]:
    """Distinct tests, diseases, drugs, findings and guideline classes with their first place."""
    found: dict[tuple[str, str], Hit] = {}
    for name in ("concept", "drug", "analyte", "finding", "label"):
        for hit in hits(reading, name):
            if name == "concept" and concept_kind(hit.key) not in _PROFESSIONAL:
                continue
            if reading.sentence_at(hit.start).start not in skip:
                found.setdefault((name, hit.key), hit)
    for hit in (hit for names in names_by_ending(reading) for hit in names):
        if reading.sentence_at(hit.start).start not in skip:
            found.setdefault(("name", hit.key), hit)
    return found


@metric(name="professional_tone", zh="专业性", en="Professional tone", seed="专业性评分：专业术语密度")
def professional_tone(case: Case, text: str) -> Score:
    """0.5 density of professional words (full at three per 100 characters), 0.5 register less 0.15 per casual word."""
    reading = read(text)
    length = len(reading.text.strip())
    if length < SHORTEST:
        return Score.unscored("回答过短 / the answer is too short")
    marks = Marks(reading)
    skip = echoes(case, reading)
    terms = _professional(reading, skip)
    casual = phrases(reading, "colloquial")
    written = [hit for hit in phrases(reading, "written") if reading.sentence_at(hit.start).start not in skip]
    for hit in casual:
        marks.bad(hit.start, hit.end, "口语或网络用语 / casual wording")
    for hit in (*list(terms.values())[:8], *written[:4]):
        marks.good(hit.start, hit.end, "专业用语 / professional wording")
    latin = reading.letters > length / 2
    density = len(terms) / max(1.0, length / (400 if latin else 100))
    register = (1.0 if written else 0.7) - min(CASUAL_MOST, CASUAL_COST * len(casual))
    value = SHARE * min(1.0, density / ENOUGH_PER_100) + (1 - SHARE) * (register if terms or written else 0.3)
    return marks.score(
        value * reading.worth,
        f"每百字专业用语 {density:.1f}，口语 {len(casual)} 处"
        f" / {density:.1f} professional words per 100 characters, {len(casual)} casual",
    )
