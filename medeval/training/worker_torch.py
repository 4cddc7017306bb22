"""The torch worker: one run from config to finished weights, resumed exactly where a checkpoint is there."""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from transformers import TrainingArguments

from medeval.adapters.dialects import PEFT_FILE
from medeval.engines.folders import find_folder
from medeval.errors import MedevalError, MissingPackageError, UsageError
from medeval.training.checkpoints import best, clear_partial, forget_after, newest
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError, Sample
from medeval.training.data_lengths import TokenCounter
from medeval.training.task import Trained, TrainTask
from medeval.training.torch_data import Lessons, MicroBatches
from medeval.training.torch_model import Trainee, load_trainee
from medeval.training.torch_record import Recorder, pick
from medeval.training.torch_trainer import LessonTrainer, load_weights

_SHOWN = 5


def train(task: TrainTask) -> Trained:
    """Trains until done, stopped or out of patience; the last checkpoint holds what was reached.

    Raises:
        MedevalError: with one sentence: base, data, targets, memory or disk.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _check_trackers(task.config.trackers)
    curriculum = Curriculum(task.config, usable(task))
    _check_images(curriculum.samples, task.data.valid)
    _check_lengths(task, [*curriculum.samples, *pick(task.data.valid, task.config)])
    clear_partial(task.checkpoints)
    start = newest(task.checkpoints)
    if start is not None:
        forget_after(task.checkpoints, start.step)
        task.folder.emit("resumed", step=start.step)
        if start.step >= curriculum.steps:
            return Trained(True, start.step, start.path)
    try:
        return _run(task, curriculum, start.path if start else None)
    except torch.OutOfMemoryError as error:
        raise MedevalError(
            "内存不足：请减小 batch_size（加大 accumulation）、max_length 或 image_size，或打开 gradient_checkpointing"
            " / out of memory: lower batch_size (raise accumulation), max_length or image_size,"
            " or turn gradient_checkpointing on"
        ) from error


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


def prepare(task: TrainTask, curriculum: Curriculum) -> tuple[LessonTrainer, Recorder]:
    """Loads everything and returns a trainer that is ready to start; the seed is set before any weight is drawn."""
    warnings.filterwarnings("ignore", category=UserWarning)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    _seed(task.config.seed)
    task.folder.emit("note", zh="正在加载模型", en="loading the model")
    trainee = load_trainee(task.config, task.base, task.stack)
    lessons = Lessons(trainee.encoder, task.config)
    recorder = Recorder(task, curriculum, lessons, trainee)
    batches = MicroBatches(lessons, curriculum)
    trainer = LessonTrainer(trainee, batches, recorder, _arguments(task, curriculum, trainee))
    return trainer, recorder


def _run(task: TrainTask, curriculum: Curriculum, resume: Path | None) -> Trained:
    trainer, recorder = prepare(task, curriculum)
    trainee = trainer.trainee
    if resume is None and task.config.init_from:
        load_weights(trainee, _initial(Path(task.config.init_from)))
    task.folder.emit(
        "begin", total=curriculum.steps, samples=len(curriculum.samples), trained=trainee.trained,
        modules=len(trainee.targets.modules), device=str(trainee.base.device), base_fingerprint=trainee.fingerprint,
    )  # fmt: skip
    if task.folder.stop_requested():
        return Trained(False, 0, resume)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return _ended(task, curriculum, int(trainer.state.global_step), recorder.early)


def _ended(task: TrainTask, curriculum: Curriculum, steps: int, early: bool) -> Trained:
    last = newest(task.checkpoints)
    if not early:
        return Trained(steps >= curriculum.steps, steps, last.path if last else None)
    # patience ran out: what was best is what is wanted
    chosen = best(task.checkpoints) or last
    return Trained(True, steps, chosen.path if chosen else None, early=True)


def _check_images(*splits: Sequence[Sample]) -> None:
    """Every image is there before the first step, so that none is missed hours later."""
    missing = [
        f"{sample.id}: 图片不存在 / image missing: {path}"
        for split in splits
        for sample in split
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


def _check_trackers(names: Sequence[str]) -> None:
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        line = f"pip install {' '.join(missing)}"
        raise MissingPackageError(f"trackers 缺少包：{line}，或 --set trackers= / trackers need packages: {line}")


def _initial(folder: Path) -> Path:
    if not (folder / PEFT_FILE).is_file():
        raise UsageError(f"init_from: {folder} 里没有 {PEFT_FILE}，请先转换 / holds none: convert the adapter first")
    return folder


def _arguments(task: TrainTask, curriculum: Curriculum, trainee: Trainee) -> TrainingArguments:
    config = task.config
    return TrainingArguments(
        output_dir=str(task.checkpoints), max_steps=curriculum.steps, per_device_train_batch_size=1,
        gradient_accumulation_steps=config.accumulation, learning_rate=config.learning_rate,
        weight_decay=config.weight_decay, max_grad_norm=config.max_grad_norm, optim="adamw_torch",
        seed=config.seed, data_seed=config.seed, bf16=trainee.base.dtype == torch.bfloat16,
        use_cpu=trainee.base.device.type == "cpu", logging_strategy="no", save_strategy="no", eval_strategy="no",
        logging_nan_inf_filter=False, report_to=list(config.trackers) or "none", run_name=config.name,
        disable_tqdm=True, remove_unused_columns=False, dataloader_num_workers=0, dataloader_pin_memory=False,
        average_tokens_across_devices=False,
    )  # fmt: skip


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
