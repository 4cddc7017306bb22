"""`medeval bench`: measures the figures that medeval holds itself to, and prints them as JSON."""

from typing import Annotated

import typer

from medeval.cli.options import Adapters, Base, clean_stdout, make_settings, note, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bench)


def bench(
    tokens: Annotated[int, typer.Option(min=1, help="每个回答的词元数 / tokens per answer")] = 64,
    cases: Annotated[int, typer.Option(min=1, help="整套评测的病例数 / cases of the suite")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="每项测量次数 / times each is measured")] = 5,
    shape: Annotated[
        str | None, typer.Option(help="随机权重 / random weights in a model's shape: qwen3-vl-2b | qwen3-vl-8b")
    ] = None,
    base: Base = None,
    adapters: Adapters = None,
    as_json: Annotated[bool, typer.Option("--json", help="总是 JSON / always JSON, with or without")] = True,
) -> None:
    """测速：四个版本并排与基础模型、PEFT 之比 / speed ratios of four variants against the base and PEFT."""
    from medeval.evaluation.bench import Sizes, run_bench

    settings = make_settings(base=base, adapters=adapters)
    with clean_stdout():
        found = run_bench(settings, Sizes(tokens, min(32, tokens), cases, repeats), note, shape)
    print_json(found)
