"""`medeval metaeval`: measures the rule metrics themselves, against physicians, edits and gaming."""

from pathlib import Path
from typing import Annotated

import typer

from medeval.cli.options import Json, Lang, clean_stdout, make_settings, no_cycles, note, print_json, write_text


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(metaeval)


def metaeval(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="外部数据文件夹，缺省用自带生成集 / folder of public data sets")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="每个数据集最多几题，0 为全部 / most items per set, 0 is all")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="写入 .html 或 .json 报告 / write the report there")
    ] = None,
    as_json: Json = False,
    lang: Lang = None,
) -> None:
    """检验规则指标本身：灵敏、不变、抗投机、与医师一致 / measure the metrics themselves."""
    from medeval.errors import UsageError
    from medeval.metaeval.report import document_for, rendered
    from medeval.metaeval.table import text_table

    settings = make_settings(lang=lang)
    if out is not None and out.suffix.lower() not in (".html", ".json"):
        raise UsageError(f"--out 应为 .html 或 .json 文件：{out} / --out should end in .html or .json")
    with clean_stdout(), no_cycles():
        document = document_for(data, settings.cases, limit, note)
    if out is not None:
        write_text(out, rendered(document, settings.lang, out.suffix.lower()))
        note(f"报告已写入 {out} / report written")
    if as_json:
        print_json(document)
    elif out is None or out.suffix.lower() == ".html":
        typer.echo(text_table(document, settings.lang))
