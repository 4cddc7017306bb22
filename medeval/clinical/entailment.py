"""Entailment by rule: does an answer state what a short statement says?

A statement is taken apart into meanings (concepts, drugs, tests), quantities, a direction, a polarity and leftover
words; a sentence entails it when enough of these are found there with the same polarity and no contrary figure.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

from medeval.clinical.claims import ALL, REST, claims_of
from medeval.clinical.lexicons import Hit, analytes, hits
from medeval.clinical.permission import only_mentions
from medeval.clinical.polarity import is_conditional, is_negated, is_quoted, negations
from medeval.clinical.quantities import Quantity, quantities_of, quantity_stated
from medeval.clinical.reading import Reading, Sentence, Span, read
from medeval.clinical.words import opposites

Placed = TypeVar("Placed", Hit, Quantity)
ENOUGH = 0.7
ENOUGH_STRICT = 0.9
_STOP = re.compile(
    r"[的了是在和与或及、,，。;；:()\[\]“”\"'!?/\s]|可以|可能|应该?|需要?|请|您|你|我|以免|进行|一些|一下|如果|若|任何|以及|并|也|都|就|很|为|者|使|会|能|将|及时"
)
_STOP_EN = frozenset(
    "a an the is are was be been of to in on for and or with by as at it this that these those you your can may"
    " should will would avoid avoided avoiding if not no do does from have has any more than also such there their they"
    " when which who".split()
)
_WORD = re.compile(r"[a-z][a-z'-]+|\d+(?:\.\d+)?")
_CJK_RUN = re.compile(r"[\u3400-\u9fff]+")
_FILLER = re.compile(
    r"允许|询问|问清|核实|完全|范围|之?内|水平|结果|指标|数值|轻度|明显|略|稍|有点|处于|自行|擅自|随意|服用|口服|使用"
)
_ABSOLUTE = frozenset("肯定 一定 绝对 必须 必然".split())
_FAMILIES = frozenset({"glucose", "transaminase"})  # a general name that stands for any of its tests
_DIRECTIONS = frozenset({"high", "low", "normal"})


@dataclass(frozen=True)
class Statement:
    """What a statement is made of; `words` are leftover character pairs or Latin stems."""

    text: str
    meanings: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    directions: frozenset[str]
    analyte: str
    negated: bool
    words: tuple[str, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The meanings, without order."""
        return frozenset(self.meanings)

    @cached_property
    def leftover(self) -> frozenset[str]:
        """The leftover words, without order."""
        return frozenset(self.words)

    @cached_property
    def absolute(self) -> frozenset[str]:
        """Leftover words such as "肯定" and "必须", which weigh 2; all others weigh 1."""
        return self.leftover & _ABSOLUTE

    @cached_property
    def possible(self) -> float:
        """Weight of all parts together."""
        return 2.0 * (len(self.meanings) + len(self.quantities) + bool(self.directions)) + self.weight_of(self.leftover)

    @cached_property
    def rivals(self) -> dict[str, frozenset[str]]:
        """Leftover words with those outside the statement that exclude them (左侧, 右侧)."""
        known = opposites()
        return {word: known[word] - self.leftover for word in self.words if word in known}

    def weight_of(self, words: frozenset[str]) -> float:
        """Weight of some of the leftover words."""
        return float(len(words) + len(words & self.absolute))

    def bound(self, keys: frozenset[str]) -> float:
        """The largest share that a text with these meanings can reach."""
        missing = len(self.keys - keys)
        return (self.possible - 2.0 * missing) / self.possible if self.possible else 0.0

    @property
    def is_short(self) -> bool:
        """Whether only one clause may answer for it."""
        return len(self.text) <= 9 and (bool(self.directions) or not self.meanings)

    @property
    def is_direction(self) -> bool:
        """Whether it says just "test X is high/low/normal"."""
        return bool(self.analyte) and len(self.directions) == 1 and not self.words and len(self.meanings) <= 2


def _meanings(reading: Reading) -> list[Hit]:
    """Concepts, then drugs and tests where no concept covers the place."""
    found: list[Hit] = []
    covered = bytearray(len(reading.text))
    for name in ("concept", "drug", "analyte", "finding", "label"):
        for hit in [hit for hit in hits(reading, name) if not any(covered[hit.start : hit.end])]:
            covered[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
            found.append(Hit(hit.start, hit.end, hit.key if name == "concept" else f"{name}:{hit.key}"))
    return sorted(found, key=lambda hit: hit.start)


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "es", "ed", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _leftover(text: str, covered: list[Span]) -> tuple[str, ...]:
    for start, end in covered:
        text = text[:start] + " " * (end - start) + text[end:]
    words = [_stem(word) for word in _WORD.findall(text) if word not in _STOP_EN and len(word) > 2]
    text = _FILLER.sub(" ", text)
    text = re.sub(
        r"不(?:能|要|可|宜|应|得|用|必|会|建议|推荐)?|没有?|未|无|勿|别|切勿|避免|禁用?|非", " ", _STOP.sub(" ", text)
    )
    for run in _CJK_RUN.findall(text):
        words += [run[i : i + 2] for i in range(len(run) - 1)] if len(run) > 1 else []
    return tuple(dict.fromkeys(words))


@lru_cache(maxsize=4096)
def parse_statement(text: str) -> Statement:
    """The parts of a statement."""
    reading = read(text)
    meanings = _meanings(reading)
    quantities = quantities_of(reading)
    directions = frozenset(hit.key for hit in hits(reading, "direction"))
    spans = [(hit.start, hit.end) for hit in (*meanings, *hits(reading, "direction"))]
    outside = reading.text
    for start, end in spans:
        outside = outside[:start] + "＿" * (end - start) + outside[end:]
    spans += [(quantity.start, quantity.end) for quantity in quantities]
    found = hits(reading, "analyte")
    return Statement(
        reading.text.strip(),
        tuple(dict.fromkeys(hit.key for hit in meanings if hit.key not in _DIRECTIONS)),
        quantities,
        directions,
        found[0].key if found else "",
        negations(outside) % 2 == 1,
        _leftover(reading.text, spans),
    )


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
        words = [_stem(word) for word in _WORD.findall(self.sentence.text)]
        for run in _CJK_RUN.findall(self.sentence.text):
            words += [run[i : i + 2] for i in range(len(run) - 1)]
        return frozenset(words)


def _inside(items: tuple[Placed, ...], start: int, end: int) -> tuple[Placed, ...]:
    """Items, sorted by place, that lie in `start:end`."""
    first = bisect_left(items, start, key=lambda item: item.start)
    last = bisect_left(items, end, first, key=lambda item: item.start)
    return tuple(item for item in items[first:last] if item.end <= end)


def _window(reading: Reading, start: int, end: int) -> Window:
    inside = _inside(_all_meanings(reading), start, end)
    directions = frozenset(hit.key for hit in _inside(hits(reading, "direction"), start, end))
    quantities = _inside(quantities_of(reading), start, end)
    text = reading.text[start:end]
    return Window(Sentence(start, end, text), inside, frozenset(h.key for h in inside), quantities, directions)


@lru_cache(maxsize=64)
def _all_meanings(reading: Reading) -> tuple[Hit, ...]:
    return tuple(_meanings(reading))


@lru_cache(maxsize=64)
def _all_keys(reading: Reading) -> frozenset[str]:
    return frozenset(hit.key for hit in _all_meanings(reading))


@lru_cache(maxsize=64)
def _windows(reading: Reading, short: bool) -> tuple[Window, ...]:
    """Clauses for short statements (a direction must stand beside its test), else sentences."""
    spans = reading.clauses if short else [(sentence.start, sentence.end) for sentence in reading.sentences]
    return tuple(_window(reading, start, end) for start, end in spans)


def _score(statement: Statement, window: Window) -> float:
    """Share of the statement's parts found in the window: meanings, figures and direction weigh 2, words 1."""
    if statement.bound(window.keys) < ENOUGH:
        return 0.0
    got = 2.0 * len(statement.keys & window.keys)
    got += 2.0 * bool(statement.directions & window.directions)
    if statement.quantities:
        substance = _substance(statement)
        got += 2.0 * sum(any(quantity_stated(w, q, substance) for q in window.quantities) for w in statement.quantities)
    if (got + statement.weight_of(statement.leftover)) / statement.possible < ENOUGH:
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
    if statement.bound(_all_keys(reading)) < ENOUGH:
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
