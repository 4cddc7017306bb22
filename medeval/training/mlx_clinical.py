"""The clinical score while MLX trains: the MLX engine's own scheduler asks the model as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from medeval.evaluation.statistics import Interval, mean_interval
from medeval.metrics.composite import score_answer
from medeval.training.mlx_model import Trainee

_ROWS = 8
_LOOK = 0.2


@dataclass(frozen=True)
class Clinical:
    """`score` is the mean profile score of the cases that have one; failed answers count apart, never as zero."""

    score: float | None
    interval: Interval | None
    scored: int
    failed: tuple[str, ...] = ()


def clinical_score(
    trainee: Trainee, cases: Sequence[Case], profile: str, tokens: int, stop: Callable[[], bool]
) -> Clinical | None:
    """Asks every case greedily of the model as it is now, and scores the answers.

    Args:
        trainee: the model; images are shown as Compare shows them.
        cases: the cases.
        profile: whose number is taken.
        tokens: at most, per answer.
        stop: asked between tokens.

    Returns:
        None where it was stopped before every answer was there.
    """
    answers, failed = ask(trainee, cases, tokens, stop)
    if stop():
        return None
    values = []
    for case in (case for case in cases if case.id in answers):
        try:
            found = score_answer(case, answers[case.id]).profiles[profile].value
        except Exception as error:  # a fault of a rule must not end hours of training
            failed.append(f"{case.id}: 评分失败 / scoring failed: {type(error).__name__}: {str(error)[:200]}")
            continue
        values.extend([found] if found is not None else [])
    interval = mean_interval(values) if values else None
    return Clinical(interval.mean if interval else None, interval, len(values), tuple(failed))


def ask(
    trainee: Trainee, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]
) -> tuple[dict[str, str], list[str]]:
    """Answers by case id, and a sentence for each case that has none."""
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
