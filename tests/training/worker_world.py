"""A small world to train in: a random tiny Qwen3-VL with an adapter v2, data with an image, and runs on it."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tiny_models import build_adapter, build_base

from medeval.adapters.catalogue import describe
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef
from medeval.training.config import TrainConfig, make_config
from medeval.training.data import read_data
from medeval.training.history import History, read_history
from medeval.training.progress import JobFolder
from medeval.training.task import TrainTask

SMALL: dict[str, Any] = {
    "name": "new", "steps": 6, "rank": 4, "alpha": 8, "dropout": 0.1, "learning_rate": 1e-2, "batch_size": 2,
    "accumulation": 2, "warmup_steps": 2, "log_every": 1, "eval_every": 3, "save_every": 2, "max_length": 256,
    "image_size": 64, "trained_on": ["v2"], "weights": {"precision": 2.0}, "eval_samples": 3,
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Folders, built once for all tests."""

    root: Path
    base: Path
    adapters: Path
    data: Path

    def config(self, **changes: Any) -> TrainConfig:
        return make_config(SMALL | changes)

    def task(self, folder: Path, cases: tuple[Case, ...] = (), data: Path | None = None, **changes: Any) -> TrainTask:
        config = self.config(**changes)
        job = JobFolder(folder)
        settings = {"base": str(self.base), "adapters": str(self.adapters), "home": str(folder.parent / "home")}
        train = config.model_dump(mode="json") | {"data": str(data or self.data)}
        job.write_config({"kind": "train", "settings": settings, "train": train})
        stack = tuple(describe(self.adapters / name) for name in config.trained_on)
        return TrainTask(job, config, BaseRef(str(self.base)), stack, read_data(data or self.data), cases)


def build_world(root: Path) -> World:
    base = build_base(root / "base", "vl")
    adapters = root / "adapters"
    build_adapter(base, adapters / "v2")
    return World(root, base, adapters, write_data(root / "data"))


def write_data(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir(parents=True)
    Image.new("RGB", (96, 64), (90, 120, 10)).save(folder / "a.png")
    rows: list[dict[str, Any]] = [
        {"instruction": f"问{i}", "output": f"答{i * 7}。", "meta": {"dimension": "precision" if i % 2 else "empathy"}}
        for i in range(9)
    ]
    seen = [{"role": "user", "content": "<image>看"}, {"role": "assistant", "content": "心影大"}]
    rows += [{"messages": seen, "images": ["a.png"]}] * 3
    for name, part in (("train", rows), ("valid", rows[-4:])):
        (folder / f"{name}.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in part), "utf-8")
    return folder


def again(task: TrainTask, folder: Path, upto: int | None = None) -> TrainTask:
    """The same run in another folder, with the checkpoints of `task` up to a step."""
    shutil.copytree(task.folder.path, folder)
    if upto is not None:
        for path in (folder / "checkpoints").iterdir():
            if int(path.name.removeprefix("step-")) > upto:
                shutil.rmtree(path)
    return replace(task, folder=JobFolder(folder))


def history(task: TrainTask) -> History:
    return read_history(task.folder.events()[0])


def losses(task: TrainTask) -> list[float]:
    return [float(event["loss"]) for event in history(task).steps]
