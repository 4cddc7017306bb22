"""Reviews in the store: seats, the order of columns, append-only ratings, drafts, and what happened when.

`review_ratings` is only ever added to; what counts is the newest row of a place. Meanings are in `medeval.review`.
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from medeval.errors import StoreError
from medeval.review.records import (
    Change,
    Mark,
    Place,
    Rating,
    Review,
    ReviewSpec,
    Seat,
    marks_from,
    marks_plain,
    spec_from,
    spec_plain,
)
from medeval.review.sitting import named
from medeval.review.slots import places_for
from medeval.store.database import Database
from medeval.store.store import Store
from medeval.store.tables import (
    review_drafts,
    review_events,
    review_ratings,
    review_seats,
    review_slots,
    reviews,
)

EventKind = Literal["made", "joined", "finished", "unblinded", "exported"]
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Reviews:
    """Reviews of one store. Every write is on disk when the call returns."""

    def __init__(self, store: Store) -> None:
        self._database: Database = store._database
        self._specs: dict[str, Review] = {}

    def add(self, spec: ReviewSpec, author: str) -> Review:
        """Stores a review, with a seat and the order of columns for every named reviewer."""
        now = datetime.now(UTC)
        review_id = f"r{now:%Y%m%d-%H%M}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"
        review = Review(review_id, now.isoformat(timespec="seconds"), secrets.token_urlsafe(18), spec)
        row = {
            "id": review.id, "created": review.created, "join_token": review.join, "run_id": spec.run_id,
            "spec": json.dumps(spec_plain(spec), allow_nan=False),
        }  # fmt: skip
        with self._database.writing() as connection:
            connection.execute(insert(reviews).values(**row))
            for name in spec.reviewers:
                _seat(connection, review, name)
            _event(connection, review.id, "made", author, "\n".join(spec.notes))
        return review

    def get(self, review_id: str) -> Review:
        """The review of that id.

        Raises:
            StoreError: there is none; the latest ones are named.
        """
        found = self._find(reviews.c.id == review_id)
        if found is None:
            known = ", ".join(item.id for item in self.latest(5)) or "–"
            raise StoreError(
                f"没有盲评 {review_id!r}；最近的有：{known}"
                f" / no such review {review_id!r}; the latest: {known}"
            )
        return found

    def by_join(self, token: str) -> Review | None:
        """The review behind an open link."""
        return self._find(reviews.c.join_token == token)

    def of_run(self, run_id: str) -> list[Review]:
        """Reviews made from a run, newest first."""
        return [item for item in self.latest() if item.spec.run_id == run_id]

    def latest(self, limit: int = 200) -> list[Review]:
        """The latest reviews, newest first."""
        query = select(reviews.c.id).order_by(reviews.c.created.desc(), reviews.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            ids = list(connection.execute(query).scalars())
        return [found for review_id in ids if (found := self._find(reviews.c.id == review_id, review_id))]

    def _find(self, where: Any, known: str = "") -> Review | None:
        if known in self._specs:
            return self._specs[known]
        with self._database.reading() as connection:
            row = connection.execute(select(reviews).where(where)).first()
        if row is None:
            return None
        if row.id not in self._specs:  # a spec never changes once stored, and parsing it takes milliseconds
            self._specs[row.id] = Review(row.id, row.created, row.join_token, spec_from(json.loads(row.spec)))
        return self._specs[row.id]

    def join(self, review: Review, reviewer: str) -> Seat:
        """The seat of a reviewer, made at their first coming together with the order of all their columns."""
        with self._database.writing() as connection:
            mine = (review_seats.c.review_id == review.id) & (review_seats.c.reviewer == reviewer)
            row = connection.execute(select(review_seats).where(mine)).first()
            if row is not None:
                return _as_seat(row)
            seat = _seat(connection, review, reviewer)
            _event(connection, review.id, "joined", reviewer, "")
        return seat

    def seat(self, token: str) -> Seat | None:
        """The seat behind a personal link."""
        with self._database.reading() as connection:
            row = connection.execute(select(review_seats).where(review_seats.c.token == token)).first()
        return None if row is None else _as_seat(row)

    def seats(self, review_id: str) -> list[Seat]:
        """All seats of a review, in order of their making."""
        query = select(review_seats).where(review_seats.c.review_id == review_id)
        query = query.order_by(review_seats.c.created, review_seats.c.reviewer)
        with self._database.reading() as connection:
            return [_as_seat(row) for row in connection.execute(query)]

    def places(self, token: str) -> list[Place]:
        """All stops of a sitting in order."""
        query = select(review_slots).where(review_slots.c.token == token).order_by(review_slots.c.place)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Place(r["place"], r["case_id"], r["round"], tuple(json.loads(r["order"]))) for r in rows]

    def history(self, token: str) -> list[Change]:
        """Every row ever written for a seat, oldest first."""
        query = select(review_ratings).where(review_ratings.c.token == token).order_by(review_ratings.c.id)
        with self._database.reading() as connection:
            return [_as_change(row) for row in connection.execute(query)]

    def rated(self, token: str) -> dict[int, tuple[Mark, ...]]:
        """What counts now: place → marks by column; places taken back are not in it."""
        now: dict[int, tuple[Mark, ...]] = {}
        for change in self.history(token):
            if change.kind == "rating":
                now[change.place] = change.marks
            else:
                now.pop(change.place, None)
        return now

    def append(self, token: str, change: Change) -> None:
        """Adds a row to the history of a place and forgets its draft.

        Raises:
            StoreError: names are revealed to this reviewer already; nothing changes after that.
        """
        with self._database.writing() as connection:
            _check_open(connection, token)
            row = {
                "token": token, "place": change.place, "kind": change.kind,
                "marks": json.dumps(marks_plain(change.marks)), "author": change.author, "reason": change.reason,
                "saved": _now(),
            }  # fmt: skip
            connection.execute(insert(review_ratings).values(**row))
            mine = (review_drafts.c.token == token) & (review_drafts.c.place == change.place)
            connection.execute(review_drafts.delete().where(mine))

    def save_draft(self, token: str, place: int, body: str) -> None:
        """Keeps what is filled in so far; the newest replaces the one before."""
        row = {"token": token, "place": place, "body": body}
        with self._database.writing() as connection:
            _check_open(connection, token)
            write = upsert(review_drafts).values(**row)
            connection.execute(write.on_conflict_do_update(["token", "place"], set_={"body": body}))

    def draft(self, token: str, place: int) -> str | None:
        """What was filled in, as JSON text."""
        mine = (review_drafts.c.token == token) & (review_drafts.c.place == place)
        with self._database.reading() as connection:
            found = connection.execute(select(review_drafts.c.body).where(mine)).scalar()
        return None if found is None else str(found)

    def finish(self, seat: Seat) -> None:
        """Closes a sitting for good, before its names are shown."""
        with self._database.writing() as connection:
            open_seat = (review_seats.c.token == seat.token) & review_seats.c.finished.is_(None)
            done = connection.execute(update(review_seats).where(open_seat).values(finished=_now()))
            if done.rowcount:
                _event(connection, seat.review_id, "finished", seat.reviewer, "")

    def note(self, review_id: str, kind: EventKind, author: str, note: str = "") -> None:
        """Records that something happened to a review."""
        with self._database.writing() as connection:
            _event(connection, review_id, kind, author, note)

    def events(self, review_id: str) -> list[tuple[str, str, str, str]]:
        """What happened: (time, kind, author, note), oldest first."""
        query = select(review_events).where(review_events.c.review_id == review_id).order_by(review_events.c.id)
        with self._database.reading() as connection:
            return [(row.saved, row.kind, row.author, row.note) for row in connection.execute(query)]

    def ratings(self, review_id: str) -> list[Rating]:
        """All ratings that count now, variants named: for results only."""
        return [
            rating
            for seat in self.seats(review_id)
            for rating in named(self.places(seat.token), self.rated(seat.token), seat.reviewer)
        ]


def _seat(connection: Connection, review: Review, reviewer: str) -> Seat:
    seat = Seat(secrets.token_urlsafe(18), review.id, reviewer, _now())
    row = {"token": seat.token, "review_id": review.id, "reviewer": reviewer, "created": seat.created}
    connection.execute(insert(review_seats).values(**row))
    for place in places_for(review.spec, reviewer):
        order = json.dumps(place.order, ensure_ascii=False)
        slot = {"token": seat.token, "place": place.number, "case_id": place.case_id, "round": place.round}
        connection.execute(insert(review_slots).values(**slot, order=order))
    return seat


def _event(connection: Connection, review_id: str, kind: EventKind, author: str, note: str) -> None:
    row = {"review_id": review_id, "kind": kind, "author": author, "note": note, "saved": _now()}
    connection.execute(insert(review_events).values(**row))


def _check_open(connection: Connection, token: str) -> None:
    query = select(review_seats.c.finished).where(review_seats.c.token == token)
    if connection.execute(query).scalar_one() is not None:
        raise StoreError("这次评审已揭晓，不能再改 / names are revealed: nothing changes after that")


def _as_seat(row: Row[Any]) -> Seat:
    return Seat(row.token, row.review_id, row.reviewer, row.created, row.finished)


def _as_change(row: Row[Any]) -> Change:
    plain = json.loads(row.marks)
    return Change(row.place, row.kind, marks_from(plain, len(plain)), row.author, row.reason, row.saved)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
