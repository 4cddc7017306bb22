"""Options that several commands share, and the Services they lead to."""

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from medeval.errors import AdapterError, UsageError

if TYPE_CHECKING:
    from medeval.engines.contract import Receipt
    from medeval.services import Services
    from medeval.settings import Settings

Base = Annotated[
    str | None, typer.Option("--base", metavar="PATH|REPO|URL", help="基础模型，或服务器地址 / base model, or a server")
]
ServerModels = Annotated[
    str | None,
    typer.Option("--server-models", metavar="base=ID,v1=ID", help="各版本是哪个模型 / which of its models is which"),
]
Adapters = Annotated[Path | None, typer.Option("--adapters", metavar="DIR", help="适配器文件夹 / folder of adapters")]
EngineOption = Annotated[
    str | None, typer.Option("--engine", metavar="auto|torch|mlx|server|recorded", help="引擎 / engine")
]
Recorded = Annotated[
    Path | None, typer.Option("--recorded", metavar="FILE.jsonl", help="别处得到的回答 / answers made elsewhere")
]
Json = Annotated[bool, typer.Option("--json", help="向标准输出打印一个 JSON 文档 / one JSON document on stdout")]
Profile = Annotated[str | None, typer.Option("--profile", help="评分方案 / profile")]
Lang = Annotated[str | None, typer.Option("--lang", metavar="zh|en", help="语言 / language")]


def make_settings(**given: Any) -> "Settings":
    """Settings from the environment, with the options that were given on top.

    Raises:
        UsageError: a value is not allowed; the text names the option or variable and what is.
    """
    from pydantic import ValidationError

    from medeval.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise UsageError(f"选项或 MEDEVAL_ 环境变量有误 / wrong option or variable: {faults}") from error


@contextlib.contextmanager
def opened(recorded: Path | None = None, **given: Any) -> Iterator["Services"]:
    """The Services for a command, closed at its end.

    Raises:
        UsageError: `--engine recorded` without a file, or a file with another engine.
    """
    if recorded is not None and given.get("engine") is None:
        given["engine"] = "recorded"
    settings = make_settings(**given)
    if (settings.engine == "recorded") != (recorded is not None):
        raise UsageError("--engine recorded 与 --recorded FILE.jsonl 须一起使用 / use them together")
    from medeval.services import Services

    engine = None
    if recorded is not None:
        from medeval.engines.recorded import RecordedEngine

        engine = RecordedEngine(recorded)
    elif settings.served:
        _warn_of_server(settings)
    elif settings.is_demo:
        note("演示模型：展示流程的小模型，不代表真实医学能力 / demo model: shows the workflow only")
    services = Services(settings, engine)
    try:
        yield services
    finally:
        services.close()


def _warn_of_server(settings: "Settings") -> None:
    from medeval.engines.server.address import parse_address

    warning = parse_address(settings.base).warning
    if warning:
        note(warning)


@contextlib.contextmanager
def clean_stdout() -> Iterator[TextIO]:
    """Sends what libraries print to stderr; yields the real stdout for the command's own output."""
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield out


@contextlib.contextmanager
def no_cycles() -> Iterator[None]:
    """No search for reference cycles inside: scoring leaves none, and a fifth of its time went into the search."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def note(text: str) -> None:
    """A line for people, on stderr."""
    typer.echo(text, err=True)


def print_json(document: Any) -> None:
    """One JSON document on stdout, unicode as it is."""
    import json

    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))


def split_names(text: str) -> list[str]:
    """`base, v1` as names; empty text is every one."""
    return [name.strip() for name in text.split(",") if name.strip()]


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all.

    Raises:
        UsageError: the place cannot be written.
    """
    import os
    import tempfile

    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            out.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"无法写入 {path}：{error.strerror} / cannot be written: check the folder") from error


def usable(names: Sequence[str], wanted: str, receipt: "Receipt") -> list[str]:
    """The variants that passed the gate; those that did not are named on stderr with every reason.

    Raises:
        AdapterError: a variant that was named, not just covered by `all`, is refused; or none is left.
    """
    refused = {name: reasons for name, reasons in receipt.refused.items() if name in names}
    left = [name for name in names if name not in refused]
    lines = [f"已拒绝版本 {name} / variant refused: {'; '.join(reasons)}" for name, reasons in refused.items()]
    if lines and (not left or split_names(wanted) not in ([], ["all"])):
        raise AdapterError(lines)
    for line in lines:
        note(line)
    return left
