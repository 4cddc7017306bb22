"""Graded entailment: how far an answer supports a statement, and how far it speaks against it.

The words of the statement are looked for sentence by sentence, weighed by how much they tell; a word whose clause is
denied in one and not in the other hardly counts, a figure counts only with its value and unit.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.quantities import Quantity, quantities_of, quantity_stated
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.stance import stance
from medeval.clinical.units import convert
from medeval.clinical.words import FIGURE, kinds, opposites, without_asking, words_of

ASKED = 0.15  # what a word weighs that the question holds already
DENIED = 0.3  # what a word counts whose clause has the other polarity
MEMBER = 0.7  # what a narrower word counts
MIX = 0.75  # of the best sentence; the rest is what all sentences hold together
BREADTH = 0.1  # what support by further sentences adds
ALONE = 0.5
SAME_THING = 0.7  # from here on a sentence is about the same thing, so that another polarity contradicts
NEAR = 0.15  # a sentence so much less alike than the most alike one is about something else


@dataclass(frozen=True)
class Support:
    """`degree` of support and of `contradiction`, both in [0, 1], and the sentence that decides (evened-out text)."""

    degree: float
    contradiction: float
    span: Span


@dataclass(frozen=True)
class Line:
    """One sentence of an answer: its words by key (1 affirmed, 2 denied, 3 both) and its figures."""

    start: int
    end: int
    words: dict[str, int]
    figures: tuple[Quantity, ...]
    text: str


@dataclass(frozen=True)
class Wanted:
    """A statement's words as (key, weight, sign as in `Line`), its figures, and the weight of all.

    `half` is what contradiction is measured against, the mean of `total` and the same without the question's discount;
    `halves` are its parts. `places` says where a word stands in `words`; `narrower` and `excluded` name for some words,
    by place, those that it includes and those outside the statement that exclude it.
    """

    words: tuple[tuple[str, float, int], ...]
    figures: tuple[Quantity, ...]
    total: float
    stance: float
    half: float
    halves: tuple[float, ...]
    places: dict[str, int]
    narrower: tuple[tuple[int, frozenset[str]], ...]
    excluded: tuple[tuple[int, frozenset[str]], ...]


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
        stop = bisect_left(starts, sentence.end, i)
        for _, _, key, _, denied in words[i:stop]:
            signs[key] = signs.get(key, 0) | (2 if denied else 1)
        i, first = stop, j
        while j < len(figures) and figures[j].start < sentence.end:
            j += 1
        plain = sentence.text.strip(" \n。.;；!！-*•·")
        if sentence.start in skip or plain in seen or not (signs or j > first):
            continue
        seen.add(plain)
        found.append(Line(sentence.start, sentence.end, signs, figures[first:j], sentence.text))
    return tuple(found)


@lru_cache(maxsize=512)
def _asked_in(question: str) -> frozenset[str]:
    return frozenset(word.key for word in words_of(read(question)))


@lru_cache(maxsize=4096)
def wanted_of(statement: str, question: str) -> Wanted:
    """What a statement asks for, given the question it belongs to."""
    reading = read(without_asking(statement))
    asked = _asked_in(question)
    found: dict[str, tuple[float, int]] = {}
    full: dict[str, float] = {}
    for word in words_of(reading):
        full[word.key] = max(word.weight, full.get(word.key, 0.0))
        weight = word.weight * (ASKED if word.key in asked else 1.0)
        sign = found.get(word.key, (0.0, 0))[1] | (2 if word.denied else 1)
        found[word.key] = (max(weight, found.get(word.key, (0.0, 0))[0]), sign)
    figures = quantities_of(reading)
    words = tuple((key, weight, sign) for key, (weight, sign) in found.items())
    total = sum(weight for _, weight, _ in words) + FIGURE * len(figures)
    half = 0.5 * (total + sum(full.values()) + FIGURE * len(figures))
    halves = tuple(0.5 * (weight + whole) for (_, weight, _), whole in zip(words, full.values(), strict=True))
    places = {key: place for place, key in enumerate(found)}
    narrower = tuple((place, frozenset(kinds()[key])) for key, place in places.items() if key in kinds())
    excluded = tuple((place, opposites()[key] - found.keys()) for key, place in places.items() if key in opposites())
    return Wanted(words, figures, total, stance(reading.text), half, halves, places, narrower, excluded)


def _stated(line: Line, wanted: Quantity) -> bool:
    return any(quantity_stated(figure, wanted) for figure in line.figures)


def _shared(wanted: Wanted, line: Line) -> list[int]:
    """Places of the statement's words that a sentence holds, in order."""
    places = wanted.places
    return sorted([places[key] for key in places.keys() & line.words.keys()])


def _counts(wanted: Wanted, line: Line, shared: list[int]) -> list[tuple[int, float]]:
    """What each part of the statement that a sentence holds counts there, by its place; figures behind words."""
    words, signs = wanted.words, line.words
    counts = [(place, 1.0 if signs[words[place][0]] & words[place][2] else DENIED) for place in shared]
    wider = [(place, found) for place, members in wanted.narrower if (found := members & signs.keys())]
    for place, members in wider:
        if words[place][0] not in signs:
            agreed = any(signs[member] & words[place][2] for member in members)
            counts.append((place, MEMBER if agreed else DENIED * MEMBER))
    if wider:
        counts.sort()
    if line.figures:
        counts += [(place, 1.0) for place, figure in enumerate(wanted.figures, len(words)) if _stated(line, figure)]
    return counts


def support(reading: Reading, statement: str, question: str = "", skip: frozenset[int] = frozenset()) -> Support:
    """How far `reading` supports `statement`; words of `question` tell little, sentences at `skip` nothing."""
    wanted = wanted_of(statement, question)
    lines = lines_of(reading, skip)
    if not wanted.total or not lines:
        return Support(0.0, 0.0, (0, 0))
    weights = [weight for _, weight, _ in wanted.words] + [FIGURE] * len(wanted.figures)
    best, at, missed = 0.0, lines[0], 1.0
    most = [0.0] * len(weights)
    sides: list[tuple[float, float]] = []
    for line in lines:
        shared = _shared(wanted, line)
        if not (shared or wanted.narrower or line.figures):
            continue
        counts = _counts(wanted, line, shared)
        share = 0.0
        for place, count in counts:
            share += weights[place] * count
            if count > most[place]:
                most[place] = count
        share /= wanted.total
        if share <= 0.0:
            continue
        missed *= 1.0 - ALONE * share
        if share > best:
            best, at = share, line
        sides.append(_against(wanted, line, shared))
    nearest = max((alike for alike, _ in sides), default=0.0) - NEAR
    against = max((contrary for alike, contrary in sides if alike >= nearest), default=0.0)
    figures = most[len(wanted.words) :]
    everywhere = sum(weight * m for weight, m in zip(weights, most, strict=True))
    core = MIX * best + (1 - MIX) * everywhere / wanted.total
    if figures and not all(figures):
        core *= 0.5 + 0.5 * sum(figures) / len(figures)
    degree = (1 - BREADTH) * core + BREADTH * (1 - missed) / ALONE * (1 - ALONE / 2)
    return Support(
        max(0.0, min(1.0, degree) * (1 - against)),
        max((contrary for _, contrary in sides), default=0.0),
        (at.start, at.end),
    )


def _against(wanted: Wanted, line: Line, shared: list[int]) -> tuple[float, float]:
    """How far a sentence speaks of the same thing, and how clearly it says the opposite."""
    if not shared:
        return 0.0, 0.0
    halves, signs, words = wanted.halves, line.words, wanted.words
    clash = 0.0
    for place, others in wanted.excluded:
        if halves[place] > clash and place not in shared and not others.isdisjoint(signs.keys()):
            clash = halves[place]
    for figure in wanted.figures if line.figures else ():
        rival = [f for f in line.figures if _rivals(f, figure)]
        if rival and not any(quantity_stated(f, figure) for f in line.figures):
            clash = max(clash, FIGURE)
    held = sum([halves[place] for place in shared])
    alike = min(1.0, (held + clash) / wanted.half)
    if not alike:
        return 0.0, 0.0
    turned = 0.0
    if alike >= SAME_THING and held:
        turned = sum([halves[place] for place in shared if not signs[words[place][0]] & words[place][2]]) / held
    sides = max(0.0, -wanted.stance * stance(line.text)) if wanted.stance else 0.0
    return min(1.0, held / wanted.half), alike * max(sides, turned, float(clash > 0 and held > 0))


def _rivals(one: Quantity, other: Quantity) -> bool:
    """Whether two figures can stand for the same thing: one unit, or one number with another unit of the same kind."""
    if not (one.unit and other.unit) or one.kind != other.kind:
        return False
    return one.unit == other.unit or (one.values == other.values and convert(1.0, one.unit, other.unit) is not None)
