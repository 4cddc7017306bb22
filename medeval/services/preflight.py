"""Preflight for the two faces: base, data, targets, suite, memory, disk, and a dry run in a process of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medeval.cases.load import load_cases
from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder
from medeval.errors import AdapterError, MedevalError
from medeval.services.datasets import training_data
from medeval.services.training import WORKERS, engine_of, find_stack
from medeval.settings import ROOT, Settings
from medeval.store.jobs.process import spawn
from medeval.training.config import TrainConfig
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataSet, Sample
from medeval.training.data_guard import marked
from medeval.training.preflight import (
    Row,
    base_hint,
    disk_row,
    dry_rows,
    failed,
    memory_row,
    scale_row,
    target_row,
    trained_numbers,
)
from medeval.training.progress import JobFolder

if TYPE_CHECKING:
    from medeval.services.core import Services
    from medeval.training.targets import Skeleton, Targets

DRY_SECONDS = 600.0
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "8bit": 1.1, "4bit": 0.6}


def preflight(
    services: Services, config: TrainConfig, dry: bool = True, stop: Callable[[], bool] = lambda: False
) -> Iterator[Row]:
    """Looks at everything that a run needs, one row after the other as it is known.

    Args:
        services: of the app.
        config: the run.
        dry: whether to take three real steps in a process of their own (its model is loaded beside Compare's).
        stop: asked while the dry run goes on.
    """
    settings = services.settings
    rows = list(_found(settings, config))
    yield from (row for row, _ in rows)
    things = {row.name: thing for row, thing in rows if thing is not None}
    yield _name_row(settings, config)
    if (scale := scale_row(config)) is not None:
        yield scale
    yield from _size_rows(services, config, things)
    if dry and all(row.verdict != "failed" for row, _ in rows):
        yield from _dry_rows(settings, config, stop)


def _found(settings: Settings, config: TrainConfig) -> Iterator[tuple[Row, Any]]:
    folder, row = _base(settings, config)
    yield row, folder
    yield _engine_row(config), None
    yield _stack_row(settings, config), None
    yield from _data_rows(settings, config)
    if folder is not None:
        yield from _targets(folder, config)
    if config.suite:
        yield _suite_row(settings, config), None


def _base(settings: Settings, config: TrainConfig) -> tuple[Path | None, Row]:
    wanted = config.base or settings.base
    if wanted == settings.base and settings.served:
        zh = "基础模型在服务器上，训练需要本地的权重：请设置 base=文件夹"
        return None, Row("base", "failed", zh, "the base is on a server and training needs local weights: set base=DIR")
    try:
        # a repo id that is not here is not fetched by a check
        folder = find_folder(BaseRef(wanted, offline=True))
    except (MedevalError, OSError):
        zh, en = base_hint(wanted, settings.base, [ROOT / "models", Path(wanted).expanduser().parent])
        fetch = f"hf download {wanted}" if wanted.count("/") == 1 and wanted[0] not in "./~" else ""
        more = (f"，或先下载：{fetch}", f", or fetch it first: {fetch}") if fetch else ("", "")
        return None, Row(
            "base", "failed", f"找不到基础模型 {wanted}；{zh}{more[0]}", f"no base model {wanted} here; {en}{more[1]}"
        )
    return folder, Row("base", "ok", f"{folder}", f"{folder}")


def _engine_row(config: TrainConfig) -> Row:
    from importlib.util import find_spec

    name = engine_of(config)
    needs = {"torch": ("torch", "transformers", "peft", "accelerate"), "mlx": ("mlx", "mlx_lm", "mlx_vlm")}[name]
    missing = [package for package in needs if find_spec(package) is None]
    if config.quantization != "none" and name == "torch" and find_spec("bitsandbytes") is None:
        missing.append("bitsandbytes")
    if missing:
        line = f"pip install {' '.join(missing)}"
        hint = ("，或 --set quantization=none", ", or set quantization=none") if "bitsandbytes" in missing else ("", "")
        return Row("engine", "failed", f"{name} 缺少包：{line}{hint[0]}", f"{name} lacks packages: {line}{hint[1]}")
    if find_spec(WORKERS[name]) is None:
        return Row("engine", "failed", f"没有 {name} 训练引擎", f"no training engine {name}")
    return Row("engine", "ok", name, name)


def _stack_row(settings: Settings, config: TrainConfig) -> Row:
    try:
        names = [item.name for item in find_stack(settings, config)]
    except MedevalError as error:
        return failed("stack", error)
    listed = " + ".join(["base", *names])
    return Row("stack", "ok", f"训练在 {listed} 之上", f"trained on {listed}")


def _data_rows(settings: Settings, config: TrainConfig) -> Iterator[tuple[Row, Any]]:
    try:
        data = training_data(settings, config)
        pairs = config.method == "dpo"
        samples = [sample for sample in data.train if sample.is_pair == pairs]
        held = [sample for sample in data.valid if sample.is_pair == pairs]
        Curriculum(config, samples)
    except (MedevalError, OSError) as error:
        yield failed("data", error), None
        return
    missing = _missing(samples, data)
    if missing:
        zh, en = f"缺 {len(missing)} 张图片，如 {missing[0]}", f"{len(missing)} images missing, such as {missing[0]}"
        yield Row("data", "failed", zh, en), None
        return
    kind = ("对偏好", " pairs") if pairs else ("条", "")
    zh = f"{len(samples)} {kind[0]}训练、{len(held)} {kind[0]}验证"
    yield Row("data", "ok", zh, f"{len(samples)}{kind[1]} to train on, {len(held)} to validate on"), data
    if marked(data):
        zh = f"{marked(data)} 条来自测试病例（已标记），训练后不能再用这些病例比较"
        yield Row("held_out", "warning", zh, f"{marked(data)} lines come from test cases: compare on others"), None
    if not held:
        yield Row("validation", "warning", "没有验证集，看不到过拟合", "no validation split"), None


def _missing(samples: list[Sample], data: DataSet) -> list[str]:
    return [str(path) for sample in (*samples, *data.valid) for path in sample.images if not path.is_file()]


def _targets(folder: Path, config: TrainConfig) -> Iterator[tuple[Row, Any]]:
    try:
        from medeval.training.torch_model import skeleton_of_folder

        skeleton = skeleton_of_folder(folder)
    except ImportError:
        yield Row("targets", "warning", "没有 torch，未检查目标层", "not checked: torch is missing"), None
        return
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        yield Row("targets", "failed", f"读不懂模型结构：{first}", f"cannot read the model: {first}"), None
        return
    row, found = target_row(skeleton, config)
    yield row, (skeleton, found) if row.verdict == "ok" else None


def _suite_row(settings: Settings, config: TrainConfig) -> Row:
    try:
        cases = load_cases(settings.cases).suite(config.suite)[: config.suite_cases]
    except MedevalError as error:
        return failed("suite", error)
    zh = f"每次评估问 {config.suite} 的 {len(cases)} 例"
    return Row("suite", "ok", zh, f"{len(cases)} cases of {config.suite} at every evaluation")


def _name_row(settings: Settings, config: TrainConfig) -> Row:
    target = settings.adapters / config.name
    if target.exists():
        return Row("output", "failed", f"{target} 已存在，请换一个名字", f"{target} exists: choose another name")
    zh = f"将写入 {target}（适配器）和任务文件夹（检查点、曲线、日志）"
    return Row("output", "ok", zh, f"writes {target} (adapter) and the job folder (checkpoints, curves, log)")


def _size_rows(services: Services, config: TrainConfig, things: dict[str, Any]) -> Iterator[Row]:
    if "base" not in things or "targets" not in things:
        return
    skeleton, targets = things["targets"]
    needed = needed_bytes(things["base"], config, skeleton, targets)
    plan = memory_plan(services, needed)
    yield memory_row(*plan, _dtype(config))
    steps = config.total_steps(len(things["data"].train)) if "data" in things else config.steps or 1
    trained = trained_numbers(skeleton, config, targets)
    yield disk_row(services.settings.home, config, 12 * trained, steps)


def needed_bytes(folder: Path, config: TrainConfig, skeleton: Skeleton, targets: Targets | None) -> int:
    """Rough bytes of a run: frozen base, trained weights with gradients and AdamW, and what a batch keeps."""
    files = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    base = files / 2 * _BYTES[_dtype(config)]
    trained = trained_numbers(skeleton, config, targets)
    width = max((pair[1] for pair in skeleton.linears.values()), default=0)
    layers = max(1, len(skeleton.linears) // 7)
    kept = 2 if config.gradient_checkpointing else 34
    # a preference pair is two rows
    rows = min(config.max_length, 1024) * config.batch_size * (2 if config.method == "dpo" else 1)
    return int(base + 16 * trained + kept * layers * rows * width * 2 + 600_000_000)


def _dtype(config: TrainConfig) -> str:
    if config.quantization != "none":
        return config.quantization
    if config.dtype != "auto":
        return config.dtype
    import torch

    return "bfloat16" if torch.cuda.is_available() or torch.backends.mps.is_available() else "float32"


def memory_plan(services: Services, needed: int) -> tuple[int, int, int]:
    """Bytes a run needs, bytes free now, and bytes that the model of Compare would give back."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        import torch

        if torch.cuda.is_available():
            free = int(torch.cuda.mem_get_info()[0])
    except ImportError:
        pass
    return needed, free, services.resident_bytes()


def _dry_rows(settings: Settings, config: TrainConfig, stop: Callable[[], bool]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="dry-", dir=settings.prepare_home()) as private:
        folder = JobFolder(Path(private))
        plain = settings.model_dump(mode="json", exclude={"password", "user", "hosts", "tls_cert", "tls_key"})
        train = config.model_dump(mode="json")
        folder.write_config({"kind": "train", "dry": True, "settings": plain, "train": train})
        child, _ = spawn(folder.path)
        try:
            _wait(child, stop)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        outcome, (events, _) = folder.outcome(), folder.events()
    results = [event for event in events if event["kind"] == "result"]
    if results:
        yield from dry_rows(results[-1])
    elif outcome is not None:
        yield failed("time", AdapterError([outcome[1]]))
    else:
        yield Row("time", "warning", "试跑没有完成", "the dry run did not end")


def _wait(child: subprocess.Popen[bytes], stop: Callable[[], bool]) -> None:
    import time

    limit = time.monotonic() + DRY_SECONDS
    while child.poll() is None and time.monotonic() < limit and not stop():
        time.sleep(0.1)
