"""Evaluations as background jobs, answers taken over from earlier runs, and stored answers scored anew."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from medeval.adapters.variant import unknown_variant
from medeval.engines.contract import Answer, Decoding
from medeval.errors import EngineError, UsageError
from medeval.evaluation.records import Cell, CellKey, RunRecord
from medeval.evaluation.reuse import answer_keys, earlier_answers
from medeval.settings import Settings
from medeval.store import Store
from medeval.training.progress import JobFolder

if TYPE_CHECKING:
    from medeval.evaluation.run import Progress, Reuse
    from medeval.services.core import Services
    from medeval.store.jobs import Job

EMIT_SECONDS = 0.5
"""At most two progress events a second reach the job's folder."""
POLL_SECONDS = 0.2
ROOM = 1.3
"""Memory that a second copy of the base needs, as a multiple of its weight files."""


@dataclass(frozen=True)
class Order:
    """What an evaluation is asked to do."""

    suite: str
    variants: tuple[str, ...]
    repeats: int = 1
    decoding: Decoding = Decoding()
    reuse: bool = True


def begin(services: "Services", order: Order, recorded: Path | None = None) -> "tuple[Job, str]":
    """Puts an evaluation into the queue.

    Args:
        services: of the app.
        order: what to ask.
        recorded: a file of answers instead of a model.

    Returns:
        The job, and the id that its run will have (the run itself begins with the job).

    Raises:
        UsageError: an unknown suite, an unknown variant, or no variant.
    """
    services.cases.suite(order.suite)
    if not order.variants:
        raise UsageError("请至少选择一个版本 / choose at least one variant")
    known = services.variants()
    unknown = [name for name in order.variants if name not in known]
    if unknown and recorded is None:
        raise unknown_variant(unknown, known)
    run_id = services.store.new_run_id()
    config: dict[str, Any] = {"run_id": run_id, **asdict(order)}
    if recorded is not None:
        config["recorded"] = str(recorded.resolve())
    title = f"{order.suite} × {', '.join(order.variants)}" + (f" × {order.repeats}" if order.repeats > 1 else "")
    return services.jobs.add("evaluate", title, config), run_id


def work(folder: JobFolder, settings: Settings) -> None:
    """The worker of jobs of kind `evaluate`: begins the run of its config, or goes on with it.

    Raises:
        MedevalError: the model, the cases or the store; or answers that failed, which a resume asks again.
    """
    from medeval.services.core import Services

    config = folder.config
    engine = None
    if config.get("recorded"):
        from medeval.engines.recorded import RecordedEngine

        engine = RecordedEngine(Path(config["recorded"]))
        settings = settings.model_copy(update={"engine": "recorded"})
    services = Services(settings, engine)
    over = Event()
    try:
        run_id = _begun(services, folder, config)
        record = services.continue_run(run_id, _cancel_of(folder, over), _Emitter(folder).show, _noted(folder))
        figures = {"run_id": run_id, "answered": record.answered, "failed": record.failed, "missing": record.missing}
        if record.missing > record.failed:
            return  # stopped: no result yet
        if record.failed:
            raise EngineError(
                f"{record.failed} 个回答失败，原因见评测页；续跑会重试"
                f" / {record.failed} answers failed, the page says why; resume to try them again"
            )
        folder.emit("result", **figures)
    finally:
        over.set()
        services.close()


def _begun(services: "Services", folder: JobFolder, config: dict[str, Any]) -> str:
    run_id = str(config["run_id"])
    if not services.store.has_run(run_id):
        folder.emit("note", zh="正在加载模型", en="loading the model")
        refused = services.receipt().refused
        for name in [name for name in config["variants"] if name in refused]:
            why = "; ".join(refused[name])
            folder.emit("note", zh=f"已拒绝版本 {name}：{why}", en=f"variant {name} refused: {why}")
        names = [name for name in config["variants"] if name not in refused]
        if not names:
            raise UsageError("所选版本都未通过检查 / every chosen variant was refused by the gate")
        services.create_run(
            config["suite"], names, int(config.get("repeats", 1)), Decoding(**config.get("decoding", {})),
            reuse=bool(config.get("reuse", True)), run_id=run_id,
        )  # fmt: skip
    return run_id


def _cancel_of(folder: JobFolder, over: Event) -> Event:
    """An event that is set soon after somebody wants the job to end."""
    cancel = Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            if folder.stop_requested():
                cancel.set()
                return

    Thread(target=watch, name="stop-of-job", daemon=True).start()
    return cancel


def _noted(folder: JobFolder) -> Any:
    return lambda text: folder.emit("note", zh=text, en=text)


class _Emitter:
    """Progress of the run as events of the job, not more often than people can read."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._last = float("-inf")

    def show(self, progress: "Progress") -> None:
        now = time.monotonic()
        if progress.done < progress.total and now - self._last < EMIT_SECONDS:
            return
        self._last = now
        self._folder.emit(
            "progress", done=progress.done, total=progress.total, unit="answer", failed=progress.failed,
            eta=progress.eta,
        )  # fmt: skip


def reuse_of(store: Store, record: RunRecord) -> "Reuse":
    """Looks answers up that exactly the same questions got: repeats of this run, then earlier runs, newest first.

    A further repeat at temperature 0 is the same question; the answer's origin is then this run itself.
    """
    spec = record.spec
    if not spec.reuse or not spec.receipt.base_fingerprint:
        return lambda key: None
    places = earlier_answers(spec, store.list_runs(), record.id)
    own = answer_keys(spec) if spec.decoding.temperature == 0 else {}

    def find(key: CellKey) -> Answer | None:
        before = range(key.repeat) if key in own else ()
        mine = [(record.id, replace(key, repeat=repeat)) for repeat in before]
        for run_id, there in (*mine, *places.get(key, ())):
            cell = store.cell(run_id, there)
            if cell is not None and cell.answer is not None:
                return _taken_over(cell, run_id)
        return None

    return find


def _taken_over(cell: Cell, run_id: str) -> Answer:
    assert cell.answer is not None
    return replace(cell.answer, origin=cell.answer.origin or run_id)


def rescore(store: Store, run_id: str) -> str:
    """Scores the stored answers of a run anew, by the rules of now, as a new run; nothing is asked, no model loaded.

    The old run keeps its scores, so that the two can be compared. Failed and missing answers stay so.

    Returns:
        The id of the new run.

    Raises:
        StoreError: there is no such run.
    """
    from medeval.evaluation.run import scored_cell
    from medeval.evaluation.spec import rescored_spec

    record, cells = store.run(run_id), store.cells(run_id)
    cases = {item.case.id: item.case for item in record.spec.cases}
    new_id = store.create_run(rescored_spec(record.spec, run_id))
    with store.sink(new_id) as sink:
        for cell in cells:
            if cell.answer is not None:
                cell = scored_cell(cases[cell.case_id], cell.key, _taken_over(cell, run_id))
            sink.save(cell)
    fresh = store.run(new_id)
    if fresh.answered + fresh.failed == fresh.spec.total:
        store.finish_run(new_id)
    return new_id


def make_room(services: "Services") -> bool:
    """Closes the app's own model where a second copy of the base would not fit beside it; design/statistics.md.

    Returns:
        Whether it was closed; the next question of the Compare page loads it again.
    """
    if services.settings.served:
        return False  # the weights are the server's
    need = ROOM * _weight_bytes(services.settings.base)
    if need <= _free_bytes():
        return False
    services.release()
    return True


def _weight_bytes(base: str) -> int:
    files: Sequence[Path] = list(Path(base).glob("*.safetensors")) if Path(base).is_dir() else []
    if files:
        return sum(file.stat().st_size for file in files)
    import psutil

    return int(psutil.Process().memory_info().rss)  # a repo id: what this process holds is the best guess


def _free_bytes() -> int:
    """Memory that a further process can get: of the GPU where this process uses one, else of the machine."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    import psutil

    return int(psutil.virtual_memory().available)
