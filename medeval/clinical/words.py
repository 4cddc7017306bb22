"""Words of a text with what they weigh, and whether the clause they stand in denies them.

Concepts, drugs and tests are one word whatever their wording; English words come in a base form; Chinese runs that no
list knows become pairs of characters. Weights stand for how much a word tells; the lists are in `data/words.yaml`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import add, itemgetter
from typing import NamedTuple

from medeval.clinical.data_files import read_data
from medeval.clinical.drugs import drug_classes
from medeval.clinical.lexicons import hits
from medeval.clinical.patterns import Pattern
from medeval.clinical.polarity import cues
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import Reading, read

COMMON, PLAIN, KNOWN, FIGURE = 0.1, 1.0, 1.3, 2.0
ASIDE = 0.4  # a gloss in brackets
STOPPED = "停药"  # the group of 停用
GENERIC = 0.7
DRUG = 2.0  # a drug tells as much as a figure
STEM = 7  # letters of an English word that tell it from others: prevention, preventive; metabolic, metabolism
_ENDINGS = (
    ("iness", "y"), ("ically", "ic"), ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"),
    ("xes", "x"), ("oes", "o"), ("ings", ""), ("ing", ""), ("ations", "at"), ("ation", "at"), ("ated", "at"),
    ("ate", "at"), ("ed", ""), ("ly", ""), ("'s", ""), ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""),
)  # fmt: skip
_PREFIX = re.compile(r"anti|hyper|hypo|inter|gastro|cardio|neuro|immuno|electro|gluco|pharma")


def _between(first: str, without: Iterable[str], last: str) -> str:
    """Ranges of a character set from `first` to `last` that leave out some characters, given in order."""
    ends = [*(c for place in without for c in (chr(ord(place) - 1), chr(ord(place) + 1))), last]
    return "".join(f"{a}-{b}" for a, b in zip([first, *ends[1::2]], ends[::2], strict=True) if a <= b)


_JOINTS = sorted(
    "的了和与及或是在并且也都等者其该而则但就还被把让使之于应需要做会吃将给很更最这那您你我他她它们若如因从以由又再才只均时"
)
"""They join words."""
_CHINESE = _between("\u3400", _JOINTS, "\u9fff")
_WORD = re.compile(rf"[a-z][a-z'/-]*[a-z0-9]|\d+(?:\.\d+)?|[{_CHINESE}]+")
_ASIDE = re.compile(r"\([a-z][a-z ,/-]{2,40}\)")
_GLOSSED = re.compile(r"([a-z][a-z-]{3,})\s?\(\s?([a-z][a-z, -]{2,60})\)")
# "没有血栓证据时|不能抗凝": what is denied of the scene is not denied of what is said of it.
_SCENE_ENDS = re.compile(r"(?<![及同暂随按小平定临])时(?![间候期])|(?<![患或])者(?![，。；、])")
_CLAUSE_EN = Pattern(
    r"[,;:.!?()\n]\s|\b(?:but|however|although|though|while|whereas|because|unless|which|yet)\b"
    r"|\band (?=(?:no|not|never|do|does|did|is|are|was|were|has|have|can|could|may|might|will|would|should|must"
    r"|it|they|you|there)\b)"
)


class Word(NamedTuple):
    """`key` is the same for words of one meaning; `denied` = its clause holds an odd number of negating words.

    `sign` follows the reach of these words: 1 affirmed, 2 denied, 3 where they come only behind it. In a Chinese list
    ("休息、避免同房、复查") what stands before the denied item is not denied with it.
    """

    start: int
    end: int
    key: str
    weight: float
    denied: bool
    sign: int


@dataclass(frozen=True)
class _Lists:
    stop: frozenset[str]
    common: frozenset[str]
    groups: dict[str, str]
    generic: frozenset[str]
    slight: frozenset[str]
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
    word = word.replace("-", "")
    prefix = _PREFIX.match(word)
    return word[: STEM + (prefix.end() - 2 if prefix else 0)]


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    data = read_data("words.yaml")
    english, chinese = data["english"], data["chinese"]
    stop = frozenset(english["stop"].split())
    common = frozenset(base_form(word) for word in english["common"].split())
    groups = {base_form(str(w)): key for key, words in english["groups"].items() for w in words if " " not in str(w)}
    asking = sorted(chinese["asking"].split(), key=len, reverse=True)
    pairs = frozenset(w[i : i + 2] for w in chinese["common"].split() for i in range(len(w) - 1))
    generic, slight = (frozenset(f"{english[k]} {chinese[k]}".split()) for k in ("generic", "slight"))
    return _Lists(stop, common, groups, generic, slight, re.compile("|".join(asking)), pairs)


@lru_cache(maxsize=4096)
def _known_weight(key: str) -> float:
    lists = _lists()
    if key.startswith("d:") or key in _drug_groups():
        return DRUG
    return COMMON if key in lists.slight else GENERIC if key in lists.generic else KNOWN


@lru_cache(maxsize=8192)
def _english(word: str) -> tuple[str, float] | None:
    """Key and weight of an English word; None for one that tells nothing."""
    lists = _lists()
    if word in lists.stop:
        return None
    base = base_form(word)
    if base in lists.groups:
        key = lists.groups[base]
        return key, COMMON if base in lists.common else _known_weight(key)
    return base, COMMON if base in lists.common else min(1.5, PLAIN + 0.06 * max(0, len(word) - 5))


def _meanings(reading: Reading) -> list[tuple[int, int, str]]:
    """Places with a known meaning, without overlaps: groups first, then concepts, drugs, tests and findings."""
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(reading.text))
    for name, prefix in (("group", ""), ("concept", "c:"), ("drug", "d:"), ("analyte", "a:"), ("finding", "f:")):
        for start, end, key in hits(reading, name):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\x01" * (end - start)
                found.append((start, end, prefix + key))
                if name in ("concept", "drug") and reading.text[start - 1 : start] == "停" and not taken[start - 1]:
                    taken[start - 1] = 1
                    found.append((start - 1, start, STOPPED))  # 停华法林 is 停用华法林
    return sorted(found)


def _denials(reading: Reading, known: list[tuple[int, int, str]]) -> tuple[list[int], list[list[int]]]:
    """Starts of clauses, and where each holds negating words.

    A negating word inside a known expression ("without improvement", "not recommended", "stop") belongs to its meaning.
    """
    text = reading.text
    negating, breaks = cues(text)
    if negating:
        taken = bytearray(len(text))
        for start, end, key in known:
            if key:
                taken[start:end] = b"\x01" * (end - start)
        negating = [place for place in negating if not taken[place]]
    starts = sorted({0, *breaks, *(end + 1 for _, end in reading.clauses)})
    if text.isascii():
        starts = sorted({*starts, *(m.end() for m in _CLAUSE_EN.finditer(text))})
    if len(negating) > 1:
        ends = (m.end() for m in _SCENE_ENDS.finditer(text, negating[0], negating[-1]))
        cut = [(end, starts[bisect_right(starts, end) - 1], negating[bisect_left(negating, end) - 1]) for end in ends]
        starts = sorted({*starts, *(end for end, clause, before in cut if clause <= before)})
    held: list[list[int]] = [[] for _ in starts]
    for place in negating:
        held[bisect_right(starts, place) - 1].append(place)
    return starts, held


@lru_cache(maxsize=128)  # whoever asks for them keeps what was made of them
def words_of(reading: Reading) -> tuple[Word, ...]:
    """Every telling word of a reading, in order; figures are left to `quantities`."""
    known, common = _meanings(reading), _lists().common_pairs
    blank = list(reading.text)
    for start, end in (*((s, e) for s, e, _ in known), *((q.start, q.end) for q in quantities_of(reading))):
        blank[start:end] = " " * (end - start)
    found = [(start, end, key, _known_weight(key)) for start, end, key in known if key]
    for match in _WORD.finditer("".join(blank)):
        word, start = match.group(), match.start()
        if word[0] >= "\u3400":
            pairs = enumerate(map(add, word, word[1:]), start)
            found += [(place, place + 2, pair, COMMON if pair in common else PLAIN) for place, pair in pairs]
        elif word[0].isdigit():
            found.append((start, match.end(), "#" + word, PLAIN))
        elif (known_word := _english(word)) is not None:
            found.append((start, match.end(), *known_word))
    found.sort(key=itemgetter(0))
    return _placed(reading, found, *_denials(reading, known))


def _placed(
    reading: Reading, found: list[tuple[int, int, str, float]], starts: list[int], negating: list[list[int]]
) -> tuple[Word, ...]:
    """Words as (start, end, key, weight), in order, with their polarity; in an aside they weigh less."""
    asides = {place for m in _ASIDE.finditer(reading.text) for place in range(m.start() + 1, m.end())}
    begins = [start for start, *_ in found]
    stops = [*(bisect_left(begins, start) for start in starts[1:]), len(found)]
    words: list[Word] = []
    first = 0
    for places, stop in zip(negating, stops, strict=True):
        held = found[first:stop]
        scoped = places and held and held[-1][0] > places[-1]
        denied = len(places) % 2 == 1
        for start, end, key, weight in held:
            if start in asides:
                weight *= ASIDE
            sign = _sign(reading.text, places, start) if scoped else 1 + denied
            words.append(Word(start, end, key, weight, denied, sign))
        first = stop
    return tuple(words)


def _sign(text: str, negating: list[int], place: int) -> int:
    """Polarity of a word: that of its item of a list, of the item before where its own holds no negation."""
    before = bisect_left(negating, place)
    if not before:
        return 3
    opened = text.rfind("、", 0, negating[before - 1])
    return 2 if (before - bisect_left(negating, opened)) % 2 else 1


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
def kinds() -> dict[str, tuple[str, ...]]:
    """A word by key → the keys of narrower ones (a class → its drugs, a system → its organs)."""
    data = read_data("words.yaml")
    found = {k: tuple(v.split()) for part in ("english", "chinese") for k, v in data[part]["kinds"].items()}
    drugs = drug_classes()
    for name in {name for classes in drugs.values() for name in classes} & drugs.keys():
        found["d:" + name] = tuple("d:" + drug for drug, classes in drugs.items() if name in classes and drug != name)
    return found


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
    if any(word in read_data("words.yaml")[language]["groups"] for language in ("english", "chinese")):
        return word
    found = words_of(read(word))
    return found[0].key if found else word
