"""Blind reviews: seats, slots, append-only ratings, drafts and events."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Creates the six tables, and the triggers that keep ratings and events as they were written."""
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("join_token", sa.String(64), nullable=False, unique=True),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
    )
    op.create_index("ix_reviews_created", "reviews", ["created"])
    op.create_index("ix_reviews_run_id", "reviews", ["run_id"])
    op.create_table(
        "review_seats",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("review_id", sa.String(32), sa.ForeignKey("reviews.id"), nullable=False),
        sa.Column("reviewer", sa.String(120), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32)),
        sa.UniqueConstraint("review_id", "reviewer"),
    )
    _of_a_seat()
    op.create_table(
        "review_events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("review_id", sa.String(32), sa.ForeignKey("reviews.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("author", sa.String(240), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("saved", sa.String(32), nullable=False),
    )
    op.create_index("ix_review_events_review_id", "review_events", ["review_id"])
    for table in ("review_ratings", "review_events", "review_slots"):
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _of_a_seat() -> None:
    def seat() -> sa.Column[str]:
        return sa.Column("token", sa.String(64), sa.ForeignKey("review_seats.token"), primary_key=True)

    op.create_table(
        "review_slots",
        seat(),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("case_id", sa.String(120), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("order", sa.Text, nullable=False),
    )
    op.create_table(
        "review_ratings",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("token", sa.String(64), sa.ForeignKey("review_seats.token"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
        sa.Column("author", sa.String(240), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("saved", sa.String(32), nullable=False),
    )
    op.create_index("ix_review_ratings_token", "review_ratings", ["token"])
    op.create_table(
        "review_drafts",
        seat(),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
