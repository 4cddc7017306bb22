"""`medeval adapters`: what is there, what the gate says, the other dialect, one more."""

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
from medeval.errors import AdapterError, UsageError

if TYPE_CHECKING:
    from medeval.adapters.card import Card
    from medeval.services import Services

_DETAILS = (
    "producer", "targets", "whole", "base", "base_match", "finite", "norm_b", "megabytes", "trained_on", "notes"
)  # fmt: skip
adapters_app = typer.Typer(no_args_is_help=True, help="适配器 / adapters")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(adapters_app, name="adapters")


@adapters_app.command("list")
def list_adapters(adapters: Adapters = None, lang: Lang = None, as_json: Json = False) -> None:
    """列出适配器文件夹里的版本 / list the adapters of the folder."""
    from medeval.adapters.catalogue import find_problems, find_variants

    settings = make_settings(adapters=adapters, lang=lang)
    if not settings.adapters.is_dir():
        raise UsageError(f"没有文件夹 {settings.adapters}：用 --adapters 指定 / no such folder: give --adapters")
    problems = find_problems(settings.adapters)
    rows: list[dict[str, Any]] = []
    for variant in find_variants(settings.adapters).values():
        if not variant.stack:
            continue
        try:
            card = _card(variant.stack[-1].path)
        except AdapterError as error:
            problems[variant.name] = error.problems
            continue
        note_text = variant.stack[-1].note.get(settings.lang, "")
        rows.append({**asdict(card), "title": variant.title(settings.lang), "note": note_text,
                     "stack": [item.name for item in variant.stack]})  # fmt: skip
    if as_json:
        print_json({"adapters": rows, "problems": problems})
        return
    for row in rows:
        stack, size = " + ".join(["base", *row["stack"]]), f"{row['megabytes']} MB"
        what = f"{row['dialect']}\trank {row['rank']}\t×{row['scale']:g}"
        typer.echo(f"{row['name']}\t{what}\t{size}\t{stack}\t{row['title']}")
    for name, faults in problems.items():
        note(f"{name}: {'; '.join(faults)}")
    if not rows:
        note(f"{settings.adapters} 里没有可用的适配器 / no usable adapter there")


def _card(folder: Path, services: "Services | None" = None) -> "Card":
    from medeval.adapters.card import describe_card
    from medeval.adapters.catalogue import describe

    if services is None:
        return describe_card(describe(folder))
    receipt = services.receipt()
    return describe_card(describe(folder), receipt.base, receipt.base_fingerprint, values=True)


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
    from medeval.engines.contract import BaseRef
    from medeval.engines.folders import find_folder

    if services.server is not None:
        find_folder(BaseRef(services.settings.base))  # says that a server gives no weights to check against
    problems = find_problems(services.settings.adapters)
    names = [name for name in services.variants() if name != "base"]
    names = sorted({*names, *problems} if only is None else {only})
    rows = {name: {"name": name, "ok": False, "problems": problems[name]} for name in names if name in problems}
    if len(rows) < len(names):
        receipt = services.receipt()
        loaded = {item.variant: item for item in receipt.variants}
        for name in names:
            if name in loaded:
                rows[name] = _passed(services, name, asdict(loaded[name]))
            elif name not in rows:
                reasons = receipt.refused.get(name, ["没有检验 / was not checked"])
                rows[name] = {"name": name, "ok": False, "problems": reasons}
    return [rows[name] for name in names]


def _passed(services: "Services", name: str, loaded: dict[str, Any]) -> dict[str, Any]:
    loaded.pop("variant")
    card = _card(services.settings.adapters / name, services)
    details = {key: value for key, value in asdict(card).items() if key in _DETAILS}
    return {"name": name, "ok": True, "problems": [], **loaded, **details}


def _with_name(name: str, fault: str) -> str:
    return fault if fault.startswith(name) else f"{name}: {fault}"


def _check_line(row: dict[str, Any]) -> str:
    from medeval.adapters.card import BASE_WORDS

    if not row["ok"]:
        return "\n".join([f"✗ {row['name']}", *(f"    {fault}" for fault in row["problems"])])
    what = f"{row['dialect']} rank {row['rank']} ×{row['scale']:g}"
    counts = f"{row['tensors_matched']}/{row['tensors_expected']} tensors"
    change = "" if row["logit_change"] is None else f", max |Δlogit| {row['logit_change']:.3g}"
    why = f" ({row['why_switched']})" if row["why_switched"] else ""
    norm = "" if row["norm_b"] is None else f", ‖B‖ {row['norm_b']:.3g}"
    targets = ", ".join(f"{name} ×{count}" for name, count in row["targets"].items())
    lines = [f"✓ {row['name']}  {what}, {counts}{norm}{change}, {row['mode']}{why}",
             f"    {row['producer']}; {targets}", f"    {BASE_WORDS[row['base_match']]}"]  # fmt: skip
    return "\n".join([*lines, *(f"    {text}" for text in row["notes"])])


@adapters_app.command("convert")
def convert_adapter(
    folder: Annotated[Path, typer.Argument(help="适配器文件夹 / adapter folder")],
    to: Annotated[str, typer.Option("--to", metavar="mlx|peft", help="目标格式 / dialect to write")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="新文件夹 / new folder")],
    as_json: Json = False,
) -> None:
    """转换为另一种格式，可逐位还原 / write it in the other dialect; converting back restores every bit."""
    from medeval.adapters.convert import convert, read_notes

    if to not in ("mlx", "peft"):
        raise UsageError("--to 只能是 mlx 或 peft / must be mlx or peft")
    if not folder.is_dir():
        raise UsageError(f"没有文件夹 {folder} / no such folder")
    made = convert(folder, "mlx" if to == "mlx" else "peft", out)
    if as_json:
        print_json({"path": str(made), "dialect": to, "notes": read_notes(made)})
        return
    typer.echo(made)
    for text in read_notes(made):
        note(text)


@adapters_app.command("add")
def add_adapter(
    source: Annotated[Path, typer.Argument(help="适配器文件夹或权重文件 / adapter folder or its weights file")],
    name: Annotated[str | None, typer.Option("--name", help="新名字 / what to call it")] = None,
    adapters: Adapters = None,
    as_json: Json = False,
) -> None:
    """复制到适配器文件夹（只收 safetensors） / copy it into the folder of adapters (safetensors only)."""
    from medeval.adapters.adding import add

    adapter = add(source, make_settings(adapters=adapters).adapters, name)
    if as_json:
        print_json({"name": adapter.name, "path": str(adapter.path)})
        return
    typer.echo(adapter.path)
