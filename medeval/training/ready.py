"""What every engine does before a run's first step and after its last: checks, where it starts, which weights count."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from medeval.engines.folders import find_folder
from medeval.errors import MissingPackageError
from medeval.training.checkpoints import Checkpoint, best, clear_partial, forget_after, newest
from medeval.training.curriculum import Curriculum
from medeval.training.data import DataError, Sample
from medeval.training.data_lengths import TokenCounter
from medeval.training.record import pick
from medeval.training.task import Trained, TrainTask

_SHOWN = 5


def make_ready(task: TrainTask) -> tuple[Curriculum, Checkpoint | None]:
    """Checks all that can be known before a model is loaded, and finds where the run starts.

    Returns:
        The order of the samples, and the checkpoint to go on from; later and half-written ones are removed.

    Raises:
        MissingPackageError: a tracker is not installed. DataError: samples, images or lengths.
    """
    check_packages(task.config.trackers)
    curriculum = Curriculum(task.config, usable(task))
    check_images([*curriculum.samples, *task.data.valid])
    check_lengths(task, [*curriculum.samples, *pick(task.data.valid, task.config)])
    clear_partial(task.checkpoints)
    start = newest(task.checkpoints)
    if start is not None:
        forget_after(task.checkpoints, start.step)
    return curriculum, start


def ended(task: TrainTask, curriculum: Curriculum, steps: int, early: bool) -> Trained:
    """How a run ended that stands at `steps`: with its last checkpoint, or its best where patience ran out."""
    last = newest(task.checkpoints)
    if not early:
        return Trained(steps >= curriculum.steps, steps, last.path if last else None)
    chosen = best(task.checkpoints) or last
    return Trained(True, steps, chosen.path if chosen else None, early=True)


def usable(task: TrainTask) -> list[Sample]:
    """The training samples that the method can learn from.

    Raises:
        DataError: there is none, as where preference pairs are asked of data without pairs.
    """
    wanted = task.config.method == "dpo"
    found = [sample for sample in task.data.train if sample.is_pair == wanted]
    if not found:
        zh, en = ("偏好对（chosen/rejected）", "preference pairs") if wanted else ("问答样本", "exchanges")
        raise DataError([f"{task.data.source}: 训练集里没有{zh} / the training split holds no {en}"])
    return found


def check_images(samples: Sequence[Sample]) -> None:
    """Every image is there before the first step, so that none is missed hours later; raises DataError."""
    missing = [
        f"{sample.id}: 图片不存在：{path} / image missing: {path}"
        for sample in samples
        for path in sample.images
        if not path.is_file()
    ]
    if missing:
        more = [f"… 共 {len(missing)} 处 / {len(missing)} in all"] if len(missing) > _SHOWN else []
        raise DataError([*missing[:_SHOWN], *more])


def check_lengths(task: TrainTask, samples: Sequence[Sample]) -> None:
    """No sample is cut: one that is too long is known now, not in the third hour; raises DataError."""
    count = TokenCounter(find_folder(task.base), task.config.image_size, task.config.system)
    found = [(sample.id, count(sample)) for sample in samples]
    limit = task.config.max_length
    long = [f"{name} ({tokens})" for name, tokens in found if tokens > limit]
    if long:
        listed = ", ".join(long[:_SHOWN]) + (" …" if len(long) > _SHOWN else "")
        raise DataError(
            [
                f"{len(long)} 条样本超过 max_length {limit} 词元：{listed}，请加大它或去掉这些样本"
                f" / {len(long)} samples are longer than max_length {limit}: {listed}; raise it or leave them out"
            ]
        )


def check_packages(names: Sequence[str]) -> None:
    """Every tracker is installed; raises MissingPackageError."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        line = f"pip install {' '.join(missing)}"
        raise MissingPackageError(f"trackers 缺少包：{line}，或 --set trackers= / trackers need packages: {line}")
