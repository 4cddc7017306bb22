"""`medeval cases`: what is there and what is wrong with it."""

from pathlib import Path
from typing import Annotated

import typer

from medeval.cli.options import Json, Lang, make_settings, note, print_json
from medeval.errors import UsageError

cases_app = typer.Typer(no_args_is_help=True, help="病例文件 / case files")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(cases_app, name="cases")


@cases_app.command("list")
def list_cases(
    suite: Annotated[str | None, typer.Option(help="只列这个测试集 / only this suite")] = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """列出病例 / list the cases."""
    from medeval.cases.load import load_cases

    settings = make_settings(lang=lang)
    book = load_cases(settings.cases)
    found = list(book.cases.values()) if suite is None else book.suite(suite)
    if as_json:
        print_json(
            {
                "cases": [case.model_dump(mode="json") for case in found],
                "suites": book.suites(),
                "problems": list(book.problems),
            }
        )
        return
    for case in found:
        typer.echo(f"{case.id}\t{','.join(case.suite)}\t{case.title.text(settings.lang)}")
    if book.problems:
        note(f"{len(book.problems)} 处有误，见 medeval cases check / problems: see medeval cases check")


@cases_app.command("check")
def check_cases(
    path: Annotated[Path | None, typer.Argument(help="文件或文件夹 / file or folder")] = None, as_json: Json = False
) -> None:
    """检查病例文件，一次列出所有错误 / check case files, every error at once."""
    from medeval.cases.load import load_cases

    folder = path or make_settings().cases
    if not folder.exists():
        raise UsageError(f"没有 {folder} / no such file or folder")
    book = load_cases(folder)
    if as_json:
        print_json({"ok": not book.problems, "cases": len(book.cases), "problems": list(book.problems)})
    else:
        for problem in book.problems:
            typer.echo(problem)
        suites = ", ".join(f"{name} {count}" for name, count in book.suites().items())
        named = f"（{suites}）" if suites else ""
        note(f"{len(book.cases)} 个病例可用{named}，{len(book.problems)} 处有误 / cases usable, problems listed")
    if book.problems:
        raise typer.Exit(1)
