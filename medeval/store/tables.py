"""The tables as they are now; how they came to be is in `migrations/versions`, and a test compares the two."""

from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", String(32), nullable=False, index=True),
    Column("finished", String(32)),
    Column("spec", Text, nullable=False),
    Column("owner_pid", Integer),
    Column("owner_started", Float),
)
"""`owner_*` names the process that works on the run now; pid alone would trust a stranger after reuse."""

cells = Table(
    "cells",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("case_id", String(120), primary_key=True),
    Column("variant", String(200), primary_key=True),
    Column("repeat", Integer, primary_key=True),
    Column("answer", Text),
    Column("error", Text),
    Column("scores", Text, nullable=False),
    Column("profiles", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("saved", String(32), nullable=False),
)
"""One row per answer; the key makes a second one impossible. `answer` is null where the engine failed."""

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("created", String(32), nullable=False),
    Column("case", Text, nullable=False),
    Column("cells", Text, nullable=False),
    Column("receipt", Text),
)
"""Questions asked on the Compare page, newest last."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("position", Integer, nullable=False, index=True),
    Column("created", String(32), nullable=False),
    Column("started", String(32)),
    Column("ended", String(32)),
    Column("stop_asked", Float),
    Column("pid", Integer),
    Column("process_started", Float),
    Column("error", Text),
)
"""Background work; `position` orders the queue, `pid` and `process_started` together name the detached process."""

job_lease = Table(
    "job_lease",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_started", Float, nullable=False),
)
"""One row at most: the process that starts and reaps jobs; others only look until it is gone."""

reviews = Table(
    "reviews",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", String(32), nullable=False, index=True),
    Column("join_token", String(64), nullable=False, unique=True),
    Column("run_id", String(32), nullable=False, index=True),
    Column("spec", Text, nullable=False),
)
"""Blind reviews with the answers to judge, as they were. They outlive their run, so `run_id` is no foreign key."""

review_seats = Table(
    "review_seats",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("review_id", String(32), ForeignKey("reviews.id"), nullable=False),
    Column("reviewer", String(120), nullable=False),
    Column("created", String(32), nullable=False),
    Column("finished", String(32)),
    UniqueConstraint("review_id", "reviewer"),
)
"""One reviewer of one review; `finished` is when names were revealed to them, after which nothing changes."""

review_slots = Table(
    "review_slots",
    metadata,
    Column("token", String(64), ForeignKey("review_seats.token"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("case_id", String(120), nullable=False),
    Column("round", Integer, nullable=False),
    Column("order", Text, nullable=False),
)
"""Which variant each column shows, written before anything is shown."""

review_ratings = Table(
    "review_ratings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("token", String(64), ForeignKey("review_seats.token"), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("marks", Text, nullable=False),
    Column("author", String(240), nullable=False),
    Column("reason", Text, nullable=False),
    Column("saved", String(32), nullable=False),
)
"""Append-only (triggers refuse UPDATE and DELETE): the newest row of a place is what counts, the rest its history."""

review_drafts = Table(
    "review_drafts",
    metadata,
    Column("token", String(64), ForeignKey("review_seats.token"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("body", Text, nullable=False),
)
"""What a reviewer has filled in so far of a place, so that a reload loses nothing; no evidence."""

review_events = Table(
    "review_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("review_id", String(32), ForeignKey("reviews.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("author", String(240), nullable=False),
    Column("note", Text, nullable=False),
    Column("saved", String(32), nullable=False),
)
"""What happened to a review: made, joined, finished, and every unblinding of its results."""
