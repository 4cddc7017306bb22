"""`medeval ocr`: the rows of a lab-report photo, turned and skewed as it may be."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medeval.cli.options import Json, note, print_json

if TYPE_CHECKING:
    from medeval.ocr.report import Report


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ocr)


def ocr(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="化验单照片 / a photo of a lab report")],
    engine: Annotated[str, typer.Option(help="rapidocr 或 tesseract / or tesseract")] = "rapidocr",
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help="存摆正、遮名的图 / upright, names blurred")] = None,
) -> None:
    """读化验单 / read a lab report."""
    from medeval.ocr.report import as_json as plain
    from medeval.services import Services
    from medeval.settings import Settings

    services = Services(Settings())
    try:
        report = services.read_report(image, engine)
        if out is not None:
            report.save(out)
    finally:
        services.close()
    if as_json:
        print_json(plain(report))
        return
    for warning in report.warnings:
        note(warning)
    if report.is_lab_report:
        _print(report)


def _print(report: "Report") -> None:
    if report.orientation:
        note(f"照片转了 {report.orientation}°，已摆正 / the photo was turned, now upright")
    for row in report.rows:
        limits = f"{row.low}-{row.high}" if row.low and row.high else f"<{row.high}" if row.high else f">{row.low}"
        mark = "" if row.sure else " ?"
        fields = (row.name, row.abbr, row.value + mark, row.flag, row.unit, limits if row.low or row.high else "")
        typer.echo("\t".join(fields))
