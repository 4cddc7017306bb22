"""`medeval work FOLDER`: the process of one job; started by the queue, hidden from people."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("work", hidden=True)(work)


def work(folder: Annotated[Path, typer.Argument(metavar="JOB_FOLDER")]) -> None:
    """One job in this process."""
    from medeval.services.workers import run_job

    raise typer.Exit(run_job(folder))
