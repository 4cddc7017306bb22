"""Entailment by rule: does an answer state what a short statement says?

A sentence entails a statement when enough of its parts (`statement`) are found there with the same polarity and no
contrary figure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

from medeval.clinical.claims import ALL, REST, claims_of
from medeval.clinical.lexicons import Hit, analytes, hits
from medeval.clinical.permission import only_mentions
from medeval.clinical.polarity import is_conditional, is_negated, is_quoted, negations
from medeval.clinical.quantities import Quantity, quantities_of, quantity_stated
from medeval.clinical.reading import Reading, Sentence, Span
from medeval.clinical.statement import Statement, meanings_in, parse_statement, words_in

Placed = TypeVar("Placed", Hit, Quantity)
ENOUGH = 0.7
ENOUGH_STRICT = 0.9
_FAMILIES = frozenset({"glucose", "transaminase"})  # a general name that stands for any of its tests


def _substance(statement: Statement) -> str:
    return analytes()[statement.analyte].substance if statement.analyte else "glucose"


def _direction_stated(reading: Reading, statement: Statement) -> Span | None:
    wanted = next(iter(statement.directions))
    named = any(_same_test(hit.key, statement.analyte) for hit in hits(reading, "analyte"))
    for claim in claims_of(reading):
        rest = wanted == "normal" and (claim.quantity == ALL or (claim.quantity == REST and not named))
        about = claim.analyte == statement.analyte or rest
        related = claim.analyte and statement.analyte and _same_test(claim.analyte, statement.analyte)
        if claim.kind == "direction" and (about or related) and claim.word == wanted:
            if claim.negated == statement.negated:
                return claim.start, claim.end
    return None


def _same_test(one: str, other: str) -> bool:
    known = analytes()
    if one == other or known[one].quantity == known[other].quantity:
        return True
    family = known[one].substance
    return family in _FAMILIES and family in (one, other) and known[other].substance == family


def _exact(reading: Reading, statement: Statement, skip: frozenset[int], conditional: bool) -> Span | None:
    if len(statement.text) < 2:
        return None
    start = reading.text.find(statement.text)
    while start >= 0:
        end = start + len(statement.text)
        inside_number = statement.text[-1].isdigit() and reading.text[end : end + 1].isdigit()
        if (
            not inside_number
            and _stands(reading, start, end, skip, conditional)
            and not is_negated(reading, start, end)
        ):
            return start, end
        start = reading.text.find(statement.text, start + 1)
    return None


def _stands(reading: Reading, start: int, end: int, skip: frozenset[int], conditional: bool) -> bool:
    """Whether the place is a statement of the answer's own, not a question, echo or quotation."""
    sentence = reading.sentence_at(start)
    if sentence.start in skip or sentence.is_question or is_quoted(reading, start, end):
        return False
    return conditional or not is_conditional(reading, start, end)


@dataclass(frozen=True)
class Window:
    """A stretch of the answer with what it holds."""

    sentence: Sentence
    hits: tuple[Hit, ...]
    keys: frozenset[str]
    quantities: tuple[Quantity, ...]
    directions: frozenset[str]

    @cached_property
    def words(self) -> frozenset[str]:
        """Latin stems and character pairs."""
        return words_in(self.sentence.text)


def _shared_out(items: Sequence[Placed], spans: Sequence[Span]) -> Iterator[tuple[Placed, ...]]:
    """Items, sorted by place, that lie in each of the spans, which follow one another."""
    first = 0
    for start, end in spans:
        while first < len(items) and items[first].start < start:
            first += 1
        last = first
        while last < len(items) and items[last].start < end:
            last += 1
        yield tuple(item for item in items[first:last] if item.end <= end)
        first = last


@lru_cache(maxsize=64)
def _all_meanings(reading: Reading) -> tuple[Hit, ...]:
    return tuple(meanings_in(reading))


@lru_cache(maxsize=64)
def _all_keys(reading: Reading) -> frozenset[str]:
    return frozenset(hit.key for hit in _all_meanings(reading))


@lru_cache(maxsize=64)
def _windows(reading: Reading, short: bool) -> tuple[Window, ...]:
    """Clauses for short statements (a direction must stand beside its test), else sentences."""
    spans = reading.clauses if short else [(sentence.start, sentence.end) for sentence in reading.sentences]
    meanings = _shared_out(_all_meanings(reading), spans)
    quantities = _shared_out(quantities_of(reading), spans)
    directions = _shared_out(hits(reading, "direction"), spans)
    return tuple(
        Window(
            Sentence(start, end, reading.text[start:end]), inside, frozenset(hit.key for hit in inside), figures,
            frozenset(hit.key for hit in ways),
        )
        for (start, end), inside, figures, ways in zip(spans, meanings, quantities, directions, strict=True)
    )  # fmt: skip


def _score(statement: Statement, window: Window) -> float:
    """Share of the statement's parts found in the window: meanings, figures and direction weigh 2, words 1."""
    held = len(statement.keys & window.keys)
    if statement.bound(held) < ENOUGH:
        return 0.0
    got = 2.0 * held
    got += 2.0 * bool(statement.directions & window.directions)
    if statement.quantities:
        substance = _substance(statement)
        got += 2.0 * sum(any(quantity_stated(w, q, substance) for q in window.quantities) for w in statement.quantities)
    if (got + statement.loose) / statement.possible < ENOUGH:
        return 0.0
    return (got + statement.weight_of(statement.leftover & window.words)) / statement.possible


def entails(
    reading: Reading, text: str, skip: frozenset[int] = frozenset(), *, conditional: bool = True, strict: bool = False
) -> Span | None:
    """Where `reading` states `text` (indices of evened-out text); None where it does not.

    `skip` holds starts of sentences that do not count (echoes of the question); `conditional` accepts statements made
    under a condition ("如果发热超过 3 天就医"); `strict` wants nearly every part, for statements that must not be made.
    """
    statement = parse_statement(text)
    found = _exact(reading, statement, skip, conditional)
    if found:
        return found
    if statement.is_direction:
        return _direction_stated(reading, statement)
    if not statement.meanings and not statement.quantities and len(statement.words) < 2:
        return None
    if statement.bound(len(statement.keys & _all_keys(reading))) < ENOUGH:
        return None
    for window in _windows(reading, statement.is_short):
        if _score(statement, window) < (ENOUGH_STRICT if strict else ENOUGH):
            continue
        matched = [hit for hit in window.hits if hit.key in statement.keys]
        span = (matched[0].start, matched[-1].end) if matched else (window.sentence.start, window.sentence.end)
        if not _stands(reading, span[0], span[1], skip, conditional):
            continue
        if _turned(statement, window) or (statement.quantities and not _figures_agree(statement, window)):
            continue
        anchor = _anchor(matched)
        negated = is_negated(reading, anchor.start, anchor.end) if anchor else is_negated(reading, *span)
        if not anchor:
            negated = negations(window.sentence.text) % 2 == 1
        same = [hit for hit in matched if anchor and hit.key == anchor.key]
        if strict and any(is_negated(reading, hit.start, hit.end) != negated for hit in same):
            continue
        if negated != statement.negated or (strict and not negated and only_mentions(reading, statement.text, span)):
            continue
        return span
    return None


def _anchor(matched: list[Hit]) -> Hit | None:
    """The meaning whose polarity decides: stopping a drug (its verb negates the drug's name), else the last one."""
    stopping = [hit for hit in matched if hit.key == "stop_drug"]
    return stopping[0] if stopping else matched[-1] if matched else None


def _turned(statement: Statement, window: Window) -> bool:
    """Whether the window holds the opposite of one of the statement's words in its place."""
    said = window.words
    return any(word not in said and not others.isdisjoint(said) for word, others in statement.rivals.items())


def _figures_agree(statement: Statement, window: Window) -> bool:
    """Every figure of the statement stands in the window: a wrong number is never made up for by words."""
    substance = _substance(statement)
    return all(any(quantity_stated(w, q, substance) for q in window.quantities) for w in statement.quantities)
