"""The torch worker: one run from config to finished weights, resumed exactly where a checkpoint is there."""

from __future__ import annotations

import logging
import os
import random
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainingArguments

from medeval.adapters.dialects import PEFT_FILE
from medeval.errors import MedevalError, UsageError
from medeval.training.checkpoints import Checkpoint
from medeval.training.curriculum import Curriculum
from medeval.training.dry import STEPS, figures_of
from medeval.training.ready import ended, make_ready, usable
from medeval.training.record import Recorder
from medeval.training.task import Trained, TrainTask
from medeval.training.torch_data import Lessons, MicroBatches
from medeval.training.torch_measures import TorchMeasures
from medeval.training.torch_model import Trainee, load_trainee
from medeval.training.torch_trainer import LessonTrainer, load_weights


def train(task: TrainTask) -> Trained:
    """Trains until done, stopped or out of patience; the last checkpoint holds what was reached.

    Raises:
        MedevalError: with one sentence: base, data, targets, memory or disk.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    curriculum, start = make_ready(task)
    if start is not None:
        task.folder.emit("resumed", step=start.step)
        if start.step >= curriculum.steps:
            return Trained(True, start.step, start.path)
    try:
        return _run(task, curriculum, start)
    except torch.OutOfMemoryError as error:
        raise MedevalError(
            "内存不足：请减小 batch_size（加大 accumulation）、max_length 或 image_size，或打开 gradient_checkpointing"
            " / out of memory: lower batch_size (raise accumulation), max_length or image_size,"
            " or turn gradient_checkpointing on"
        ) from error


def prepare(task: TrainTask, curriculum: Curriculum) -> tuple[LessonTrainer, Recorder]:
    """Loads everything and returns a trainer that is ready to start; the seed is set before any weight is drawn."""
    warnings.filterwarnings("ignore", category=UserWarning)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    _seed(task.config.seed)
    task.folder.emit("note", zh="正在加载模型", en="loading the model")
    trainee = load_trainee(task.config, task.base, task.stack)
    lessons = Lessons(trainee.encoder, task.config)
    recorder = Recorder(task, curriculum, TorchMeasures(trainee, lessons, task.config), "torch")
    batches = MicroBatches(lessons, curriculum)
    trainer = LessonTrainer(trainee, batches, recorder, _arguments(task, curriculum, trainee))
    return trainer, recorder


def dry_run(task: TrainTask) -> dict[str, Any]:
    """Loads, takes three steps, and measures; raises MedevalError for whatever would stop the real run."""
    whole = Curriculum(task.config, usable(task))
    began = time.monotonic()
    trainer, recorder = prepare(task, whole)
    loaded = time.monotonic() - began
    recorder.total = trainer.args.max_steps = min(STEPS, whole.steps)
    recorder.measuring = True
    trainer.train()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    trainee = trainer.trainee
    return figures_of(
        recorder, whole.steps, loaded, trainee.trained, len(trainee.targets.modules), str(trainee.base.device)
    )


def _run(task: TrainTask, curriculum: Curriculum, start: Checkpoint | None) -> Trained:
    trainer, recorder = prepare(task, curriculum)
    trainee = trainer.trainee
    if start is None and task.config.init_from:
        load_weights(trainee, _initial(Path(task.config.init_from)))
    task.folder.emit(
        "begin", total=curriculum.steps, samples=len(curriculum.samples), trained=trainee.trained,
        modules=len(trainee.targets.modules), device=str(trainee.base.device), base_fingerprint=trainee.fingerprint,
    )  # fmt: skip
    if task.folder.stop_requested():
        return Trained(False, start.step if start else 0, start.path if start else None)
    trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    return ended(task, curriculum, int(trainer.state.global_step), recorder.early)


def _initial(folder: Path) -> Path:
    if not (folder / PEFT_FILE).is_file():
        raise UsageError(
            f"init_from: {folder} 里没有 {PEFT_FILE}，请先转换"
            f" / {folder} holds no {PEFT_FILE}: convert the adapter first"
        )
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
