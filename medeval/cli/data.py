"""`medeval data`: what training data holds, what is wrong with it line by line, and making it ready."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import Base, Json, clean_stdout, make_settings, note, print_json

if TYPE_CHECKING:
    from medeval.training.data_check import DataReport

data_app = typer.Typer(no_args_is_help=True, help="训练数据 / training data")

Data = Annotated[str, typer.Argument(metavar="PATH", help="JSONL、CSV、文件夹或 demo / file, folder or demo[:STYLE]")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(data_app, name="data")


@data_app.command("check")
def check_command(
    path: Data,
    preset: Annotated[str | None, typer.Option(help="按此预设的上限检查 / limits of this preset")] = None,
    max_length: Annotated[int | None, typer.Option(help="词元上限 / tokens per sample")] = None,
    images: Annotated[bool, typer.Option(help="逐张解码图片 / decode every image")] = True,
    base: Base = None,
    as_json: Json = False,
) -> None:
    """检查训练数据，逐行列出所有问题 / check training data, every problem line by line."""
    from medeval.services.datasets import CheckOptions, check
    from medeval.training.presets import load_preset

    settings = make_settings(base=base)
    config = load_preset(preset).config if preset else None
    options = CheckOptions(
        max_length=max_length or (config.max_length if config else 2048),
        image_size=config.image_size if config else 448,
        system=config.system if config else "",
        decode_images=images,
    )
    with clean_stdout():
        report = check(settings, path, options, _progress)
    if as_json:
        print_json(report.document())
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _progress(done: int, total: int) -> None:
    if done == total or done % 500 < 64:
        note(f"图片 / images {done}/{total}")


def _print_report(report: "DataReport") -> None:
    for problem in report.problems:
        level = "" if problem.level == "error" else "（提醒） "
        typer.echo(level + problem.sentence())
    for line in report.notes:
        note(line)
    sizes = "  ".join(f"{name} {count}" for name, count in report.sizes.items())
    note(f"{sizes}；图片 / images {report.images}")
    for name, table in report.kinds.items():
        note(f"{name}: " + "  ".join(f"{key} {count}" for key, count in table.items()))
    if report.lengths:
        note(f"最长 / longest {report.longest} 词元 tokens，上限 / limit {report.max_length}")
    errors = sum(problem.level == "error" for problem in report.problems)
    note(f"{errors} 个错误，{len(report.problems) - errors} 个提醒 / {errors} errors, the rest are warnings")


@data_app.command("prepare")
def prepare_command(
    path: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="写到哪里 / where to write")],
    mix: Annotated[str, typer.Option(metavar="image=0.6,text=0.4", help="训练集配比 / shares of the pools")] = "",
    seed: Annotated[int, typer.Option(min=0, help="划分的种子 / seed of the split")] = 0,
    gold: Annotated[int, typer.Option(min=0, help="留出的金标准条数 / samples held out as gold set")] = 0,
    as_json: Json = False,
) -> None:
    """去重、留出测试题、按患者或问题 80/10/10 划分 / dedupe, hold out test questions, split 80/10/10."""
    from medeval.services.datasets import prepare

    with clean_stdout():
        done = prepare(make_settings(), path, out, mix, seed, gold, _progress)
    if as_json:
        print_json(done.document())
        return
    typer.echo(str(done.folder))
    document: dict[str, Any] = done.document()
    for name in ("sizes", "left_out", "mix"):
        note(f"{name}: " + "  ".join(f"{key} {value}" for key, value in document[name].items()))


@data_app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Option(metavar="DIR", help="写到哪里 / where to write")],
    style: Annotated[str, typer.Option(metavar="warm|exact|both", help="答案风格 / kind of answers")] = "both",
) -> None:
    """写出演示语料（合成，无真实患者） / write the demo corpus (synthetic, no real patient)."""
    from medeval.services.datasets import demo_style, write_demo

    known = demo_style(f"demo:{style}")
    typer.echo(str(write_demo(make_settings(), known or "both", out)))
