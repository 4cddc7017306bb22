"""The plain values of a review: what is judged, one judgement, and where a reviewer stands.

Writing them to disk is `medeval.store.reviews`' business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from medeval.cases.schema import Case, Language, Title
from medeval.errors import UsageError
from medeval.evaluation.records import Cell

Dimension = Literal["correctness", "safety", "completeness", "empathy"]
DIMENSIONS: tuple[Dimension, ...] = ("correctness", "safety", "completeness", "empathy")
SLOTS: dict[Language, str] = {"zh": "甲乙丙丁戊", "en": "ABCDE"}
"""Names of the anonymous columns, from the left, one letter each."""
FEWEST, MOST = 2, len(SLOTS["en"])

Level = Annotated[int, Field(ge=1, le=5)]
# reviews of earlier releases hold one text, in the language of their owner
VariantTitle = Annotated[Title, BeforeValidator(lambda found: Title(zh=found) if isinstance(found, str) else found)]


@dataclass(frozen=True)
class Mark:
    """One answer as one reviewer judged it: four scales from 1 (poor) to 5 (good), a danger flag, a place.

    `rank` is the place of the answer within its case, 1 the best; equal numbers are a tie.
    """

    correctness: Level
    safety: Level
    completeness: Level
    empathy: Level
    rank: Level
    danger: bool = False
    comment: Annotated[str, Field(max_length=4000)] = ""

    def level(self, dimension: Dimension) -> int:
        """The mark on one scale."""
        return int(getattr(self, dimension))


@dataclass(frozen=True)
class ReviewItem:
    """One case with the answers to judge, as they were when the review was made.

    `images` are names of cleaned images (`<sha256>.png`), which tell nothing of who answered.
    """

    case: Case
    cells: tuple[Cell, ...]
    images: tuple[str, ...] = ()

    @property
    def variants(self) -> tuple[str, ...]:
        """Who answered."""
        return tuple(cell.variant for cell in self.cells)

    def cell(self, variant: str) -> Cell:
        """The answer of one variant."""
        return next(cell for cell in self.cells if cell.variant == variant)


@dataclass(frozen=True)
class ReviewSpec:
    """Everything a review consists of; never changed once stored."""

    title: str
    run_id: str
    variants: tuple[str, ...]
    items: tuple[ReviewItem, ...]
    seed: int
    reviewers: tuple[str, ...] = ()
    """Who is asked; empty means whoever opens the link and gives a name."""
    overlap: int = 0
    """How many of the named reviewers see each case; 0 is all of them."""
    repeated: int = 0
    """How many cases each reviewer sees a second time, for the agreement with themselves."""
    titles: dict[str, VariantTitle] = field(default_factory=dict)
    """Names of the variants for people in both languages, shown after the sitting only."""
    notes: tuple[str, ...] = ()
    """What the owner was told and accepted when the review was made."""

    def item(self, case_id: str) -> ReviewItem:
        """The case of that id."""
        return next(item for item in self.items if item.case.id == case_id)


@dataclass(frozen=True)
class Review:
    """A stored review. `join` is the secret under which unnamed reviewers find it."""

    id: str
    created: str
    join: str
    spec: ReviewSpec


@dataclass(frozen=True)
class Place:
    """One stop of a sitting: which case, for the how-manieth time, and the order of its columns."""

    number: int
    case_id: str
    round: int
    order: tuple[str, ...]


@dataclass(frozen=True)
class Seat:
    """One reviewer of one review. `token` is the secret part of their link."""

    token: str
    review_id: str
    reviewer: str
    created: str
    finished: str | None = None


@dataclass(frozen=True)
class Rating:
    """The judgement of one case by one reviewer, variants named: for results only, never for a blind page."""

    reviewer: str
    case_id: str
    round: int
    marks: dict[str, Mark]
    saved: str = ""


@dataclass(frozen=True)
class Change:
    """One row of the history of a place: what was saved or taken back, by whom, when and why. `marks` by column."""

    place: int
    kind: Literal["rating", "withdrawn"]
    marks: tuple[Mark, ...]
    author: str
    reason: str
    saved: str


_Marks = tuple[Mark, ...]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def spec_plain(spec: ReviewSpec) -> dict[str, Any]:
    """JSON-ready form of a ReviewSpec."""
    plain: dict[str, Any] = _adapter(ReviewSpec).dump_python(spec, mode="json")
    return plain


def spec_from(plain: Mapping[str, Any]) -> ReviewSpec:
    """A ReviewSpec from its plain form."""
    spec: ReviewSpec = _adapter(ReviewSpec).validate_python(plain)
    return spec


def marks_plain(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """Marks in the order of the columns, JSON-ready."""
    plain: list[dict[str, Any]] = _adapter(_Marks).dump_python(tuple(marks), mode="json")
    return plain


def marks_from(plain: object, columns: int) -> tuple[Mark, ...]:
    """Marks of one case from what a page sent.

    Args:
        plain: a list with one mapping per column, from the left.
        columns: how many columns the case has.

    Raises:
        UsageError: a mark is missing or out of its range; nothing may be saved.
    """
    try:
        marks: tuple[Mark, ...] = _adapter(_Marks).validate_python(plain)
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        place = where[0] if where and isinstance(where[0], int) and where[0] < MOST else None
        zh, en = ("", "") if place is None else (SLOTS["zh"][place], SLOTS["en"][place])
        name = str(where[-1]) if len(where) > 1 else ""
        raise UsageError(
            f"{zh} {name} 还没有评，或不在 1–5 之内 / {en} {name}: the mark is missing or outside 1 to 5"
        ) from None
    if len(marks) != columns:
        raise UsageError(f"应有 {columns} 列评分 / one mark per column is needed, {columns} in all")
    return marks
