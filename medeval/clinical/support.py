"""Graded entailment: how far an answer supports a statement, and how far it speaks against it.

The words of the statement are looked for sentence by sentence, weighed by how much they tell; a word whose clause is
denied in one and not in the other hardly counts, a figure counts only with its value and unit.
"""

from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.quantities import Quantity, quantities_of, quantity_stated
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.stance import stance
from medeval.clinical.words import FIGURE, opposites, without_asking, words_of

ASKED = 0.15  # what a word weighs that the question holds already
DENIED = 0.3  # what a word counts whose clause has the other polarity
BREADTH = 0.15
ALONE = 0.5
CLEAR = 0.5
UNCLEAR = 0.7


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


@dataclass(frozen=True)
class Wanted:
    """A statement's words as (key, weight, sign as in `Line`), its figures, and the weight of all.

    `full` are the weights without the question's discount; `half` is what contradiction is measured against, the mean
    of both totals.
    """

    words: tuple[tuple[str, float, int], ...]
    figures: tuple[Quantity, ...]
    total: float
    full: tuple[float, ...]
    stance: float
    denied: bool
    keys: frozenset[str]
    half: float


@lru_cache(maxsize=512)
def lines_of(reading: Reading, skip: frozenset[int]) -> tuple[Line, ...]:
    """Sentences with their words; the same sentence counts once however often it is said."""
    words, figures = words_of(reading), quantities_of(reading)
    found: list[Line] = []
    seen: set[str] = set()
    i = j = 0
    for sentence in reading.sentences:
        signs: dict[str, int] = {}
        while i < len(words) and words[i].start < sentence.end:
            word = words[i]
            signs[word.key] = signs.get(word.key, 0) | (2 if word.denied else 1)
            i += 1
        first = j
        while j < len(figures) and figures[j].start < sentence.end:
            j += 1
        plain = sentence.text.strip(" \n。.;；!！-*•·")
        if sentence.start in skip or plain in seen or not (signs or j > first):
            continue
        seen.add(plain)
        found.append(Line(sentence.start, sentence.end, signs, figures[first:j]))
    return tuple(found)


@lru_cache(maxsize=4096)
def wanted_of(statement: str, question: str) -> Wanted:
    """What a statement asks for, given the question it belongs to."""
    reading = read(without_asking(statement))
    asked = {word.key for word in words_of(read(question))} if question else set()
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
    denied = any(sign == 2 for _, _, sign in words)
    half = 0.5 * (total + sum(full.values()) + FIGURE * len(figures))
    return Wanted(words, figures, total, tuple(full.values()), stance(reading.text), denied, frozenset(found), half)


def _figure(line: Line, wanted: Quantity) -> float:
    return float(any(quantity_stated(figure, wanted) for figure in line.figures))


def _share(wanted: Wanted, line: Line) -> tuple[float, list[float]]:
    """Share of the statement's weight found in a sentence, and what each part counts there.

    A denied statement asks for a denial only of a sentence that is clearly about the same thing.
    """
    counts = []
    total = loose = 0.0
    get = line.words.get
    for key, weight, sign in wanted.words:
        there = get(key, 0)
        count = 0.0 if not there else 1.0 if there & sign else DENIED
        counts.append(count)
        total += weight * count
        loose += weight * (there > 0)
    for figure in wanted.figures:
        count = _figure(line, figure) if line.figures else 0.0
        counts.append(count)
        total += FIGURE * count
        loose += FIGURE * count
    if wanted.denied and loose < CLEAR * wanted.total:
        return UNCLEAR * loose / wanted.total, [UNCLEAR * (count > 0) for count in counts]
    return total / wanted.total, counts


def support(reading: Reading, statement: str, question: str = "", skip: frozenset[int] = frozenset()) -> Support:
    """How far `reading` supports `statement`; words of `question` tell little, sentences at `skip` nothing."""
    wanted = wanted_of(statement, question)
    lines = lines_of(reading, skip)
    if not wanted.total or not lines:
        return Support(0.0, 0.0, (0, 0))
    best, at, missed = 0.0, lines[0], 1.0
    most = [0.0] * (len(wanted.words) + len(wanted.figures))
    against = 0.0
    for line in lines:
        share, counts = _share(wanted, line)
        if share <= 0.0:
            continue
        missed *= 1.0 - ALONE * share
        most = [max(one, other) for one, other in zip(most, counts, strict=True)]
        if share > best:
            best, at = share, line
        against = max(against, _against(wanted, line, reading.text[line.start : line.end]))
    weights = [weight for _, weight, _ in wanted.words] + [FIGURE] * len(wanted.figures)
    everywhere = sum(w * m for w, m in zip(weights, most, strict=True)) / wanted.total
    core = 0.5 * best + 0.5 * everywhere
    figures = most[len(wanted.words) :]
    if figures and not all(figures):
        core *= 0.5 + 0.5 * sum(figures) / len(figures)
    degree = (1 - BREADTH) * core + BREADTH * (1 - missed) / ALONE * (1 - ALONE / 2)
    return Support(max(0.0, min(1.0, degree) * (1 - against)), against, (at.start, at.end))


def _against(wanted: Wanted, line: Line, text: str) -> float:
    """How clearly a sentence that speaks of the same thing says the opposite."""
    shared = clash = 0.0
    get = line.words.get
    excluded, stated = opposites(), wanted.keys
    for (key, weight, _), full in zip(wanted.words, wanted.full, strict=True):
        value = 0.5 * (weight + full)
        if get(key, 0):
            shared += value
        elif any(other in line.words and other not in stated for other in excluded.get(key, ())):
            clash = max(clash, value)
    for figure in wanted.figures:
        rival = [f for f in line.figures if figure.unit and f.unit == figure.unit and f.kind == figure.kind]
        if rival and not any(quantity_stated(f, figure) for f in line.figures):
            clash = max(clash, FIGURE)
    if not shared:
        return 0.0
    other = stance(text)
    sides = max(0.0, -wanted.stance * other)
    return min(1.0, (shared + clash) / wanted.half * max(sides, float(clash > 0)))
