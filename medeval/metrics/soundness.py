"""soundness: nothing in the answer contradicts textbooks, the case, fixed usage or the answer itself."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from medeval.cases.schema import Case
from medeval.clinical.advice import odd_advice, unusual_advice
from medeval.clinical.case_report import against_case
from medeval.clinical.contradictions import statements
from medeval.clinical.knowledge import Judged, scenes_of
from medeval.clinical.lexicons import hits
from medeval.clinical.reading import Reading, Span, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.own_figures import judged_figures
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import is_description

KEPT = 0.8
"""What each contradiction leaves of the score."""
PROFILE_KEPT = 0.9
"""What each contradiction leaves of every profile: no seed table has a line for it, and no average may hide it."""
UNUSUAL_KEPT, UNUSUAL_PROFILE_KEPT = 0.97, 0.99
"""What an unusual wording leaves: enough to be seen in a comparison, too little to condemn a true sentence."""


@lru_cache(maxsize=256)
def _topic(prompt: str) -> tuple[tuple[str, ...], bool]:
    """The diseases a question speaks of, and whether it names a drug."""
    asked = read(prompt)
    return scenes_of(asked), bool(hits(asked, "drug")) and not is_description(prompt)


def judged_of(case: Case, reading: Reading) -> list[Judged]:
    """Every statement of the answer that can be judged without a key point; what repeats the question is left out."""
    found = [*statements(reading, *_topic(case.prompt)), *judged_figures(case, reading)]
    found += [
        Judged(span, False, "与常理相反的建议 / advice turned on its head", "", False) for span in odd_advice(reading)
    ]
    found += [
        Judged(span, False, "少见的否定建议 / rarely advised against", "", False, sure=False)
        for span in unusual_advice(reading)
    ]
    if is_description(case.prompt):
        found += against_case(reading, read(case.prompt))
    skip = echoes(case, reading)
    return [judged for judged in found if reading.sentence_at(judged.span[0]).start not in skip]


def note_of(judged: Judged) -> str:
    """What is known, and where it is written."""
    return f"{judged.about} · {judged.source}" if judged.source else judged.about


@metric(name="soundness", zh="事实一致", en="Soundness", seed="医疗诊断准确性")
def soundness(case: Case, text: str) -> Score:
    """1 where nothing contradicts textbooks, the case or the answer itself.

    Each contradiction leaves 80 %, each unusual wording 97 %.
    """
    reading = read(text)
    marks = Marks(reading)
    judged = judged_of(case, reading)
    for one in sorted(judged, key=lambda j: (j.right, not j.sure)):
        if one.right:
            marks.good(*one.span, note_of(one))
        elif one.sure:
            marks.bad(*one.span, f"相矛盾 / contradicts · {note_of(one)}")
        else:
            marks.add(*one.span, "note", f"少见的说法，请核对 / unusual, worth checking · {note_of(one)}")
    wrong = _places([one.span for one in judged if not one.right and one.sure])
    unusual = _places([one.span for one in judged if not one.right]) - wrong
    reason = (
        f"可核对的说法 {len(judged)}，矛盾 {wrong}，少见 {unusual}"
        f" / statements that can be checked {len(judged)}, contradictions {wrong}, unusual {unusual}"
    )
    score = marks.score(KEPT**wrong * UNUSUAL_KEPT**unusual, reason)
    return replace(score, keeps=PROFILE_KEPT**wrong * UNUSUAL_PROFILE_KEPT**unusual)


def _places(spans: Sequence[Span]) -> int:
    """How many places the spans make; those that overlap are one fault seen twice."""
    places = reached = 0
    for start, end in sorted(set(spans)):
        places += start >= reached
        reached = max(reached, end)
    return places
