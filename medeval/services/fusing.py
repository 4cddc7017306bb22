"""Fusing for the two faces: what is possible, the work itself (here or as a job), deploying, and what was fused."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import unknown_variant
from medeval.cases.load import load_cases
from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder
from medeval.errors import EngineError, MedevalError, UsageError
from medeval.settings import Settings
from medeval.training.progress import JobFolder

if TYPE_CHECKING:
    from medeval.fusion.deploy import Deployed, Smoke
    from medeval.fusion.order import Outcome
    from medeval.services.core import Services
    from medeval.store.jobs import Job

EMIT_SECONDS = 0.5
_ELSEWHERE = Path("fused") / "elsewhere.txt"
Tell = Callable[[int, int, str, str], None]


@dataclass(frozen=True)
class FuseOrder:
    """What a person asks for; the file form is the job's config.

    `measure` names further bit widths whose loss the table shows; `out` empty means a folder of medeval's own.
    """

    variant: str
    out: str = ""
    bits: int = 16
    measure: tuple[int, ...] = ()
    dtype: str = "auto"
    suite: str = "standard"
    tokens: int = 256
    replace: bool = False
    lmstudio: bool = False
    lmstudio_home: str = ""
    publisher: str = "medeval"
    name: str = ""
    model: str = ""
    """A fused folder that passed its proof: it is deployed as it is, nothing is fused."""


@dataclass(frozen=True)
class Fused:
    """How it went: the outcome of fusing, and where it was deployed to, if it was."""

    outcome: "Outcome"
    deployed: "Deployed | None" = None
    smoke: "Smoke | None" = None

    def document(self) -> dict[str, Any]:
        """The `result` event and the JSON of the command line."""
        out = self.outcome
        return {
            "ok": out.ok, "path": str(out.path), "backup": str(out.backup) if out.backup else None,
            "report": out.report, **_deployed(self.deployed, self.smoke),
        }  # fmt: skip


def _deployed(deployed: "Deployed | None", smoke: "Smoke | None") -> dict[str, Any]:
    told = None if deployed is None else {
        "path": str(deployed.path), "files": deployed.files, "bytes": deployed.bytes,
        "backup": str(deployed.backup) if deployed.backup else None,
    }  # fmt: skip
    return {"deployed": told, "smoke": None if smoke is None else asdict(smoke)}


@dataclass(frozen=True)
class Width:
    """One bit width before the choice: its estimated size, and why it cannot be had here (empty where it can)."""

    bits: int
    bytes: int
    missing: str = ""


def widths(settings: Settings) -> list[Width]:
    """16, 8 and 4 bits of the current base: size, and what is missing for them.

    Raises:
        EngineError: the base is not there or cannot be read.
    """
    from medeval.fusion.folder import read_folder
    from medeval.fusion.order import BITS
    from medeval.fusion.quantise import check_mlx
    from medeval.fusion.space import model_bytes

    folder = read_folder(base_folder(settings))
    found = []
    for bits in BITS:
        missing = ""
        try:
            if bits != 16:
                check_mlx(folder.sees)
        except MedevalError as error:
            missing = str(error)
        found.append(Width(bits, model_bytes(folder, bits), missing))
    return found


def base_folder(settings: Settings) -> Path:
    """The folder of the base as the settings name it; raises EngineError where it cannot be had."""
    return find_folder(BaseRef(settings.base, offline=settings.offline))


def default_out(settings: Settings, order: FuseOrder) -> Path:
    """A place of medeval's own: `<home>/fused/<base>-<variant>-<bits>bit`."""
    from medeval.adapters.adding import safe_name

    base = Path(settings.base.rstrip("/")).name
    return settings.home / "fused" / safe_name(f"{base}-{order.variant}-{order.bits}bit")


def begin(services: "Services", order: FuseOrder) -> "Job":
    """Puts a fusing into the queue.

    Raises:
        UsageError: no such variant, nothing to fuse, or the target exists.
    """
    if services.settings.served:
        base_folder(services.settings)  # says at once that fusing needs local weights
    if order.model:
        return services.jobs.add("fuse", f"{Path(order.model).name} → LM Studio", asdict(order))
    _variant(services.settings, order.variant)
    out = Path(order.out).expanduser() if order.out else default_out(services.settings, order)
    if out.exists() and not order.replace:
        raise UsageError(
            f"{out} 已存在；换一个名字，或选择替换"
            f" / {out} exists already: choose another name, or replace it"
        )
    config = {**asdict(order), "out": str(out.absolute())}
    return services.jobs.add("fuse", f"{order.variant} → {out.name} ({order.bits} bit)", config)


def fuse_variant(
    settings: Settings, order: FuseOrder, tell: Tell = lambda done, total, zh, en: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Fused:  # fmt: skip
    """Fuses, proves and, where asked, deploys; a model that fails its proof is never deployed.

    Raises:
        MedevalError: as `fuse` and `deploy`.
        Stopped: the user stopped it.
    """
    from medeval.fusion.fuse import fuse
    from medeval.fusion.order import Order

    out = Path(order.out).expanduser() if order.out else default_out(settings, order)
    outcome = fuse(
        Order(
            base=base_folder(settings), variant=_variant(settings, order.variant), out=out,
            cases=load_cases(settings.cases).suite(order.suite), bits=order.bits, measure=tuple(order.measure),
            dtype=order.dtype, tokens=order.tokens, replace=order.replace, base_name=_name(settings),  # type: ignore[arg-type]
            engine=settings.engine if settings.engine in ("torch", "mlx") else None,
        ),
        tell, stopped,
    )  # fmt: skip
    if not (order.lmstudio and outcome.ok):
        return Fused(outcome)
    deployed, smoke = deploy_fused(outcome.path, order)
    return Fused(outcome, deployed, smoke)


def deploy_fused(model: Path, order: FuseOrder) -> "tuple[Deployed, Smoke]":
    """Copies a fused model into LM Studio's folder, reads it back, and tries it where LM Studio runs.

    Raises:
        MedevalError: as `medeval.fusion.deploy.deploy`.
    """
    from medeval.fusion.deploy import Smoke, deploy, smoke_test

    home = Path(order.lmstudio_home).expanduser() if order.lmstudio_home else None
    deployed = deploy(model, home, order.publisher, order.name or None, order.replace)
    # a home of the caller's own choosing is not the one that the running LM Studio serves
    smoke = smoke_test(deployed.path.name) if home is None else Smoke("not running")
    return deployed, smoke


def _variant(settings: Settings, name: str) -> Any:
    known = find_variants(settings.adapters)
    if name not in known:
        raise unknown_variant([name], known)
    if known[name].is_base:
        raise UsageError("基础模型没有可融合的适配器 / the base has no adapter to fuse")
    return known[name]


def _name(settings: Settings) -> str:
    return f"{Path(settings.base).name} (demo)" if settings.is_demo else settings.base


def work(folder: JobFolder, settings: Settings) -> None:
    """The worker of jobs of kind `fuse`: progress events, then one `result`; stopping leaves nothing.

    Raises:
        MedevalError: a step failed, or the proof did (the model is then kept as NAME.failed).
    """
    from medeval.fusion.write import Stopped

    order = order_from(folder.config)
    emitter = _Emitter(folder)
    if order.model:
        emitter.show(0, 100, "正在复制到 LM Studio 并逐字节读回", "copying into LM Studio and reading every byte back")
        report = report_of(Path(order.model))
        told = _deployed(*deploy_fused(Path(order.model), order))
        folder.emit("result", ok=True, path=order.model, backup=None, report=report, **told)
        return
    try:
        fused = fuse_variant(settings, order, emitter.show, folder.stop_requested)
    except Stopped:
        return
    folder.emit("result", **fused.document())
    if not fused.outcome.ok:
        raise EngineError(
            f"融合模型未通过核对，已保留为 {fused.outcome.path.name}，不会部署"
            f" / the fused model failed its proof; it is kept as {fused.outcome.path.name} and not deployed"
        )


def order_from(config: Mapping[str, Any]) -> FuseOrder:
    """The order of a job's config."""
    known = {name: config[name] for name in FuseOrder.__dataclass_fields__ if name in config}
    if "variant" not in known:
        raise UsageError("config.json 缺少 variant / names no variant")
    return FuseOrder(**{**known, "measure": tuple(known.get("measure") or ())})


class _Emitter:
    """At most two progress events a second; every new step is one."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder, self._last, self._words = folder, 0.0, ""

    def show(self, done: int, total: int, zh: str, en: str) -> None:
        """Writes a progress event."""
        now = time.monotonic()
        if en == self._words and done != total and now - self._last < EMIT_SECONDS:
            return
        self._last, self._words = now, en
        percent = 100 * done // max(total, 1)
        self._folder.emit("progress", done=percent, total=100, unit="%", note={"zh": zh, "en": en})


def report_of(model: Path) -> dict[str, Any]:
    """The report of a fused model; empty where it has none that can be read."""
    from medeval.fusion.report import JSON

    try:
        report = json.loads((model / JSON).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) and "rows" in report else {}


def remember(settings: Settings, model: Path) -> None:
    """Notes a model that was fused outside of medeval's own folder, so that the pages list it too."""
    noted = settings.prepare_home() / _ELSEWHERE
    noted.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with noted.open("a", encoding="utf-8") as file:
        file.write(f"{model.absolute()}\n")


def past_reports(settings: Settings) -> list[dict[str, Any]]:
    """The reports of models in medeval's own folder and of those remembered, newest first; `path` is added."""
    own = [file.parent for file in (settings.home / "fused").glob("*/fuse_report.json")]
    noted = settings.home / _ELSEWHERE
    elsewhere = [Path(line) for line in noted.read_text("utf-8").splitlines()] if noted.is_file() else []
    found = [{**report, "path": str(model)} for model in dict.fromkeys([*own, *elsewhere])
             if (report := report_of(model))]  # fmt: skip
    return sorted(found, key=lambda r: str(r.get("created")), reverse=True)
