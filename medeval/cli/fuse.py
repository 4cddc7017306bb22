"""`medeval fuse`: writes a variant into its base, proves it, and deploys it where asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medeval.cli.options import (
    Adapters,
    Base,
    EngineOption,
    Json,
    clean_stdout,
    make_settings,
    note,
    print_json,
    split_names,
)
from medeval.errors import EngineError, UsageError

if TYPE_CHECKING:
    from medeval.services.fusing import Fused
    from medeval.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(fuse)


def fuse(
    variant: Annotated[str, typer.Argument(help="要融合的版本，如 v3 / variant to fuse")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="新模型文件夹 / folder of the new model")],
    bits: Annotated[int, typer.Option(metavar="4|8|16", help="保留的位宽 / bit width of the model")] = 16,
    measure: Annotated[str, typer.Option(metavar="16,8,4", help="表中另外测量的位宽 / widths to measure too")] = "",
    dtype: Annotated[str, typer.Option(metavar="auto|float16|bfloat16|float32", help="精度 / precision")] = "auto",
    suite: Annotated[str, typer.Option(help="用于核对的测试集 / suite of the proof")] = "standard",
    tokens: Annotated[int, typer.Option(min=1, help="核对时每个回答的长度 / longest answer of the proof")] = 256,
    replace: Annotated[bool, typer.Option("--replace", help="旧的保留为备份 / keep the old one as a backup")] = False,
    lmstudio: Annotated[bool, typer.Option("--lmstudio", help="通过后部署到 LM Studio / deploy when proven")] = False,
    lmstudio_home: Annotated[
        Path | None, typer.Option("--lmstudio-home", metavar="DIR", help="LM Studio 的文件夹 / LM Studio's home")
    ] = None,
    publisher: Annotated[str, typer.Option(help="LM Studio 中的发布者 / publisher in LM Studio")] = "medeval",
    name: Annotated[str, typer.Option(help="LM Studio 中的名字 / name in LM Studio")] = "",
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    as_json: Json = False,
) -> None:
    """融合、在新进程中核对、可部署 / fuse a variant, prove it in a fresh process, deploy it."""
    from medeval.services.fusing import FuseOrder, remember

    if dtype not in ("auto", "float16", "bfloat16", "float32"):
        raise UsageError("--dtype 只能是 auto、float16、bfloat16、float32 / unknown precision")
    settings = make_settings(base=base, adapters=adapters, engine=engine)
    order = FuseOrder(
        variant=variant, out=str(out), bits=bits, measure=_bits(measure), dtype=dtype, suite=suite, tokens=tokens,
        replace=replace, lmstudio=lmstudio or lmstudio_home is not None,
        lmstudio_home=str(lmstudio_home or ""), publisher=publisher, name=name,
    )  # fmt: skip
    fused = _fuse(settings, order)
    remember(settings, fused.outcome.path)
    if as_json:
        print_json(fused.document())
    else:
        _show(settings, fused, variant)
    if not fused.outcome.ok:
        raise EngineError(
            f"未通过核对，已保留为 {fused.outcome.path}，未部署 / failed its proof, kept aside, not deployed"
        )


def _bits(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(item) for item in split_names(text))
    except ValueError:
        raise UsageError("--measure 是逗号分隔的位宽，如 8,4 / bit widths separated by commas") from None


def _fuse(settings: "Settings", order: object) -> "Fused":
    """Runs in this process; Ctrl-C stops it and leaves nothing."""
    from medeval.fusion.write import Stopped
    from medeval.services.fusing import FuseOrder, fuse_variant

    assert isinstance(order, FuseOrder)
    said = [""]

    def tell(done: int, total: int, zh: str, en: str) -> None:
        if en != said[0]:
            said[0] = en
            note(f"{100 * done // max(total, 1):3d} %  {zh} / {en}")

    try:
        with clean_stdout():
            return fuse_variant(settings, order, tell)
    except (KeyboardInterrupt, Stopped):
        raise EngineError("已停止，没有留下任何文件 / stopped, nothing was left behind") from None


def _show(settings: "Settings", fused: "Fused", variant: str) -> None:
    from medeval.adapters.catalogue import find_variants
    from medeval.fusion.report import COLUMNS, table_rows
    from medeval.fusion.serve import gguf_line, serve_commands

    outcome = fused.outcome
    heads = [en for _, _, en in COLUMNS]
    for row in table_rows(outcome.report):
        typer.echo("  ".join(f"{head}: {cell}" for head, cell in zip(heads, row, strict=True)))
    written = outcome.report["written"]
    note(
        f"张量 / tensors {written['tensors_before']} → {written['tensors_after']}，"
        f"视觉 / vision {written['vision_before']} → {written['vision_after']}"
    )
    typer.echo(outcome.path)
    if outcome.backup:
        note(f"旧模型备份 / the old one: {outcome.backup}")
    if fused.deployed:
        note(f"已部署并读回核对 / deployed and read back: {fused.deployed.path} ({fused.deployed.files} files)")
    if fused.smoke:
        note(f"LM Studio: {fused.smoke.state} {fused.smoke.text}".rstrip())
    if outcome.ok:
        commands = serve_commands(settings.base, find_variants(settings.adapters)[variant], outcome.path)
        for command in [*commands, gguf_line(outcome.path)]:
            note(f"{command.tool} ({command.what}): {command.line or f'{command.zh} / {command.en}'}")
