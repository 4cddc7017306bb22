"""Runs, their cells, and the exchanges of the Compare page."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Creates the three tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32)),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("owner_pid", sa.Integer),
        sa.Column("owner_started", sa.Float),
    )
    op.create_index("ix_runs_created", "runs", ["created"])
    op.create_table(
        "cells",
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("case_id", sa.String(120), primary_key=True),
        sa.Column("variant", sa.String(200), primary_key=True),
        sa.Column("repeat", sa.Integer, primary_key=True),
        sa.Column("answer", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("scores", sa.Text, nullable=False),
        sa.Column("profiles", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("saved", sa.String(32), nullable=False),
    )
    op.create_table(
        "exchanges",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("case", sa.Text, nullable=False),
        sa.Column("cells", sa.Text, nullable=False),
        sa.Column("receipt", sa.Text),
    )
