"""A sitting: what one reviewer may see and do. Nothing in a `BlindCase` tells which variant wrote an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from medeval.cases.schema import Turn
from medeval.errors import UsageError
from medeval.review.records import Mark, Place, Rating, ReviewItem, ReviewSpec

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(frozen=True)
class BlindAnswer:
    """One anonymous column: what it says, and the reasoning it showed before, if any."""

    text: str
    thought: str = ""


@dataclass(frozen=True)
class BlindCase:
    """One stop of a sitting as its page gets it: no title (it tells the finding), ids, variants, scores or timings."""

    number: int
    total: int
    prompt: str
    history: tuple[Turn, ...]
    images: tuple[str, ...]
    answers: tuple[BlindAnswer, ...]


def blind_case(item: ReviewItem, place: Place, total: int) -> BlindCase:
    """The case of one place with its answers in the order of its columns, whole."""
    case = item.case
    return BlindCase(
        place.number, total, case.prompt, tuple(case.history), item.images,
        tuple(_answer(item, variant) for variant in place.order),
    )  # fmt: skip


def _answer(item: ReviewItem, variant: str) -> BlindAnswer:
    found = item.cell(variant).answer
    text = "" if found is None else found.text.strip()
    if not text.startswith(_OPEN) or _CLOSE not in text:
        return BlindAnswer(text)
    thought, _, said = text.removeprefix(_OPEN).partition(_CLOSE)
    return BlindAnswer(said.strip(), thought.strip())


def next_open(places: Sequence[Place], rated: Mapping[int, Sequence[Mark]]) -> int | None:
    """Number of the first place without a rating; None where all are rated."""
    return next((place.number for place in places if place.number not in rated), None)


def check_reachable(places: Sequence[Place], rated: Mapping[int, Sequence[Mark]], number: int) -> Place:
    """The place of that number, if the reviewer has come that far; cases are judged one after the other.

    Raises:
        UsageError: there is no such place, or earlier ones are still open.
    """
    first = next_open(places, rated)
    if not 0 <= number < len(places) or (first is not None and number > first):
        raise UsageError("请按顺序评审：前面还有未评的病例 / earlier cases are still open: judge them first")
    return places[number]


def named(places: Sequence[Place], rated: Mapping[int, Sequence[Mark]], reviewer: str) -> list[Rating]:
    """Ratings by variant, for results; never sent to a page of an open sitting."""
    return [
        Rating(reviewer, place.case_id, place.round, dict(zip(place.order, rated[place.number], strict=True)))
        for place in places
        if place.number in rated
    ]


def without(spec: ReviewSpec, left_out: set[str], notes: Sequence[str]) -> ReviewSpec:
    """The same review less those cases, with what its owner was told and decided."""
    kept = tuple(item for item in spec.items if item.case.id not in left_out)
    return replace(spec, items=kept, notes=(*spec.notes, *notes))
