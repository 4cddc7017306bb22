"""Words of a text with what they weigh, and whether the clause they stand in denies them.

Concepts, drugs and tests are one word whatever their wording; English words come in a base form; Chinese runs that no
list knows become pairs of characters. Weights stand for how much a word tells; the lists are in `data/words.yaml`.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.lexicons import hits
from medeval.clinical.polarity import cues
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import Reading, read

COMMON, PLAIN, KNOWN, FIGURE = 0.35, 1.0, 1.3, 2.0
ASIDE = 0.4  # a gloss in brackets, or an example behind "such as"
GENERIC = 0.7
STEM = 7  # letters of an English word that tell it from others: prevention, preventive; metabolic, metabolism
_WORD = re.compile(r"[a-z][a-z'/-]*[a-z0-9]|\d+(?:\.\d+)?|[\u3400-\u9fff]+")
_ENDINGS = (
    ("iness", "y"), ("ically", "ic"), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"),
    ("xes", "x"), ("oes", "o"), ("ings", ""), ("ing", ""), ("ations", "at"), ("ation", "at"), ("ated", "at"),
    ("ate", "at"), ("ed", ""), ("ly", ""), ("'s", ""), ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""),
)  # fmt: skip
_ASIDE = re.compile(r"\([a-z][a-z ,/-]{2,40}\)")
_GLOSSED = re.compile(r"([a-z][a-z-]{3,})\s?\(\s?([a-z][a-z, -]{2,60})\)")
_EXAMPLES = re.compile(r"\b(?:such as|including|like|e\.g\.,?) [^.;]*")
_CLAUSE_EN = re.compile(r"[,;:.!?()\n]\s|\b(?:but|however|although|though|while|whereas|because|unless|which|yet)\b")


@dataclass(frozen=True, slots=True)
class Word:
    """`key` is the same for words of one meaning; `denied` = its clause holds an odd number of negating words."""

    start: int
    end: int
    key: str
    weight: float
    denied: bool


@dataclass(frozen=True)
class _Lists:
    stop: frozenset[str]
    common: frozenset[str]
    groups: dict[str, str]
    generic: frozenset[str]
    asking: re.Pattern[str]
    common_pairs: frozenset[str]


def base_form(word: str) -> str:
    """The base form of an English word by its ending ("studies" → "study", "walking" → "walk")."""
    for ending, new in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: len(word) - len(ending)] + new
            if ending in ("ing", "ed", "ings") and len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    word = word[:-1] if word.endswith("e") and len(word) > 4 else word
    return word.replace("-", "")[:STEM]


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    data = read_data("words.yaml")
    english, chinese = data["english"], data["chinese"]
    stop = frozenset(english["stop"].split())
    common = frozenset(base_form(word) for word in english["common"].split())
    groups = {base_form(str(w)): key for key, words in english["groups"].items() for w in words if " " not in str(w)}
    asking = sorted(chinese["asking"].split(), key=len, reverse=True)
    pairs = frozenset(w[i : i + 2] for w in chinese["common"].split() for i in range(len(w) - 1))
    return _Lists(stop, common, groups, frozenset(english["generic"].split()), re.compile("|".join(asking)), pairs)


@lru_cache(maxsize=8192)
def _english(word: str) -> tuple[str, float] | None:
    """Key and weight of an English word; None for one that tells nothing."""
    lists = _lists()
    if word in lists.stop:
        return None
    base = base_form(word)
    if base in lists.groups:
        key = lists.groups[base]
        return key, COMMON if base in lists.common else GENERIC if key in lists.generic else KNOWN
    return base, COMMON if base in lists.common else min(1.5, PLAIN + 0.06 * max(0, len(word) - 5))


def _meanings(reading: Reading) -> list[tuple[int, int, str]]:
    """Places with a known meaning, without overlaps: groups first, then concepts, drugs, tests and findings."""
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(reading.text))
    for name, prefix in (("group", ""), ("concept", "c:"), ("drug", "d:"), ("analyte", "a:"), ("finding", "f:")):
        for hit in hits(reading, name):
            if not any(taken[hit.start : hit.end]):
                taken[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
                found.append((hit.start, hit.end, prefix + hit.key))
    return sorted(found)


def _denials(reading: Reading) -> tuple[list[int], list[bool]]:
    """Starts of clauses, and whether each holds an odd number of negating words."""
    text = reading.text
    negating, breaks = cues(text)
    starts = sorted({0, *breaks, *(end + 1 for _, end in reading.clauses)})
    if text.isascii():
        starts = sorted({*starts, *(m.end() for m in _CLAUSE_EN.finditer(text))})
    odd = [False] * len(starts)
    for place in negating:
        index = bisect_right(starts, place) - 1
        odd[index] = not odd[index]
    return starts, odd


@lru_cache(maxsize=1024)
def words_of(reading: Reading) -> tuple[Word, ...]:
    """Every telling word of a reading, in order; figures are left to `quantities`."""
    text = reading.text
    starts, odd = _denials(reading)
    found: list[Word] = []

    asides = [m.span() for m in _ASIDE.finditer(text)] + [m.span() for m in _EXAMPLES.finditer(text)]

    def add(start: int, end: int, key: str, weight: float) -> None:
        if asides and any(first < start < last for first, last in asides):
            weight *= ASIDE
        found.append(Word(start, end, key, weight, odd[bisect_right(starts, start) - 1]))

    lists = _lists()
    known = _meanings(reading)
    figures = [(q.start, q.end) for q in quantities_of(reading)]
    blank = text
    for start, end in (*((s, e) for s, e, _ in known), *figures):
        blank = blank[:start] + " " * (end - start) + blank[end:]
    for start, end, key in known:
        add(start, end, key, GENERIC if key in lists.generic else KNOWN)
    for match in _WORD.finditer(blank):
        word, start = match.group(), match.start()
        if word[0] >= "\u3400":
            for i in range(len(word) - 1):
                pair = word[i : i + 2]
                add(start + i, start + i + 2, pair, COMMON if pair in lists.common_pairs else PLAIN)
        elif word[0].isdigit():
            add(start, match.end(), "#" + word, PLAIN)
        elif (known_word := _english(word)) is not None:
            add(start, match.end(), *known_word)
    return tuple(sorted(found, key=lambda w: w.start))


@lru_cache(maxsize=1)
def _drug_groups() -> frozenset[str]:
    return frozenset(read_data("words.yaml")["english"]["drugs"].split())


def _drug_of(word: str) -> str:
    known = _english(word.strip()) if " " not in word.strip() else None
    return known[0] if known and known[0] in _drug_groups() else ""


def wrong_brands(reading: Reading) -> tuple[tuple[int, int], ...]:
    """Places that gloss a drug with the brand of another: "loperamide (Dulcolax)"."""
    found = []
    for match in _GLOSSED.finditer(reading.text):
        drug, brands = _drug_of(match.group(1)), [_drug_of(word) for word in match.group(2).split(",")]
        if drug and any(brand and brand != drug for brand in brands):
            found.append(match.span())
    return tuple(found)


def without_asking(text: str) -> str:
    """A checklist line without the words that ask for content ("明确…", "说明…的重要性")."""
    return _lists().asking.sub("，", text)


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """Words that exclude each other, by key or by Chinese pair."""
    data = read_data("words.yaml")
    found: dict[str, set[str]] = {}
    for language in ("english", "chinese"):
        for one, other in data[language]["opposites"]:
            left, right = _key(str(one)), _key(str(other))
            found.setdefault(left, set()).add(right)
            found.setdefault(right, set()).add(left)
    return {key: frozenset(others) for key, others in found.items()}


def _key(word: str) -> str:
    if word in read_data("words.yaml")["english"]["groups"]:
        return word
    found = words_of(read(word))
    return found[0].key if found else word
