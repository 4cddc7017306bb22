"""`medeval ui`: starts the pages."""

from importlib import import_module
from typing import Annotated

import typer

from medeval.cli.options import Adapters, Base, EngineOption, Lang, ServerModels, make_settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ui)


def ui(
    host: Annotated[str | None, typer.Option(help="地址 / address")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="端口 / port")] = None,
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    server_models: ServerModels = None,
    lang: Lang = None,
) -> None:
    """启动网页 / start the pages."""
    settings = make_settings(
        host=host, port=port, base=base, adapters=adapters, engine=engine, server_models=server_models, lang=lang
    )
    # the other face, named as text: nothing of the command line depends on the pages
    import_module("medeval.ui.server").serve(settings)
