"""A statement and the sentences of an answer as words with weights and polarity, ready to be compared."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from medeval.clinical.quantities import Quantity, quantities_of
from medeval.clinical.reading import Reading, read
from medeval.clinical.words import FIGURE, Word, kinds, opposites, without_asking, words_of

_CLAUSE = re.compile(r"[^，,;；:：。]+")
_PART = re.compile(r"[、，；：（）]|(?<=[^ -~])[;:()]|;\s|包括|例如|以及|涵盖")
ASKED = 0.15  # what a word weighs that the question holds already
NEARBY = 4  # characters within which a word stands beside another


@dataclass(frozen=True)
class Line:
    """One sentence of an answer: its words by key (1 affirmed, 2 denied, 3 both) and its figures.

    `words` go by the clause, `meant` by the reach of the negating word: to count less a word needs the first, to speak
    against a statement the second. `heads` are the words that come first behind a negating word: what is denied.
    """

    start: int
    end: int
    words: dict[str, int]
    meant: dict[str, int]
    figures: tuple[Quantity, ...]
    text: str
    said: tuple[Word, ...]
    heads: frozenset[str]

    @cached_property
    def clauses(self) -> list[tuple[str, frozenset[str]]]:
        """Every clause and its words."""
        return clauses_of(self.text, self.said, self.start)


@dataclass(frozen=True)
class Wanted:
    """A statement's words as (key, weight, sign as in `Line`), its figures, and the weight of all.

    `half` is what contradiction is measured against, the mean of `total` and the same without the question's discount;
    `halves` are its parts. `places` says where a word stands in `words`. By place `narrower` names the words that some
    include, and `excluded` those outside the statement that exclude some, with the words beside these: what rises.
    `parts` counts the items of a list and the clauses: for each word, then each figure, the part it stands in. `heads`
    as in `Line`.
    """

    text: str
    clauses: list[tuple[str, frozenset[str]]]
    words: tuple[tuple[str, float, int], ...]
    figures: tuple[Quantity, ...]
    total: float
    half: float
    halves: tuple[float, ...]
    places: dict[str, int]
    narrower: tuple[tuple[int, frozenset[str]], ...]
    excluded: tuple[tuple[int, frozenset[str], frozenset[str]], ...]
    parts: tuple[int, ...]
    heads: frozenset[str]


@lru_cache(maxsize=512)
def lines_of(reading: Reading, skip: frozenset[int]) -> tuple[Line, ...]:
    """Sentences with their words; the same sentence counts once however often it is said."""
    words, figures = words_of(reading), quantities_of(reading)
    starts = [start for start, *_ in words]
    found: list[Line] = []
    seen: set[str] = set()
    i = j = 0
    for sentence in reading.sentences:
        signs: dict[str, int] = {}
        meant: dict[str, int] = {}
        stop = bisect_left(starts, sentence.end, i)
        words_here = words[i:stop]
        for _, _, key, _, denied, sign in words_here:
            signs[key] = signs.get(key, 0) | (2 if denied else 1)
            meant[key] = meant.get(key, 0) | sign
        i, first = stop, j
        while j < len(figures) and figures[j].start < sentence.end:
            j += 1
        plain = sentence.text.strip(" \n。.;；!！-*•·")
        if sentence.start in skip or plain in seen or not (signs or j > first):
            continue
        seen.add(plain)
        found.append(
            Line(
                sentence.start,
                sentence.end,
                signs,
                meant,
                figures[first:j],
                sentence.text,
                words_here,
                _heads(words_here),
            )
        )
    return tuple(found)


@lru_cache(maxsize=512)
def _asked_in(question: str) -> frozenset[str]:
    return frozenset(word.key for word in words_of(read(question)))


@lru_cache(maxsize=4096)
def wanted_of(statement: str, question: str) -> Wanted:
    """What a statement asks for, given the question it belongs to."""
    reading = read(without_asking(statement))
    said = words_of(reading)
    asked = _asked_in(question)
    found: dict[str, tuple[float, int]] = {}
    full: dict[str, float] = {}
    for word in said:
        full[word.key] = max(word.weight, full.get(word.key, 0.0))
        weight = word.weight * (ASKED if word.key in asked else 1.0)
        sign = found.get(word.key, (0.0, 0))[1] | word.sign
        found[word.key] = (max(weight, found.get(word.key, (0.0, 0))[0]), sign)
    figures = quantities_of(reading)
    words = tuple((key, weight, sign) for key, (weight, sign) in found.items())
    total = sum(weight for _, weight, _ in words) + FIGURE * len(figures)
    half = 0.5 * (total + sum(full.values()) + FIGURE * len(figures))
    halves = tuple(0.5 * (weight + whole) for (_, weight, _), whole in zip(words, full.values(), strict=True))
    places = {key: place for place, key in enumerate(found)}
    narrower = tuple((place, frozenset(kinds()[key])) for key, place in places.items() if key in kinds())
    excluded = tuple(
        (place, opposites()[key] - found.keys(), _beside(reading.text, said, key))
        for key, place in places.items()
        if key in opposites()
    )
    cuts = [match.end() for match in _PART.finditer(reading.text)]
    starts = [next(word.start for word in said if word.key == key) for key in found] + [f.start for f in figures]
    parts = tuple(bisect_right(cuts, start) for start in starts)
    clauses = clauses_of(reading.text, said)
    return Wanted(
        reading.text, clauses, words, figures, total, half, halves, places, narrower, excluded, parts, _heads(said)
    )


def _heads(said: Sequence[Word]) -> frozenset[str]:
    pairs = zip([None, *said], said, strict=False)
    return frozenset(word.key for before, word in pairs if word.sign == 2 and (before is None or before.sign != 2))


def clauses_of(text: str, said: Sequence[Word], start: int = 0) -> list[tuple[str, frozenset[str]]]:
    """The clauses of a text, each with the words of `said`, counted from `start`, that stand in it."""
    spans = [(match.group(), start + match.start(), start + match.end()) for match in _CLAUSE.finditer(text)]
    return [(clause, frozenset(w.key for w in said if first <= w.start < stop)) for clause, first, stop in spans]


def _beside(text: str, said: Sequence[Word], key: str) -> frozenset[str]:
    """The words that stand beside a word of a statement in one item of a list: what rises, what is safe."""
    return frozenset(
        other.key
        for word in said
        if word.key == key
        for other in said
        if other.key != key and other.start - NEARBY <= word.end and word.start - NEARBY <= other.end
        if "、" not in text[min(word.end, other.end) : max(word.start, other.start)]
    )
