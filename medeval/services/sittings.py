"""What a reviewer may see and do, and when: blind until their last case is judged, closed after that."""

import json
from dataclasses import dataclass

from medeval.cases.schema import Title
from medeval.errors import UsageError
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.review.records import Change, Mark, Place, ReviewSpec, Seat, marks_from, marks_plain
from medeval.review.sitting import BlindCase, blind_case, check_reachable, next_open
from medeval.store.reviews import Reviews

LONGEST_NAME = 60
_NO_LINK = "没有这个评审链接，请向发起人索取 / no such review link: ask whoever sent it"


@dataclass(frozen=True)
class Stop:
    """One stop of a sitting as its page may see it, with what the reviewer filled in or saved there."""

    case: BlindCase
    rated: tuple[int, ...]
    marks: tuple[Mark, ...] | None
    draft: str | None
    finished: bool
    complete: bool


@dataclass(frozen=True)
class Revealed:
    """One stop after the sitting: who stood in each column, what the rules said, what the reviewer said."""

    number: int
    title_zh: str
    title_en: str
    variants: tuple[str, ...]
    names: tuple[Title, ...]
    rules: tuple[float | None, ...]
    marks: tuple[Mark, ...]


class Sittings:
    """Every method takes the secret of a seat; who has it is that reviewer."""

    def __init__(self, store: Reviews) -> None:
        self.store = store

    def join(self, join_token: str, reviewer: str) -> Seat:
        """The seat of whoever opened the open link and gave a name; the same name finds the same seat again.

        Raises:
            UsageError: an unknown link, no usable name, or a review for named reviewers only.
        """
        review = self.store.by_join(join_token)
        if review is None or review.spec.reviewers:
            raise UsageError(_NO_LINK)
        return self.store.join(review, clean_name(reviewer))

    def seat(self, token: str) -> Seat:
        """The seat behind a personal link.

        Raises:
            UsageError: there is none.
        """
        found = self.store.seat(token)
        if found is None:
            raise UsageError(_NO_LINK)
        return found

    def stop(self, token: str, number: int | None = None) -> Stop:
        """One stop of a sitting; without a number the first one still open (the last one where all are done)."""
        seat, spec, places, rated = self._sitting(token)
        first = next_open(places, rated)
        if number is None:
            number = len(places) - 1 if first is None else first
        place = check_reachable(places, rated, number)
        shown = blind_case(spec.item(place.case_id), place, len(places))
        draft = self.store.draft(token, number) if seat.finished is None else None
        return Stop(shown, tuple(sorted(rated)), rated.get(number), draft, seat.finished is not None, first is None)

    def keep_draft(self, token: str, number: int, body: str) -> None:
        """Keeps what is filled in so far."""
        _, _, places, rated = self._sitting(token)
        check_reachable(places, rated, number)
        self.store.save_draft(token, number, body)

    def rate(self, token: str, number: int, marks: object, reason: str = "", account: str = "") -> None:
        """Saves the judgement of one case; an earlier one of the same case stays in the history.

        Args:
            token: of the seat.
            number: the stop.
            marks: one mapping per column, from the left.
            reason: why it is changed, where it is.
            account: who is logged in, where the server asks for that.

        Raises:
            UsageError: marks are missing, or earlier cases are open. StoreError: names are revealed already.
        """
        seat, _, places, rated = self._sitting(token)
        place = check_reachable(places, rated, number)
        checked = marks_from(marks, len(place.order))
        # a page that repeats itself after a lost reply adds nothing
        if checked != rated.get(number) or seat.finished is not None:
            self.store.append(token, Change(number, "rating", checked, _author(seat, account), reason[:500], ""))

    def take_back(self, token: str, number: int, reason: str, account: str = "") -> None:
        """Withdraws a saved judgement; it stays in the history, and its marks become the draft.

        Raises:
            UsageError: nothing is saved there. StoreError: names are revealed already.
        """
        seat, _, places, rated = self._sitting(token)
        check_reachable(places, rated, number)
        if number not in rated:
            raise UsageError("这一例还没有保存的评分 / nothing is saved for this case")
        self.store.append(token, Change(number, "withdrawn", rated[number], _author(seat, account), reason[:500], ""))
        self.store.save_draft(token, number, json.dumps(marks_plain(rated[number])))

    def finish(self, token: str) -> None:
        """Closes a sitting after its last case; from now on names may be shown and nothing can be changed.

        Raises:
            UsageError: cases are still open.
        """
        seat, _, places, rated = self._sitting(token)
        if next_open(places, rated) is not None:
            raise UsageError("还有未评的病例，评完才揭晓 / cases are still open: names come after the last one")
        self.store.finish(seat)

    def revealed(self, token: str) -> list[Revealed]:
        """Names and rule scores of a finished sitting.

        Raises:
            UsageError: it is not finished.
        """
        seat, spec, places, rated = self._sitting(token)
        if seat.finished is None:
            raise UsageError("评完最后一例才揭晓 / names are shown after the last case only")
        return [_revealed(spec, place, rated[place.number]) for place in places]

    def _sitting(self, token: str) -> tuple[Seat, ReviewSpec, list[Place], dict[int, tuple[Mark, ...]]]:
        seat = self.seat(token)
        spec = self.store.get(seat.review_id).spec
        return seat, spec, self.store.places(token), self.store.rated(token)


def clean_name(text: str) -> str:
    """A reviewer's name as it is kept: printable, single spaces.

    Raises:
        UsageError: nothing is left of it, or it is too long.
    """
    name = " ".join("".join(char for char in text if char.isprintable()).split())
    if not name or len(name) > LONGEST_NAME:
        raise UsageError(f"请写下评审者姓名（最多 {LONGEST_NAME} 字） / give a name of at most {LONGEST_NAME} letters")
    return name


def _author(seat: Seat, account: str) -> str:
    return f"{seat.reviewer} ({account})" if account and account != seat.reviewer else seat.reviewer


def _revealed(spec: ReviewSpec, place: Place, marks: tuple[Mark, ...]) -> Revealed:
    item = spec.item(place.case_id)
    rules = tuple(item.cell(name).profile(DEFAULT_PROFILE) for name in place.order)
    case = item.case
    names = tuple(spec.titles.get(name, Title(zh=name)) for name in place.order)
    return Revealed(place.number, case.title.text("zh"), case.title.text("en"), place.order, names, rules, marks)
