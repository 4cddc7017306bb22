"""The tables as they are now; how they came to be is in `migrations/versions`, and a test compares the two."""

from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

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
