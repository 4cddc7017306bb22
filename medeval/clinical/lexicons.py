"""Word lists: one pass over an answer finds the words of every list; `data/*.yaml` hold them with their sources.

Longest match wins within a list; Latin words match whole words only.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, read

_ROW_NAME_BEFORE = re.compile(r"^$|[^\u4e00-\u9fff]|[血和及与的]")
_ROW_NAME_AFTER = re.compile(r"\d|[(:≥≤<>↑↓、和及与,，]|为|偏|升高|降低|减低|增高|正常|均|过|\s|轻|略|稍|k|n")
_PLACE = itemgetter(0, 1)
PHRASE_FILES = ("urgency.yaml", "warmth.yaml", "style.yaml")


class Hit(NamedTuple):
    """`start:end` in evened-out text; `key` is what the list calls the word's meaning."""

    start: int
    end: int
    key: str


@dataclass(frozen=True)
class Analyte:
    """A test or measurement; `units` are canonical, the first one the usual."""

    key: str
    zh: tuple[str, ...]
    en: tuple[str, ...]
    units: tuple[str, ...]
    quantity: str
    substance: str
    fact: str


@lru_cache(maxsize=1)
def analytes() -> dict[str, Analyte]:
    """Every analyte by key."""
    return {
        key: Analyte(
            key,
            tuple(entry.get("zh", ())),
            tuple(str(word) for word in entry.get("en", ())),
            tuple(entry["units"]),
            entry["quantity"],
            entry.get("substance", ""),
            entry.get("fact", ""),
        )
        for key, entry in read_data("analytes.yaml").items()
    }


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    return {key: str(entry.get("kind", "")) for key, entry in read_data("concepts.yaml")["concepts"].items()}


def concept_kind(key: str) -> str:
    """The kind a concept is filed under: test, condition, measure, followup, drug, symptom, warning or direction."""
    return _kinds()[key]


def _label_words() -> Iterator[tuple[str, str]]:
    for guideline in read_data("guidelines.yaml")["guidelines"]:
        for cls in guideline["classes"]:
            for field in ("zh", "en", "broader_zh", "broader_en", "if_named"):
                for word in cls.get(field, ()):
                    yield word, word


def _grouped(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, entry in data.items():
        words = entry if isinstance(entry, list) else [*entry.get("zh", ()), *entry.get("en", ())]
        for word in words:
            yield str(word), key


def _sources() -> Iterator[tuple[str, str, str]]:
    """Every word known, as (list, word, key)."""
    for key, analyte in analytes().items():
        for word in (*analyte.zh, *analyte.en):
            yield "analyte", word, key
    for word, key in _grouped(read_data("concepts.yaml")["concepts"]):
        yield "concept", word, key
    for word, key in _grouped(read_data("drugs.yaml")["drugs"]):
        yield "drug", word, key
    for word, key in _grouped(read_data("findings.yaml")["findings"]):
        yield "finding", word, key
    for word, key in _label_words():
        yield "label", word, key
    for word, key in _grouped(read_data("directions.yaml")["directions"]):
        yield "direction", word, key
    for language in ("english", "chinese"):
        for word, key in _grouped(read_data("words.yaml")[language]["groups"]):
            yield "group", word, str(key)
    for word in read_data("words.yaml")["chinese"]["stop"].split():
        yield "group", word, ""
    for name in PHRASE_FILES:
        for key, entry in read_data(name).items():
            for phrase in entry.get("phrases", ()):
                yield f"phrase:{key}", str(phrase), key


@dataclass(frozen=True, eq=False)
class _Words:
    """All words at once: the automaton that finds them, and by number what each stands for.

    `meanings` are (list, key) pairs; `loose` words need no look at their neighbours, since no Latin letter, digit or
    lone character is at their ends.
    """

    automaton: AhoCorasick
    meanings: tuple[tuple[tuple[str, str], ...], ...]
    loose: tuple[bool, ...]


@lru_cache(maxsize=1)
def _words() -> _Words:
    known: dict[str, list[tuple[str, str]]] = {}
    for name, word, key in _sources():
        known.setdefault(read(word).text, []).append((name, key))
    known.pop("", None)
    return _Words(
        # Of the three kinds the one that is fastest on short texts, and it is built in 10 ms.
        AhoCorasick(known, implementation=Implementation.ContiguousNFA, store_patterns=False),
        tuple(tuple(dict.fromkeys(entries)) for entries in known.values()),
        tuple(len(word) > 1 and not word[0].isascii() and not word[-1].isascii() for word in known),
    )


@lru_cache(maxsize=1)
def _patterns() -> dict[str, Pattern]:
    found = {}
    for name in PHRASE_FILES:
        for key, entry in read_data(name).items():
            if entry.get("patterns"):
                found[f"phrase:{key}"] = Pattern("|".join(f"(?:{p})" for p in entry["patterns"]))
    return found


def _whole_word(text: str, start: int, end: int) -> bool:
    first, last = text[start], text[end - 1]
    if end - start == 1 and not first.isascii() and first not in "↑↓":  # 钾, 钠: only as a row name, not inside a word
        return bool(_ROW_NAME_BEFORE.search(text[:start][-1:])) and bool(_ROW_NAME_AFTER.match(text[end : end + 2]))
    if first.isascii() and first.isalnum() and start and text[start - 1].isascii() and text[start - 1].isalpha():
        return False
    if not (last.isascii() and last.isalnum()) or end >= len(text):
        return True
    following = text[end]
    if last.isdigit():
        return not following.isdigit()
    plural = following == "s" and end - start > 3 and not text[end + 1 : end + 2].isalpha()
    return plural or not (following.isascii() and following.isalnum())


def _longest(found: Iterable[tuple[int, int, str]]) -> tuple[Hit, ...]:
    """The longest of overlapping (start, -end, key), the earlier one first."""
    kept: list[Hit] = []
    first = last = -1
    name = ""
    for start, minus, key in sorted(found, key=_PLACE):
        end = -minus
        if end > last:
            if start < last:  # overlaps a longer word that began earlier
                continue
        elif (start, end) != (first, last) or key == name:
            continue
        kept.append(Hit(start, end, key))
        first, last, name = start, end, key
    return tuple(kept)


@lru_cache(maxsize=1024)
def _scan(reading: Reading) -> tuple[dict[str, list[tuple[int, int, str]]], dict[str, tuple[Hit, ...]]]:
    """Words of every list as (start, -end, key), overlapping ones too; and room for the hits of each list."""
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    text, words = reading.text, _words()
    meanings, loose = words.meanings, words.loose
    for number, start, end in words.automaton.find_matches_as_indexes(text, overlapping=True):
        if loose[number] or _whole_word(text, start, end):
            for name, key in meanings[number]:
                found[name].append((start, -end, key))
    return found, {}


def hits(reading: Reading, name: str) -> tuple[Hit, ...]:
    """Words of the list `name` (analyte, concept, drug, finding, label, direction, phrase:…) in reading order."""
    words, known = _scan(reading)
    if name not in known:
        found = words.get(name, [])
        pattern = _patterns().get(name)
        if pattern is not None:
            key = name.removeprefix("phrase:")
            found = [*found, *((match.start(), -match.end(), key) for match in pattern.finditer(reading.text))]
        known[name] = _longest(found) if found else ()
    return known[name]


def phrases(reading: Reading, key: str) -> tuple[Hit, ...]:
    """Hits of the phrase list `key` of `urgency.yaml`, `warmth.yaml` or `style.yaml`."""
    return hits(reading, f"phrase:{key}")
