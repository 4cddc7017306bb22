"""Fusing from beginning to end: gate, disk check, write, quantise, proof, report, and only then the model's own name.

Everything happens in a hidden folder beside the target. A process killed at any point leaves no model under the
target's name; the next attempt clears what it left. A model that fails its proof is kept as `NAME.failed`.
"""

import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Variant
from medeval.errors import AdapterError, EngineError, MissingPackageError, UsageError
from medeval.fusion.folder import BaseFolder, read_folder
from medeval.fusion.order import BITS, Engine, Order, Outcome, Progress
from medeval.fusion.parity import Parity, Replayed, compare, replay
from medeval.fusion.placing import place
from medeval.fusion.process import run_fresh
from medeval.fusion.quantise import check_mlx, group_size
from medeval.fusion.report import JSON, write_report
from medeval.fusion.space import check_space
from medeval.fusion.write import Stopped, Written, copy_rest, sync, write_fused

__all__ = ["Order", "Outcome", "Stopped", "fuse"]


@dataclass
class _Steps:
    """Counts the parts of the work: writing, each width's quantising, and each replay weigh about the same."""

    tell: Progress
    total: int
    done: int = 0
    words: tuple[str, str] = ("", "")
    parts: int = 100

    def begin(self, zh: str, en: str) -> None:
        self.words = (zh, en)
        self.tell(self.done * self.parts, self.total * self.parts, zh, en)

    def inner(self, done: int, total: int, *_: object) -> None:
        part = round(self.parts * done / max(total, 1))
        self.tell(self.done * self.parts + part, self.total * self.parts, *self.words)

    def end(self) -> None:
        self.done += 1
        self.tell(self.done * self.parts, self.total * self.parts, *self.words)


@dataclass
class _Work:
    """One fusing under way."""

    order: Order
    folder: BaseFolder
    stack: list[Checked]
    hidden: Path
    steps: _Steps
    stopped: Callable[[], bool]
    engine: Engine
    widths: tuple[int, ...]
    written: Written | None = None
    rows: list[Parity] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)

    def model(self, bits: int) -> Path:
        return self.hidden / f"model{bits}"


def fuse(
    order: Order,
    on_progress: Progress = lambda done, total, zh, en: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Fuses a variant into a complete model folder and proves it.

    Args:
        order: what to fuse and where to.
        on_progress: called often with (done, total, zh, en).
        stopped: asked often; true ends the work and leaves nothing.

    Returns:
        The outcome; where the proof failed its folder is `NAME.failed` and `ok` is false.

    Raises:
        UsageError: nothing to fuse, the target exists, or the order makes no sense.
        AdapterError: an adapter of the stack does not pass the gate.
        EngineError: the base cannot be read, the disk is too full, or a step failed.
        Stopped: the user stopped it.
    """
    _check_order(order)
    order.out.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(order.out.with_name(f".{order.out.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"{order.out} 正在被另一个进程写入 / another process is fusing into {order.out}") from None
    hidden = order.out.with_name(f".{order.out.name}.partial")
    try:
        _clear(hidden)
        work = _prepare(order, hidden, on_progress, stopped)
        return _run(work)
    finally:
        _clear(hidden)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _check_order(order: Order) -> None:
    if not order.variant.stack:
        raise UsageError("基础模型没有可融合的适配器 / the base has no adapter to fuse")
    unknown = [b for b in (order.bits, *order.measure) if b not in BITS]
    if unknown:
        raise UsageError(f"位宽 {unknown[0]} 不支持，可用 4、8、16 / bits must be 4, 8 or 16, not {unknown[0]}")
    if not order.cases:
        raise UsageError("没有用于核对的病例 / no cases to prove the fused model with")
    if order.out.exists() and not order.replace:
        raise UsageError(
            f"{order.out} 已存在；换一个名字，或用 --replace（旧的保留为备份）"
            f" / {order.out} exists already: choose another name, or --replace (the old one is kept as a backup)"
        )
    target, base = order.out.resolve(), order.base.resolve()
    if target == base or base in target.parents or target in base.parents:
        raise UsageError("不能写入基础模型自己的文件夹 / cannot be written into the base's own folder")


def _prepare(order: Order, hidden: Path, tell: Progress, stopped: Callable[[], bool]) -> _Work:
    folder = read_folder(order.base)
    widths = tuple(b for b in BITS if b == 16 or b == order.bits or b in order.measure)
    if set(widths) - {16}:
        check_mlx(folder.sees)
    stack = _gate(order, folder)
    check_space(order.out.parent, folder, widths, order.dtype)
    hidden.mkdir()
    steps = _Steps(tell, 2 + 2 * len(widths))
    return _Work(order, folder, stack, hidden, steps, stopped, _engine(order, folder), widths)


def _gate(order: Order, folder: BaseFolder) -> list[Checked]:
    fingerprint = base_fingerprint(order.base)
    checked: list[Checked] = []
    problems: list[str] = []
    for adapter in order.variant.stack:
        try:
            checked.append(check_adapter(adapter, folder.shapes, fingerprint))
        except AdapterError as error:
            problems.extend(error.problems)
    if problems:
        raise AdapterError(problems)
    return checked


def _engine(order: Order, folder: BaseFolder) -> Engine:
    """What replays base + adapters: as ordered; mlx where only mlx reads the base; else what `auto` stands for."""
    only_mlx = folder.quantised or any(t.disk.startswith("language_model.") for t in folder.tensors.values())
    apple = platform.system() == "Darwin" and platform.machine() == "arm64" and find_spec("mlx_vlm") is not None
    automatic: Engine = "mlx" if apple or find_spec("torch") is None else "torch"
    chosen: Engine = "mlx" if only_mlx else order.engine or automatic
    if find_spec(chosen) is None:
        raise MissingPackageError(f"核对需要 {chosen}，此处未安装 / the proof needs {chosen}, which is not installed")
    return chosen


def _run(work: _Work) -> Outcome:
    started = time.monotonic()
    order, steps = work.order, work.steps
    steps.begin("逐层写入融合模型", "writing the fused model layer by layer")
    work.model(16).mkdir()
    work.written = write_fused(work.folder, work.stack, work.model(16), order.dtype, steps.inner, work.stopped)
    steps.end()
    steps.begin("新进程回答：基础模型 + 适配器", "fresh process: base + adapters answers")
    reference = replay(
        work.hidden / "reference", work.engine, order.base, order.variant, order.cases, order.tokens, None,
        steps.inner, work.stopped,
    )  # fmt: skip
    steps.end()
    work.environment = {k: reference.result[k] for k in ("engine", "dtype", "device", "packages")}
    for bits in work.widths:
        _one_width(work, bits, reference)
    return _finish(work, time.monotonic() - started)


def _one_width(work: _Work, bits: int, reference: Replayed) -> None:
    model, steps = work.model(bits), work.steps
    if bits != 16:
        steps.begin(f"量化为 {bits} 位", f"quantising to {bits} bits")
        model.mkdir()
        group = group_size(dict(work.folder.config))
        run_fresh(
            "medeval.fusion.quantise", [str(work.model(16)), str(model), str(bits), str(group)], steps.inner,
            work.stopped,
        )  # fmt: skip
        copy_rest(work.model(16), model)
        kept = read_folder(model)
        if kept.vision_tensors != work.folder.vision_tensors:
            raise EngineError(f"{bits} 位模型的视觉部分不完整 / the vision tower of the {bits}-bit model is not whole")
        steps.end()
    steps.begin(f"新进程回答：{bits} 位融合模型", f"fresh process: the fused {bits}-bit model answers")
    paths = [a["ids"] for a in reference.result["answers"]]
    fused = replay(
        work.hidden / f"replay{bits}", work.engine if bits == 16 else "mlx", model, Variant("base"),
        work.order.cases, work.order.tokens, paths, steps.inner, work.stopped,
    )  # fmt: skip
    size = sum(p.stat().st_size for p in model.glob("*.safetensors")) / 1e6
    work.rows.append(compare(bits, round(size, 3), reference, fused, work.order.cases))
    shutil.rmtree(work.hidden / f"replay{bits}")
    steps.end()


def _finish(work: _Work, seconds: float) -> Outcome:
    order = work.order
    steps = work.steps
    steps.begin("写报告并就位", "writing the report, moving into place")
    needed = [row for row in work.rows if row.bits in (16, order.bits)]
    ok = all(row.ok for row in needed)
    model = work.model(order.bits)
    report = _report(work, ok, seconds)
    write_report(model, report)
    sync(model)
    target = order.out
    if not ok:
        target = order.out.with_name(f"{order.out.name}.failed")
        if (target / JSON).is_file():
            _clear(target)  # only the latest failure is kept
    path, backup = place(model, target, replace=order.replace or not ok)
    steps.end()
    return Outcome(ok, path, tuple(work.rows), report, backup)


def _report(work: _Work, ok: bool, seconds: float) -> dict[str, Any]:
    order, written = work.order, work.written
    assert written is not None
    return {
        "ok": ok, "bits": order.bits, "variant": order.variant.name,
        "stack": [{"name": c.adapter.name, "sha256": c.sha256} for c in work.stack],
        "base": {"name": order.base_name or str(order.base), "fingerprint": base_fingerprint(order.base)},
        "written": asdict(written), "rows": [asdict(row) for row in work.rows],
        "cases": [case.id for case in order.cases], "tokens": order.tokens, "reference": work.environment,
        "created": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(seconds, 1),
    }  # fmt: skip
