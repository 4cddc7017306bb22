"""Evidence as it is collected: places in evened-out text become places in the answer as given."""

import re
from functools import lru_cache

from medeval.cases.schema import Case
from medeval.clinical.reading import Reading, read
from medeval.metrics.score import Evidence, EvidenceKind, Score

_PUNCTUATION = str.maketrans("", "", " ，,。；;：:！!？?、.“”\"'()（）\n\t")

_GRADES_ITSELF = re.compile(
    r"^\W*(?:得分|评分|打分|总分|满分|自评|(?:overall |final )?(?:score|rating|grade))"
    r"\s?(?:为|是|of|is)?\s?[::]?\s?[\d满f]"
    r"|要点(?:均|都|全部)已|all key points are (?:met|covered)"
)
MOSTLY = 0.6


class Marks:
    """The evidence of one metric for one answer; the same place is marked once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._found: dict[tuple[int, int], Evidence] = {}

    def add(self, start: int, end: int, kind: EvidenceKind, note: str) -> None:
        """Marks `reading.text[start:end]`; an empty stretch leaves no mark."""
        first, last = self._reading.span(start, end)
        if last > first and (first, last) not in self._found:
            self._found[first, last] = Evidence(first, last, kind, note)

    def good(self, start: int, end: int, note: str) -> None:
        """Marks what earns points."""
        self.add(start, end, "good", note)

    def bad(self, start: int, end: int, note: str) -> None:
        """Marks what costs points."""
        self.add(start, end, "bad", note)

    def score(self, value: float, reason: str, veto: bool = False) -> Score:
        """The score with the evidence in reading order; `value` is clipped to [0, 1]."""
        ordered = tuple(self._found[place] for place in sorted(self._found))
        return Score(round(min(1.0, max(0.0, value)), 4), reason, ordered, veto)


def echoes(case: Case, reading: Reading) -> frozenset[int]:
    """Starts of sentences that no metric rewards: they repeat the question or grade the answer itself.

    An answer that is mostly question counts as nothing else.
    """
    return _echoes(case.prompt, reading)


@lru_cache(maxsize=512)
def _asked(prompt: str) -> str:
    return read(prompt).text.translate(_PUNCTUATION)


@lru_cache(maxsize=1024)
def _echoes(prompt: str, reading: Reading) -> frozenset[int]:
    asked = _asked(prompt)
    found = set()
    repeated = total = 0
    for sentence in reading.sentences:
        plain = sentence.text.translate(_PUNCTUATION)
        total += len(plain)
        inside = plain in asked
        repeated += len(plain) if inside else 0
        if (len(plain) >= 6 and inside) or _GRADES_ITSELF.search(sentence.text):
            found.add(sentence.start)
            repeated += 0 if inside else len(plain)
    if repeated > MOSTLY * total:
        return frozenset(sentence.start for sentence in reading.sentences)
    return frozenset(found)
