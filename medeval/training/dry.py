"""A dry run: three optimizer steps on the real model and data, for their pace and memory; nothing is kept."""

from __future__ import annotations

import time
from typing import Any

from medeval.training.curriculum import Curriculum
from medeval.training.task import TrainTask

STEPS = 3


def dry_run(task: TrainTask) -> dict[str, Any]:
    """Loads, takes three steps, and measures.

    Returns:
        `steps` of the whole run, `seconds_per_step` (the first step, which warms up, left out), `load_seconds`,
        `memory_bytes` at most, `checkpoint_bytes`, `trained` numbers, `modules`, `losses`.

    Raises:
        MedevalError: whatever would stop the real run.
    """
    import torch

    from medeval.training.torch_record import memory_bytes
    from medeval.training.worker_torch import prepare, usable

    whole = Curriculum(task.config, usable(task))
    began = time.monotonic()
    trainer, recorder = prepare(task, whole)
    loaded = time.monotonic() - began
    trainer.args.max_steps = min(STEPS, whole.steps)
    recorder.total = trainer.args.max_steps
    recorder.measuring = True
    trainer.train()
    events, _ = task.folder.events()
    steps = [event for event in events if event["kind"] == "step"]
    paced = [float(event["seconds_per_step"]) for event in steps[1:] or steps]
    trained = trainer.trainee.trained
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {
        "steps": whole.steps, "seconds_per_step": sum(paced) / len(paced), "load_seconds": loaded,
        "memory_bytes": max(memory_bytes(trainer.trainee.base.device), max(int(e["memory_bytes"]) for e in steps)),
        # float32 weights and the two moments of AdamW
        "checkpoint_bytes": 12 * trained, "trained": trained, "modules": len(trainer.trainee.targets.modules),
        "losses": [event["loss"] for event in steps], "device": str(trainer.trainee.base.device),
    }  # fmt: skip
