"""Answers while MLX trains: the MLX engine's own scheduler asks the model as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty
from threading import Event as Flag
from threading import Thread

from medeval.cases.schema import Case
from medeval.engines.contract import Decoding, Done, Failed, Request
from medeval.engines.mlx.batch import Batch
from medeval.engines.plan import Plan
from medeval.engines.prompts import messages_for
from medeval.engines.rows import Job
from medeval.engines.scheduler import Scheduler
from medeval.training.clinical import Answers
from medeval.training.mlx_model import Trainee

_ROWS = 8
_LOOK = 0.2


def ask(trainee: Trainee, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]) -> Answers:
    """Asks every case greedily of the model as it is now; images are shown as Compare shows them.

    Args:
        trainee: the model.
        cases: the cases.
        tokens: at most, per answer.
        stop: asked between tokens.
    """
    base = trainee.base
    requests = [Request(case.id, case.id, "new", messages_for(case), Decoding(max_tokens=tokens)) for case in cases]
    job = Job(requests, Flag())
    scheduler = Scheduler(Batch(base, Plan(), {}), trainee.asker, (), lambda name: None, _ROWS, base.stop_ids)
    answers: dict[str, str] = {}
    failed: list[str] = []

    def collect() -> None:
        # the arrays belong to this run's own thread: the scheduler works there, its events are read here
        left = len(requests)
        while left:
            if stop():
                job.cancel.set()
            try:
                events = job.events.get(timeout=_LOOK)
            except Empty:
                continue
            for event in events:
                if isinstance(event, Done):
                    answers[event.request_id] = event.answer.text
                elif isinstance(event, Failed):
                    failed.append(f"{event.request_id}: {event.reason}")
                left -= isinstance(event, Done | Failed)
        scheduler.inbox.put(None)

    training = base.model.training
    base.model.eval()
    reader = Thread(target=collect, daemon=True)
    reader.start()
    scheduler.inbox.put(job)
    try:
        scheduler.run()
    finally:
        reader.join()
        base.model.train(training)
    return answers, failed
