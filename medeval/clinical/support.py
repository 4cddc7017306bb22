"""Graded entailment: how far an answer supports a statement, and how far it speaks against it.

The words of the statement are looked for sentence by sentence, weighed by how much they tell; a word whose clause is
denied in one and not in the other hardly counts, a figure counts only with its value and unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from medeval.clinical.opposition import MEMBER, SAME_THING, against
from medeval.clinical.quantities import Quantity, quantity_stated
from medeval.clinical.reading import Reading, Span
from medeval.clinical.statement_words import Line, Wanted, lines_of, wanted_of
from medeval.clinical.words import FIGURE

DENIED = 0.3  # what a word counts whose clause has the other polarity
MIX = 0.75  # of the best sentence for each part of the statement; the rest is what all sentences hold together
BREADTH = 0.1  # what support by further sentences adds
ALONE = 0.5
AGREEING = 0.2  # a sentence that much less alike, and on the statement's side, takes a contradiction back
NEAR = 0.15  # a sentence so much less alike than the most alike one is about something else


@dataclass(frozen=True)
class Support:
    """`degree` of support and of `contradiction`, both in [0, 1], and the sentence that decides (evened-out text)."""

    degree: float
    contradiction: float
    span: Span


def _stated(line: Line, wanted: Quantity) -> bool:
    return any(quantity_stated(figure, wanted) for figure in line.figures)


def _said(wanted: Wanted, lines: Sequence[Line]) -> frozenset[int]:
    """Places of the words with opposites and, behind the words, of the figures that the answer says somewhere."""
    figures = enumerate(wanted.figures, len(wanted.words))
    found = {place for place, figure in figures if any(_stated(line, figure) for line in lines)}
    for place, _, beside in wanted.excluded:
        key = wanted.words[place][0]
        if any(key in keys and beside & keys for line in lines if key in line.words for _, keys in line.clauses):
            found.add(place)
    return frozenset(found)


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
    parts = dict.fromkeys(wanted.parts, 0.0)
    stated = _said(wanted, lines)
    sides: list[tuple[float, float]] = []
    for line in lines:
        shared = _shared(wanted, line)
        if not (shared or wanted.narrower or line.figures):
            continue
        counts = _counts(wanted, line, shared)
        share = 0.0
        here: dict[int, float] = {}
        for place, count in counts:
            part, worth = wanted.parts[place], weights[place] * count
            share += worth
            here[part] = here.get(part, 0.0) + worth
            if count > most[place]:
                most[place] = count
        for part, worth in here.items():
            if worth > parts[part]:
                parts[part] = worth
        share /= wanted.total
        if share <= 0.0:
            continue
        missed *= 1.0 - ALONE * share
        if share > best:
            best, at = share, line
        sides.append(against(wanted, line, shared, stated))
    nearest = max((alike for alike, _ in sides), default=0.0) - NEAR
    opposed = max((contrary for alike, contrary in sides if alike >= nearest), default=0.0)
    agreed = max((alike for alike, contrary in sides if not contrary and alike >= SAME_THING), default=-1.0)
    accused = max((contrary for alike, contrary in sides if alike > agreed + AGREEING), default=0.0)
    figures = most[len(wanted.words) :]
    everywhere = sum(weight * m for weight, m in zip(weights, most, strict=True))
    core = (MIX * sum(parts.values()) + (1 - MIX) * everywhere) / wanted.total
    if figures and not all(figures):
        core *= 0.5 + 0.5 * sum(figures) / len(figures)
    degree = (1 - BREADTH) * core + BREADTH * (1 - missed) / ALONE * (1 - ALONE / 2)
    return Support(
        max(0.0, min(1.0, degree) * (1 - opposed)),
        accused,
        (at.start, at.end),
    )
