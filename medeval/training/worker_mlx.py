"""The MLX worker: one LoRA run from config to finished weights, resumed exactly where a checkpoint is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError, UsageError
from medeval.training.checkpoints import Checkpoint
from medeval.training.curriculum import Curriculum
from medeval.training.dry import STEPS, figures_of
from medeval.training.mlx_model import load_trainee
from medeval.training.mlx_run import Run
from medeval.training.ready import ended, make_ready, usable
from medeval.training.task import Trained, TrainTask

_MEMORY = ("Insufficient Memory", "[malloc_or_wait]", "metal::malloc")


def train(task: TrainTask) -> Trained:
    """Trains until done, stopped or out of patience; the last checkpoint holds what was reached.

    Raises:
        MedevalError: with one sentence: base, data, targets, memory or disk.
    """
    if task.config.method == "full":
        raise UsageError(
            "MLX 引擎只训练适配器，全参数微调请用 --set engine=torch"
            " / the MLX engine trains adapters only: set engine=torch for full fine-tuning"
        )
    if "trackio" in task.config.trackers:
        raise UsageError(
            "MLX 引擎没有 trackio，请用 swanlab、wandb，或 --set trackers="
            " / the MLX engine has no trackio: use swanlab or wandb, or set trackers="
        )
    curriculum, start = make_ready(task)
    if start is not None and start.step >= curriculum.steps:
        task.folder.emit("resumed", step=start.step)
        return Trained(True, start.step, start.path)
    try:
        return _run(task, curriculum, start)
    except RuntimeError as error:
        # MLX has no exception of its own for this
        if any(word in str(error) for word in _MEMORY):
            raise MedevalError(
                "内存不足：请减小 batch_size（加大 accumulation）、max_length 或 image_size，"
                "打开 gradient_checkpointing，或用 quantization=4bit"
                " / out of memory: lower batch_size (raise accumulation), max_length or image_size,"
                " turn gradient_checkpointing on, or set quantization=4bit"
            ) from error
        raise


def prepare(task: TrainTask, curriculum: Curriculum) -> Run:
    """Loads everything and returns a run that is ready to start."""
    task.folder.emit("note", zh="正在加载模型", en="loading the model")
    return Run(task, curriculum, load_trainee(task.config, task.base, task.stack))


def dry_run(task: TrainTask) -> dict[str, Any]:
    """Loads, takes three steps, and measures; raises MedevalError for whatever would stop the real run."""
    whole = Curriculum(task.config, usable(task))
    began = time.monotonic()
    run = prepare(task, whole)
    loaded = time.monotonic() - began
    run.recorder.measuring = True
    run.go(STEPS)
    trainee = run.trainee
    return figures_of(run.recorder, whole.steps, loaded, trainee.trained, len(trainee.places.modules), trainee.device)


def _run(task: TrainTask, curriculum: Curriculum, start: Checkpoint | None) -> Trained:
    run = prepare(task, curriculum)
    trainee = run.trainee
    if start is not None:
        exact = run.restore(start.path, start.step)
        task.folder.emit("resumed", step=start.step, warm=not exact)
    elif task.config.init_from:
        trainee.load(_initial(Path(task.config.init_from)))
    task.folder.emit(
        "begin", total=curriculum.steps, samples=len(curriculum.samples), trained=trainee.trained,
        modules=len(trainee.places.modules), device=trainee.device, base_fingerprint=trainee.fingerprint,
    )  # fmt: skip
    if task.folder.stop_requested():
        return Trained(False, start.step if start else 0, start.path if start else None)
    run.report = _tracker(task)
    run.go()
    return ended(task, curriculum, run.steps, run.recorder.early)


def _tracker(task: TrainTask) -> Any:
    """Takes figures to the trackers asked for, through mlx-lm's own callbacks; to nobody where none is."""
    if not task.config.trackers:
        return lambda step, values: None
    from mlx_lm.tuner.callbacks import get_reporting_callbacks

    settings = task.config.model_dump(mode="json")
    callback = get_reporting_callbacks(
        ",".join(task.config.trackers), "medeval", str(task.folder.path / task.config.name), settings
    )

    def report(step: int, values: dict[str, Any]) -> None:
        named = {"iteration": step, **{key: value for key, value in values.items() if key != "step"}}
        (callback.on_val_loss_report if "val_loss" in values else callback.on_train_loss_report)(named)

    return report


def _initial(folder: Path) -> Path:
    if not (folder / "adapter_config.json").is_file():
        raise UsageError(f"init_from: {folder} 不是适配器文件夹 / {folder} is not an adapter folder")
    return folder
