"""`medeval cases` and `medeval adapters`: what is there and what is wrong with it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import (
    Adapters,
    Base,
    EngineOption,
    Json,
    Lang,
    clean_stdout,
    make_settings,
    note,
    opened,
    print_json,
)
from medeval.errors import UsageError

if TYPE_CHECKING:
    from medeval.adapters.variant import Variant
    from medeval.services import Services

cases_app = typer.Typer(no_args_is_help=True, help="病例文件 / case files")
adapters_app = typer.Typer(no_args_is_help=True, help="适配器 / adapters")


def register(app: typer.Typer) -> None:
    """Adds the two groups."""
    app.add_typer(cases_app, name="cases")
    app.add_typer(adapters_app, name="adapters")


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
        note(f"{len(book.cases)} 个病例可用（{suites}），{len(book.problems)} 处有误 / cases usable, problems listed")
    if book.problems:
        raise typer.Exit(1)


@adapters_app.command("list")
def list_adapters(adapters: Adapters = None, lang: Lang = None, as_json: Json = False) -> None:
    """列出适配器文件夹里的版本 / list the adapters of the folder."""
    from medeval.adapters.catalogue import find_problems, find_variants

    settings = make_settings(adapters=adapters, lang=lang)
    if not settings.adapters.is_dir():
        raise UsageError(f"没有文件夹 {settings.adapters}：用 --adapters 指定 / no such folder: give --adapters")
    problems = find_problems(settings.adapters)
    rows = [_adapter_row(item, settings.lang) for item in find_variants(settings.adapters).values() if item.stack]
    if as_json:
        print_json({"adapters": rows, "problems": problems})
        return
    for row in rows:
        stack, size = " + ".join(["base", *row["stack"]]), f"{row['megabytes']} MB"
        typer.echo(f"{row['name']}\t{row['dialect']}\trank {row['rank']}\t{size}\t{stack}\t{row['title']}")
    for name, faults in problems.items():
        note(f"{name}: {'; '.join(faults)}")
    if not rows:
        note(f"{settings.adapters} 里没有可用的适配器 / no usable adapter there")


def _adapter_row(variant: "Variant", lang: str) -> dict[str, Any]:
    from medeval.adapters.dialects import PEFT_FILE, read_config, weights_file

    adapter = variant.stack[-1]
    file = weights_file(adapter.path)
    config = read_config(adapter.path)
    inner = config.get("lora_parameters")
    rank = config.get("r", config.get("rank", inner.get("rank") if isinstance(inner, dict) else None))
    return {
        "name": variant.name,
        "title": variant.title(lang),
        "note": adapter.note.get(lang, ""),
        "dialect": "peft" if file.name == PEFT_FILE else "mlx",
        "rank": rank,
        "megabytes": round(file.stat().st_size / 1e6, 1),
        "stack": [item.name for item in variant.stack],
        "path": str(adapter.path),
    }


@adapters_app.command("check")
def check_adapters(
    path: Annotated[
        Path | None, typer.Argument(help="一个适配器，或整个文件夹 / one adapter, or a folder of them")
    ] = None,
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    as_json: Json = False,
) -> None:
    """加载基础模型，逐个检验适配器 / load the base and put the adapters through the gate."""
    folder, only = _wanted(path, adapters)
    with opened(base=base, adapters=folder, engine=engine) as services, clean_stdout():
        rows = _checked(services, only)
    faults = [_with_name(row["name"], fault) for row in rows for fault in row["problems"]]
    if as_json:
        print_json({"ok": not faults, "problems": faults, "adapters": rows})
    else:
        for row in rows:
            typer.echo(_check_line(row))
    if faults:
        raise typer.Exit(1)


def _wanted(path: Path | None, adapters: Path | None) -> tuple[Path, str | None]:
    """The folder of adapters to read, and the one to check (None is all)."""
    folder = path or make_settings(adapters=adapters).adapters
    if not folder.is_dir():
        raise UsageError(f"没有文件夹 {folder} / no such folder")
    folder = folder.resolve()
    single = any(child.is_file() for child in folder.iterdir() if child.suffix in (".safetensors", ".json", ".bin"))
    return (folder.parent, folder.name) if single else (folder, None)


def _checked(services: "Services", only: str | None) -> list[dict[str, Any]]:
    from medeval.adapters.catalogue import find_problems

    problems = find_problems(services.settings.adapters)
    names = [name for name in services.variants() if name != "base"]
    names = sorted({*names, *problems} if only is None else {only})
    rows = {name: {"name": name, "ok": False, "problems": problems[name]} for name in names if name in problems}
    if len(rows) < len(names):
        receipt = services.receipt()
        loaded = {item.variant: item for item in receipt.variants}
        for name in names:
            if name in loaded:
                rows[name] = {"ok": True, "problems": [], **_named(asdict(loaded[name]))}
            elif name not in rows:
                reasons = receipt.refused.get(name, ["没有检验 / was not checked"])
                rows[name] = {"name": name, "ok": False, "problems": reasons}
    return [rows[name] for name in names]


def _with_name(name: str, fault: str) -> str:
    return fault if fault.startswith(name) else f"{name}: {fault}"


def _named(loaded: dict[str, Any]) -> dict[str, Any]:
    return {"name": loaded.pop("variant"), **loaded}


def _check_line(row: dict[str, Any]) -> str:
    if not row["ok"]:
        return "\n".join([f"✗ {row['name']}", *(f"    {fault}" for fault in row["problems"])])
    what = f"{row['dialect']} rank {row['rank']} ×{row['scale']:g}"
    counts = f"{row['tensors_matched']}/{row['tensors_expected']} tensors"
    change = "" if row["logit_change"] is None else f", max |Δlogit| {row['logit_change']:.3g}"
    why = f" ({row['why_switched']})" if row["why_switched"] else ""
    return f"✓ {row['name']}  {what}, {counts}{change}, {row['mode']}{why}"
