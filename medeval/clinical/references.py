"""What the tables of reference figures say of one figure of an answer: which entries stand beside it and agree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.quantities import Quantity
from medeval.clinical.reading import Reading, read
from medeval.clinical.reference_tables import OPEN, Reference, Verdict, load_references

CLOSE, FAR, BEHIND, SURE = 8, 60, 12, 20
FADING, STEPS, LESSER = 0.3, 4, 0.5
VOTE: dict[str, float] = {"usual": 0.1, "other": 0.1, "impossible": -1.0}
"""What support loses where its word stands far off, and what entries count that do not give the figure.

Finer steps than quarters are not told apart: the tables do not know so exactly.
"""
HEADED, FIRST_COLUMNS = 16, 2
"""Distance at which the heads of a row and column of a table count, and the bars before its second column."""
REACH_ZH, REACH_EN = (44, 16), (100, 44)
"""Characters before and behind a figure in which it is named."""


@lru_cache(maxsize=1)
def _index() -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Words by their first two characters, the longest first, each with the numbers of its entries."""
    found: dict[str, list[int]] = {}
    for number, reference in enumerate(load_references()):
        for word in reference.words:
            found.setdefault(word, []).append(number)
    index: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for word in sorted(found, key=len, reverse=True):
        index.setdefault(word[:2], []).append((word, tuple(dict.fromkeys((*found[word], *_of_its_head(word, found))))))
    return index


def _of_its_head(word: str, found: Mapping[str, Sequence[int]]) -> Iterator[int]:
    """Tests and drugs named by the end of a longer word: 血淀粉酶 is 淀粉酶."""
    for start in range(1, len(word) - 1 if not word.isascii() else 0):
        yield from (n for n in found.get(word[start:], ()) if load_references()[n].of != "references")


def _latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


@lru_cache(maxsize=1024)
def _named_in(text: str) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """(start, end, numbers of entries) of every word of the tables; the longest at each place, whole Latin words."""
    index = _index()
    found: list[tuple[int, int, tuple[int, ...]]] = []
    last = 0
    for start in range(len(text) - 1):
        candidates = index.get(text[start : start + 2])
        if candidates is None or start < last or (start and _latin(text[start]) and _latin(text[start - 1])):
            continue
        for word, numbers in candidates:
            if text.startswith(word, start) and _ends_word(text, start + len(word)):
                last = start + len(word)
                found.append((start, last, numbers))
                break
    return tuple(found)


def _ends_word(text: str, end: int) -> bool:
    if end >= len(text) or not _latin(text[end - 1]) or not _latin(text[end]):
        return True
    return text[end] == "s" and (end + 1 >= len(text) or not _latin(text[end + 1]))


@lru_cache(maxsize=256)
def _topic(prompt: str) -> tuple[frozenset[int], str]:
    """Entries named in the question, and its text."""
    text = read(prompt).text
    return frozenset(n for _, _, numbers in _named_in(text[:400]) for n in numbers), text


def _in_latin(reading: Reading, quantity: Quantity) -> bool:
    """Whether the words before a figure are Latin ones."""
    before = reading.text[max(0, quantity.start - 12) : quantity.start]
    return any(map(_latin, before)) and not any(c >= "\u3400" for c in before)


def _beside(reading: Reading, quantity: Quantity) -> list[tuple[int, int]]:
    """(distance, number) of every entry named in the line beside a figure, within reach."""
    text = reading.text
    back, ahead = REACH_EN if _in_latin(reading, quantity) else REACH_ZH
    sentence = reading.sentence_at(quantity.start)
    line = max(text.rfind("\n", 0, quantity.start) + 1, quantity.start - back)
    if not text[line : quantity.start].strip(" -*:·0123456789.、)("):
        line = max(text.rfind("\n", 0, max(0, line - 1)) + 1, quantity.start - back)
    named = _named_in(text[line : quantity.start])
    headed = [(HEADED, n) for part in _cells(text, quantity.start) for *_, numbers in _named_in(part) for n in numbers]
    end = min(sentence.end, quantity.end + ahead)
    found = [(quantity.start - line - stop, n) for _, stop, numbers in named for n in numbers]
    behind = ((start, n) for start, _, numbers in _named_in(text[quantity.end : end]) for n in numbers)
    return found + headed + [(BEHIND + start, n) for start, n in behind if load_references()[n].of != "assays"]


def _cells(text: str, place: int) -> tuple[str, ...]:
    """Of a figure in a table the head of its column and the first cell of its row; of any other nothing."""
    start = text.rfind("\n", 0, place) + 1
    column = text.count("|", start, place)
    if column < FIRST_COLUMNS:
        return ()
    top = start
    while top and "|" in (above := text[text.rfind("\n", 0, top - 1) + 1 : top]):
        top -= len(above)
    heads = text[top : text.find("\n", top)].split("|")
    first = text[start:place].split("|")[1]
    return (first, heads[column]) if top < start and column < len(heads) else (first,)


def _having(reference: Reference, around: str, asked: str) -> bool:
    return not reference.having or any(word in around or word in asked for word in reference.having)


@lru_cache(maxsize=8192)
def _verdict(number: int, figure: Quantity, near: bool) -> Verdict | None:
    """What an entry says of a figure wherever it stands; the same few figures come again and again."""
    return load_references()[number].verdict(figure, near)


@dataclass(frozen=True)
class Standing:
    """What the tables say of a figure; `strength` of a typical one is 1 where few figures are given, else less."""

    verdict: Verdict
    strength: float = 1.0
    main: bool = False
    """Whether it is one of those that the source names first."""


def standing_of(reading: Reading, quantity: Quantity, prompt: str) -> Standing | None:
    """What the tables say of a figure of an answer to `prompt`; None where they do not speak of it."""
    if not quantity.unit or quantity.kind.startswith("pair"):
        return None
    topic, asked = _topic(prompt)
    near = _beside(reading, quantity)
    figure = Quantity(0, 0, quantity.kind, quantity.values, quantity.comparator, quantity.unit)
    known = load_references()
    around = reading.text[max(0, quantity.start - 160) : quantity.end + 60]
    nearest: dict[str, int] = {}
    distance: dict[int, int] = {}
    for d, n in sorted(near, reverse=True):  # the least of all is written last
        nearest[known[n].of] = d
        distance[n] = d
    numbers = {n for d, n in near if known[n].of == "references" or d == nearest[known[n].of]}
    if "doses" not in nearest:
        numbers |= {n for n in topic if known[n].of == "doses"}
    said: list[tuple[Verdict, float]] = []
    main: list[tuple[int, bool]] = []
    for n in numbers:
        away = distance.get(n, FAR)
        verdict = _verdict(n, figure, away <= CLOSE) if _having(known[n], around, asked) else None
        if verdict == "impossible" and known[n].of == "references" and away > SURE:
            verdict = "other"
        if (
            verdict is None
            and known[n].of == "assays"
            and away <= CLOSE
            and quantity.unit in OPEN
            and _in_latin(reading, quantity)
        ):
            verdict = "usual"
        if verdict is not None:
            first = bool(known[n].main) and verdict == "typical" and known[n].is_main(quantity)
            if known[n].main and away < FAR:
                main.append((away, first))
            strength = 1.0 if first else known[n].strength(quantity.unit) * (LESSER if known[n].main else 1)
            said.append((verdict, strength - FADING * min(1.0, away / FAR)))
    return _together(said, main)


def _together(said: list[tuple[Verdict, float]], main: list[tuple[int, bool]]) -> Standing | None:
    """The strongest support, weaker where another entry knows other figures; else what all entries agree on.

    `main`: whether entries with figures named first name this one, by distance; the nearest decides.
    """
    typical = [strength for verdict, strength in said if verdict == "typical"]
    against = {verdict for verdict, _ in said} & {"other", "impossible"}
    if typical:
        nearest = min(main, default=(0, True))[0]
        first = any(named for away, named in main if away == nearest)
        votes = [VOTE.get(verdict, strength) for verdict, strength in said if not (first and verdict == "impossible")]
        together = (max(typical) + sum(votes) / len(votes)) / 2
        if main and not first:
            together = min(together, LESSER)
        return Standing("typical", round(together * STEPS) / STEPS, bool(main) and first)
    if said and against == {"impossible"} and all(verdict == "impossible" for verdict, _ in said):
        return Standing("impossible")
    if not said:
        return None
    return Standing("other" if all(verdict in against for verdict, _ in said) else "usual")
