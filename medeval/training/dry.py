"""What a dry run found: the pace and memory of the first steps on the real model and data; nothing is kept."""

from __future__ import annotations

from typing import Any

from medeval.training.record import Recorder

STEPS = 3


def figures_of(
    recorder: Recorder, steps: int, load_seconds: float, trained: int, modules: int, device: str
) -> dict[str, Any]:
    """The figures of a run that took `STEPS` steps with its recorder `measuring`.

    Args:
        recorder: of that run.
        steps: of the whole run.
        load_seconds: until the model was ready.
        trained: numbers that training changes.
        modules: how many modules carry the new adapter.
        device: where it ran.

    Returns:
        The arguments; `seconds_per_step` (the first step, which warms up, left out), `memory_bytes` at most,
        `checkpoint_bytes`, `losses`.
    """
    events, _ = recorder.task.folder.events()
    taken = [event for event in events if event["kind"] == "step"]
    paced = [float(event["seconds_per_step"]) for event in taken[1:] or taken]
    memory = max(recorder.measures.memory_bytes(), *(int(event["memory_bytes"]) for event in taken))
    return {
        "steps": steps, "seconds_per_step": sum(paced) / len(paced), "load_seconds": load_seconds,
        "memory_bytes": memory,
        # float32 weights and the two moments of AdamW
        "checkpoint_bytes": 12 * trained, "trained": trained, "modules": modules,
        "losses": [event["loss"] for event in taken], "device": device,
    }  # fmt: skip
