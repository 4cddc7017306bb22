"""Training for the two faces: starting runs, what they have done, checkpoints as columns; and the job's worker."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from medeval.adapters.adding import add, safe_name
from medeval.adapters.catalogue import find_adapters, find_problems, make_variants
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.variant import Adapter
from medeval.cases.load import load_cases
from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder
from medeval.errors import MissingPackageError, UsageError
from medeval.services.datasets import training_data
from medeval.settings import Settings
from medeval.training.checkpoints import Checkpoint, intact, list_checkpoints
from medeval.training.config import TrainConfig, make_config
from medeval.training.data_guard import marked
from medeval.training.history import History, Summary, read_history, summarise
from medeval.training.outputs import Origin, write_outputs
from medeval.training.progress import JobFolder
from medeval.training.task import Trained, TrainTask

if TYPE_CHECKING:
    from medeval.services.core import Services
    from medeval.store.jobs import Job

WORKERS = {"torch": "medeval.training.worker_torch", "mlx": "medeval.training.worker_mlx"}
"""Engine -> module with `train(task) -> Trained` and `dry_run(task)`."""


@dataclass(frozen=True)
class Run:
    """One training job with what it has done."""

    job: Job
    config: TrainConfig
    history: History

    @property
    def summary(self) -> Summary:
        """Its figures for a table of several runs."""
        return summarise(self.history)


def choose_config(settings: Settings, preset: str, changes: Sequence[str] = ()) -> TrainConfig:
    """The config of a preset after `key=value` changes; on the demo model the preset's demo scale.

    Raises:
        ConfigError: with one sentence per fault. UsageError: no such preset.
    """
    from medeval.training.config import ConfigError
    from medeval.training.config_text import apply_changes
    from medeval.training.presets import load_preset, preset_for

    base = next((change.partition("=")[2] for change in changes if change.startswith("base=")), "")
    demo = settings.is_demo and not base
    values, faults = apply_changes(load_preset(preset_for(preset, demo)).config, changes)
    if faults:
        raise ConfigError(faults)
    return make_config(values)


def begin(services: Services, config: TrainConfig) -> Job:
    """Puts a run into the queue; it starts when nothing else trains, evaluates or fuses.

    Raises:
        UsageError: the name is taken by an adapter. DiskFullError: hardly any room is left.
    """
    taken = services.settings.adapters / config.name
    if taken.exists():
        raise UsageError(
            f"适配器 {config.name} 已存在，请换一个 --name / an adapter {config.name} exists already:"
            " choose another --name"
        )
    title = config.name if not config.preset else f"{config.name} · {config.preset}"
    return services.jobs.add("train", title, {"train": config.model_dump(mode="json")})


def runs(services: Services) -> list[Run]:
    """Every training job: what runs, what waits, then the rest, newest first."""
    return [run_of(services, job.id) for job in services.jobs.list() if job.kind == "train"]


def run_of(services: Services, job_id: str) -> Run:
    """One training job; raises StoreError where there is none."""
    job = services.jobs.get(job_id)
    folder = JobFolder(job.folder)
    events, _ = folder.events()
    return Run(job, make_config(folder.config["train"]), read_history(events))


def checkpoints(services: Services, job_id: str) -> list[Checkpoint]:
    """The complete checkpoints of a run, oldest first; any of them can become a column."""
    return list_checkpoints(services.jobs.get(job_id).folder / "checkpoints")


def use_checkpoint(services: Services, job_id: str, step: int, name: str) -> Adapter:
    """Makes a column of a checkpoint, finished or not; `services.refresh()` then shows it in Compare.

    Raises:
        UsageError: no such checkpoint, a whole model, or the name is taken.
    """
    run = run_of(services, job_id)
    found = next((c for c in checkpoints(services, job_id) if c.step == step), None)
    if found is None or not intact(found):
        known = ", ".join(str(c.step) for c in checkpoints(services, job_id)) or "–"
        raise UsageError(
            f"没有第 {step} 步的完整检查点；有：{known}"
            f" / no complete checkpoint of step {step}; known: {known}"
        )
    if run.config.method == "full":
        raise UsageError("全参数微调的检查点是整个模型，不是适配器 / it is a whole model, not an adapter")
    task = make_task(services.settings, JobFolder(run.job.folder))
    config = run.config.model_copy(update={"name": safe_name(name)})
    with tempfile.TemporaryDirectory(dir=run.job.folder) as private:
        origin = _origin(replace(task, config=config), step, run.job.id)
        made = write_outputs(found.path, Path(private) / "output", origin, run.history)
        return add(made, services.settings.adapters, config.name)


def work(folder: JobFolder, settings: Settings) -> None:
    """The job's process: trains, writes the outputs, and makes the finished adapter a column."""
    if folder.config.get("dry"):
        return _dry(folder, settings)
    task = make_task(settings, folder)
    trained = _worker(task)(task)
    if not trained.finished or trained.checkpoint is None:
        folder.emit("note", zh=f"停在第 {trained.steps} 步，可以续跑", en=f"stopped at step {trained.steps}; resumable")
        return None
    events, _ = folder.events()
    origin = _origin(task, _step_of(trained), folder.path.name)
    made = write_outputs(trained.checkpoint, task.output, origin, read_history(events))
    installed = None if task.config.method == "full" else _install(made, settings, folder)
    folder.emit(
        "result", steps=trained.steps, early=trained.early, output=str(made), adapter=installed,
        step=_step_of(trained),
    )  # fmt: skip
    return None


def make_task(settings: Settings, folder: JobFolder) -> TrainTask:
    """Finds everything that the run in `folder` needs.

    Raises:
        UsageError: base, an adapter below or the suite is not there. DataError: the data cannot be used.
    """
    config = make_config(folder.config["train"])
    base = BaseRef(config.base or settings.base, offline=settings.offline)
    data = training_data(settings, config)
    cases = load_cases(settings.cases).suite(config.suite)[: config.suite_cases] if config.suite else []
    return TrainTask(folder, config, base, find_stack(settings, config), data, tuple(cases))


def find_stack(settings: Settings, config: TrainConfig) -> tuple[Adapter, ...]:
    """The adapters below the new one, each with its own lineage below it, in order and once.

    Raises:
        UsageError: one is missing or unusable, with the reason.
    """
    adapters, _ = find_adapters(settings.adapters)
    variants, _ = make_variants(adapters)
    stack: list[Adapter] = []
    for name in config.trained_on:
        if name not in variants:
            why = find_problems(settings.adapters).get(name, [])
            known = ", ".join(n for n in variants if n != "base") or "–"
            said = f"trained_on: 没有可用的适配器 {name}；有：{known} / no usable adapter {name}; known: {known}"
            raise UsageError(" · ".join([said, *why]))
        stack.extend(item for item in variants[name].stack if item not in stack)
    return tuple(stack)


def engine_of(config: TrainConfig) -> str:
    """Which worker a run takes: as told; else MLX on Apple Silicon where it is installed, torch elsewhere."""
    if config.engine != "auto":
        return config.engine
    if config.dpo_smoothing or config.method == "full":
        return "torch"
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    there = all(find_spec(name) is not None for name in ("mlx_vlm", WORKERS["mlx"]))
    return "mlx" if apple and there else "torch"


def _worker(task: TrainTask) -> Callable[[TrainTask], Trained]:
    name = engine_of(task.config)
    try:
        module = import_module(WORKERS[name])
    except ImportError as error:
        raise MissingPackageError(
            f"训练引擎 {name} 用不了，缺少 {error.name} / the training engine {name} needs the package {error.name}"
        ) from error
    function: Callable[[TrainTask], Trained] = module.train
    return function


def _step_of(trained: Trained) -> int:
    assert trained.checkpoint is not None
    return int(trained.checkpoint.name.removeprefix("step-"))


def _origin(task: TrainTask, step: int, job: str) -> Origin:
    folder = find_folder(task.base)
    name = task.base.path if not Path(task.base.path).expanduser().is_dir() else folder.name
    return Origin(
        task.config, name, base_fingerprint(folder), task.config.data, task.data.fingerprint, len(task.data.train),
        step, job, marked(task.data),
    )  # fmt: skip


def _install(made: Path, settings: Settings, folder: JobFolder) -> str:
    """Puts the finished adapter among the others; under a further name where somebody took its own meanwhile."""
    wanted = safe_name(made.parent.name if made.name != "output" else str(folder.config["train"]["name"]))
    name, number = wanted, 2
    mine = json.loads((made / "medeval.json").read_text("utf-8"))["sha256"]
    while (settings.adapters / name).exists():
        sidecar = settings.adapters / name / "medeval.json"
        if sidecar.is_file() and json.loads(sidecar.read_text("utf-8")).get("sha256") == mine:
            return name  # installed already, by an attempt that was killed just after
        name, number = f"{wanted}-{number}", number + 1
    adapter = add(made, settings.adapters, name)
    if name != wanted:
        folder.emit("note", zh=f"{wanted} 已存在，存为 {name}", en=f"{wanted} exists, stored as {name}")
    return adapter.name


def _dry(folder: JobFolder, settings: Settings) -> None:
    """Three steps on the real model and data; reports their pace and memory, keeps nothing."""
    task = make_task(settings, folder)
    folder.emit("result", **import_module(WORKERS[engine_of(task.config)]).dry_run(task))
