"""Medical names known by their endings: …炎, …切除, -itis, -ectomy; what no word list can hold in full."""

from functools import lru_cache

from medeval.clinical.lexicons import Hit, hits, phrases
from medeval.clinical.reading import Reading

_LISTED = ("concept", "drug", "analyte", "finding")
_JOINTS = frozenset("的了和与及或是在有对为于其该此可以将被把使个种类些做行取选择用疗受")
"""Characters that join words and are in no name."""
STEM = 2  # characters that must stand before a Chinese ending of one; before longer ones one may


@lru_cache(maxsize=256)
def names_by_ending(reading: Reading) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """(diseases, structures and substances; procedures and drugs) beside the words that the lists know.

    `Hit.key` is the name itself. The endings stand in `data/style.yaml`.
    """
    taken = {place for name in _LISTED for hit in hits(reading, name) for place in range(hit.start, hit.end)}
    terms, procedures = (_free(reading, key, taken) for key in ("term", "procedure"))
    return terms, procedures


def _free(reading: Reading, key: str, taken: set[int]) -> tuple[Hit, ...]:
    whole = (_whole(reading.text, hit) for hit in phrases(reading, key))
    return tuple(hit for hit in whole if hit and taken.isdisjoint(range(hit.start, hit.end)))


def _whole(text: str, hit: Hit) -> Hit | None:
    """The ending with the characters before it that belong to the name; None where it stands alone."""
    start = hit.start
    if text[start] >= "\u3400":
        wanted = STEM if hit.end - start == 1 else 0
        most = wanted or 1
        while hit.start - start < most and start and text[start - 1] >= "\u3400" and _joins_not(text[start - 1]):
            start -= 1
        if hit.start - start < wanted:
            return None
    return Hit(start, hit.end, text[start : hit.end])


def _joins_not(character: str) -> bool:
    return character <= "\u9fff" and character not in _JOINTS
