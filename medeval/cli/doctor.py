"""`medeval doctor`: what is here, what is missing, and the line that mends it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from medeval.cli.options import Adapters, Base, Json, make_settings, print_json

if TYPE_CHECKING:
    from medeval.settings import Settings

_ENOUGH_DISK = 2e9


@dataclass(frozen=True)
class Check:
    """One finding. `ok` False on a `needed` check makes medeval unusable; `fix` says what to do."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


def doctor(
    gate: Annotated[bool, typer.Option(help="加载模型检验适配器 / load the model and check the adapters")] = True,
    base: Base = None,
    adapters: Adapters = None,
    as_json: Json = False,
) -> None:
    """检查安装、模型、适配器、病例和磁盘 / check installation, models, cases and disk."""
    settings = make_settings(base=base, adapters=adapters)
    found: list[Check] = []
    for check in _checks(settings, gate):
        found.append(check)
        if not as_json:
            typer.echo(_line(check))
    healthy = all(check.ok for check in found if check.needed)
    if as_json:
        print_json({"ok": healthy, "checks": [asdict(check) for check in found]})
    if not healthy:
        raise typer.Exit(1)


def _line(check: Check) -> str:
    sign = "✓" if check.ok else "✗" if check.needed else "–"
    return f"{sign} {check.name}: {check.detail}" + (f"\n    → {check.fix}" if check.fix and not check.ok else "")


def _checks(settings: "Settings", gate: bool) -> Iterator[Check]:
    yield _python()
    yield from _packages()
    yield from _device()
    yield _base(settings)
    yield from _adapters(settings, gate)
    yield _cases(settings)
    yield from _programs()
    yield _home(settings)


def _python() -> Check:
    import platform
    import sys

    detail = f"{platform.python_version()} {platform.system()} {platform.machine()}"
    return Check("python", sys.version_info >= (3, 11), detail, "Python ≥ 3.11")


def _packages() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    lines = {
        "torch": ("pip install torch==2.13.0", True),
        "transformers": ("pip install transformers", True),
        "gradio": ("pip install gradio", True),
        "peft": ("pip install peft", False),
        "mlx-vlm": ("pip install mlx-vlm  (Apple Silicon)", False),
    }
    for name, (fix, needed) in lines.items():
        try:
            yield Check(name, True, version(name), fix, needed)
        except PackageNotFoundError:
            yield Check(name, False, "未安装 / not installed", fix, needed)


def _device() -> Iterator[Check]:
    import os

    try:
        import torch
    except ImportError:
        return
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        yield Check("device", True, f"cuda {torch.cuda.get_device_name(0)}, {free / 1e9:.0f}/{total / 1e9:.0f} GB free")
    elif torch.backends.mps.is_available():
        yield Check("device", True, "mps (Apple GPU)")
    else:
        yield Check("device", True, f"cpu, {os.cpu_count()} cores, {torch.get_num_threads()} threads")


def _base(settings: "Settings") -> Check:
    from pathlib import Path

    from medeval.adapters.fingerprint import base_fingerprint
    from medeval.errors import MedevalError

    if settings.served:
        return Check("base", True, f"{settings.base}: 服务器 / server")
    kind = "演示模型 / demo model" if settings.is_demo else "基础模型 / base model"
    folder = Path(settings.base).expanduser()
    if not folder.is_dir() and settings.base.count("/") == 1 and not settings.base.startswith((".", "/", "~")):
        return Check("base", True, f"{settings.base}: Hugging Face, 首次使用时下载 / downloaded at first use")
    try:
        return Check("base", True, f"{kind} {folder} {base_fingerprint(folder)[:19]}")
    except (MedevalError, OSError, ValueError) as error:
        return Check("base", False, str(error), "--base PATH，或 python -m medeval.demo build")


def _adapters(settings: "Settings", gate: bool) -> Iterator[Check]:
    from medeval.adapters.catalogue import find_problems, find_variants

    if settings.served:
        if gate:
            yield from _gate(settings)
        return
    names = [name for name, variant in find_variants(settings.adapters).items() if variant.stack]
    detail = f"{settings.adapters}: {', '.join(names) or '无 / none'}"
    yield Check("adapters", bool(names), detail, "--adapters DIR", needed=False)
    for name, faults in find_problems(settings.adapters).items():
        yield Check(f"adapter {name}", False, "; ".join(faults), "medeval adapters check", needed=False)
    if gate and names:
        yield from _gate(settings)


def _gate(settings: "Settings") -> Iterator[Check]:
    from medeval.cli.options import clean_stdout
    from medeval.errors import MedevalError
    from medeval.services import Services

    services = Services(settings)
    try:
        with clean_stdout():
            receipt = services.receipt()
    except MedevalError as error:
        yield Check("gate", False, str(error), "medeval doctor --no-gate")
        return
    finally:
        services.close()
    for item in receipt.variants:
        served = f"{item.mode}, {item.model}"
        detail = served if item.model else f"{item.tensors_matched}/{item.tensors_expected} tensors, {item.mode}"
        yield Check(f"gate {item.variant}", True, detail)
    for name, faults in receipt.refused.items():
        yield Check(f"gate {name}", False, "; ".join(faults), "medeval adapters check", needed=False)


def _cases(settings: "Settings") -> Check:
    from medeval.cases.load import load_cases

    book = load_cases(settings.cases)
    detail = f"{len(book.cases)} 个 / cases, {', '.join(book.suites())}"
    if book.problems:
        detail += f"; {len(book.problems)} 处有误 / problems"
    return Check("cases", not book.problems and bool(book.cases), detail, "medeval cases check", needed=not book.cases)


def _programs() -> Iterator[Check]:
    wanted: dict[str, tuple[tuple[str, ...], str]] = {
        "chromium": (
            ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable"),
            "只有浏览器测试需要 / only the browser tests need it: apt-get install chromium",
        ),
        "tesseract": (("tesseract",), "apt-get install tesseract-ocr tesseract-ocr-chi-sim · brew install tesseract"),
    }
    find: Callable[[str], str | None] = shutil.which
    for name, (commands, fix) in wanted.items():
        place = next((found for command in commands if (found := find(command))), None)
        yield Check(name, place is not None, place or "未找到 / not found", fix, needed=False)


def _home(settings: "Settings") -> Check:
    import tempfile

    from medeval.errors import MedevalError
    from medeval.store import Store

    fix = "设置 MEDEVAL_HOME 为可写的文件夹 / set MEDEVAL_HOME to a folder you may write"
    try:
        home = settings.prepare_home()
        with tempfile.TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free
        Store(home).close()
    except (MedevalError, OSError) as error:
        return Check("home", False, f"{settings.home}: {error}", fix)
    detail = f"{home}, {free / 1e9:.1f} GB 可用 / free"
    return Check("home", free > _ENOUGH_DISK, detail, "腾出磁盘空间 / free some disk space", needed=free < 1e8)
