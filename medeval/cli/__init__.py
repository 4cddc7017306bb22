"""The command line: reads options, calls `medeval.services` or a part, prints. No logic of its own.

Only typer is imported here; everything else is imported by the command that needs it, so that `--help` is quick.
"""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from medeval import __version__
from medeval.errors import MedevalError

__all__ = ["app", "main"]


class Commands(TyperGroup):
    """The group of commands: an error of the product becomes one sentence and its exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except MedevalError as error:
            typer.echo(f"medeval: {error}", err=True)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="并排比较、评分医学视觉语言模型的 LoRA 适配器 / compare and score LoRA adapters side by side.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _top(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="版本 / version"),
) -> None:
    pass


def main() -> None:
    """Entry point of `medeval` and `python -m medeval`; text is UTF-8 whatever the terminal's locale says."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app()


from medeval.cli import (  # noqa: E402
    adapters,
    ask,
    bench,
    data,
    doctor,
    fuse,
    jobs,
    lists,
    metaeval,
    ocr,
    review,
    runs,
    score,
    train,
    ui,
    work,
)

PARTS = (ui, ask, runs, review, score, lists, adapters, bench, doctor, train, fuse, jobs, work, metaeval, data, ocr)
for part in PARTS:
    part.register(app)
