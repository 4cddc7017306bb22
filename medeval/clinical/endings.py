"""Medical names known by their endings: …炎, …切除, -itis, -ectomy; what no word list can hold in full."""

from functools import lru_cache

from medeval.clinical.lexicons import Hit, hits, phrases
from medeval.clinical.reading import Reading

_LISTED = ("concept", "drug", "analyte", "finding")


@lru_cache(maxsize=256)
def names_by_ending(reading: Reading) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """(diseases, structures and substances; procedures and drugs) beside the words that the lists know.

    `Hit.key` is the name itself. The endings stand in `data/style.yaml`.
    """
    taken = {place for name in _LISTED for hit in hits(reading, name) for place in range(hit.start, hit.end)}
    terms, procedures = (_free(reading, key, taken) for key in ("term", "procedure"))
    return terms, procedures


def _free(reading: Reading, key: str, taken: set[int]) -> tuple[Hit, ...]:
    found = [hit for hit in phrases(reading, key) if taken.isdisjoint(range(hit.start, hit.end))]
    return tuple(Hit(hit.start, hit.end, reading.text[hit.start : hit.end]) for hit in found)
