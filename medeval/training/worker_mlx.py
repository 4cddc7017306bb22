"""The MLX worker: one LoRA run from config to finished weights, resumed exactly where a checkpoint is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medeval.engines.folders import find_folder
from medeval.errors import MedevalError, MissingPackageError, UsageError
from medeval.training.checkpoints import best, clear_partial, forget_after, newest
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError, Sample
from medeval.training.data_lengths import TokenCounter
from medeval.training.mlx_model import load_trainee
from medeval.training.mlx_record import pick
from medeval.training.mlx_run import Run
from medeval.training.task import Trained, TrainTask

DRY_STEPS = 3
_SHOWN = 5
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
    _check_trackers(task)
    curriculum = Curriculum(task.config, usable(task))
    _check_images(task, curriculum)
    _check_lengths(task, [*curriculum.samples, *pick(task.data.valid, task.config)])
    clear_partial(task.checkpoints)
    start = newest(task.checkpoints)
    if start is not None:
        forget_after(task.checkpoints, start.step)
        if start.step >= curriculum.steps:
            task.folder.emit("resumed", step=start.step)
            return Trained(True, start.step, start.path)
    try:
        return _run(task, curriculum, start.path if start else None, start.step if start else 0)
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


def usable(task: TrainTask) -> list[Sample]:
    """The training samples that the method can learn from.

    Raises:
        DataError: there is none, as where preference pairs are asked of data without pairs.
    """
    wanted = task.config.method == "dpo"
    found = [sample for sample in task.data.train if sample.is_pair == wanted]
    if not found:
        kind = ("偏好对（chosen/rejected）", "preference pairs") if wanted else ("问答样本", "exchanges")
        raise DataError([f"{task.data.source}: 训练集里没有{kind[0]} / the training split holds no {kind[1]}"])
    return found


def prepare(task: TrainTask, curriculum: Curriculum) -> Run:
    """Loads everything and returns a run that is ready to start."""
    task.folder.emit("note", zh="正在加载模型", en="loading the model")
    return Run(task, curriculum, load_trainee(task.config, task.base, task.stack))


def dry_run(task: TrainTask) -> dict[str, Any]:
    """Three steps on the real model and data, for their pace and memory; nothing is kept.

    Returns:
        The figures of `medeval.training.dry.dry_run`.
    """
    whole = Curriculum(task.config, usable(task))
    began = time.monotonic()
    run = prepare(task, whole)
    loaded = time.monotonic() - began
    run.recorder.measuring = True
    run.go(DRY_STEPS)
    events, _ = task.folder.events()
    steps = [event for event in events if event["kind"] == "step"]
    paced = [float(event["seconds_per_step"]) for event in steps[1:] or steps]
    trained = run.trainee.trained
    return {
        "steps": whole.steps, "seconds_per_step": sum(paced) / len(paced), "load_seconds": loaded,
        "memory_bytes": max(int(event["memory_bytes"]) for event in steps),
        # float32 weights and the two moments of AdamW
        "checkpoint_bytes": 12 * trained, "trained": trained, "modules": len(run.trainee.places.modules),
        "losses": [event["loss"] for event in steps], "device": run.trainee.device,
    }  # fmt: skip


def _run(task: TrainTask, curriculum: Curriculum, resume: Path | None, step: int) -> Trained:
    run = prepare(task, curriculum)
    trainee = run.trainee
    if resume is not None:
        exact = run.restore(resume, step)
        task.folder.emit("resumed", step=step, warm=not exact)
    elif task.config.init_from:
        trainee.load(_initial(Path(task.config.init_from)))
    task.folder.emit(
        "begin", total=curriculum.steps, samples=len(curriculum.samples), trained=trainee.trained,
        modules=len(trainee.places.modules), device=trainee.device, base_fingerprint=trainee.fingerprint,
    )  # fmt: skip
    if task.folder.stop_requested():
        return Trained(False, step, resume)
    run.report = _tracker(task)
    run.go()
    last = newest(task.checkpoints)
    if not run.recorder.early:
        return Trained(run.steps >= curriculum.steps, run.steps, last.path if last else None)
    # patience ran out: what was best is what is wanted
    chosen = best(task.checkpoints) or last
    return Trained(True, run.steps, chosen.path if chosen else None, early=True)


def _check_images(task: TrainTask, curriculum: Curriculum) -> None:
    """Every image is there before the first step, so that none is missed hours later."""
    missing = [
        f"{sample.id}: 图片不存在 / image missing: {path}"
        for sample in (*curriculum.samples, *task.data.valid)
        for path in sample.images
        if not path.is_file()
    ]
    if missing:
        more = [f"… 共 {len(missing)} 处 / {len(missing)} in all"] if len(missing) > _SHOWN else []
        raise DataError([*missing[:_SHOWN], *more])


def _check_lengths(task: TrainTask, samples: Sequence[Sample]) -> None:
    """No sample is cut: one that is too long is known before the first step, not in the third hour."""
    count = TokenCounter(find_folder(task.base), task.config.image_size, task.config.system)
    found = [(sample.id, count(sample)) for sample in samples]
    limit = task.config.max_length
    long = [f"{name} ({tokens})" for name, tokens in found if tokens > limit]
    if long:
        listed = ", ".join(long[:_SHOWN]) + (" …" if len(long) > _SHOWN else "")
        raise DataError(
            [
                f"{len(long)} 条样本超过 max_length {limit} 词元：{listed}，请加大它或去掉这些样本"
                f" / {len(long)} samples are longer than max_length: {listed}; raise it or leave them out"
            ]
        )


def _check_trackers(task: TrainTask) -> None:
    names = task.config.trackers
    if "trackio" in names:
        raise UsageError(
            "MLX 引擎没有 trackio，请用 swanlab、wandb，或 --set trackers="
            " / the MLX engine has no trackio: use swanlab or wandb, or set trackers="
        )
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        line = f"pip install {' '.join(missing)}"
        raise MissingPackageError(f"trackers 缺少包：{line}，或 --set trackers= / trackers need packages: {line}")


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
        raise UsageError(f"init_from: {folder} 不是适配器文件夹 / is not an adapter folder")
    return folder
