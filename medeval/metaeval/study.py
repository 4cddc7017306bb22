"""The study: a pool of items through all trials, rows, locality and severity."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medeval.evaluation.statistics import holm
from medeval.metaeval.agreement import Judged, Weigh, judge, weigh_by_rules
from medeval.metaeval.items import Item, Pool
from medeval.metaeval.rows import TIMED, Evidence, Outcome, load_rows, measured_row
from medeval.metaeval.scoring import BASELINE, PROFILE, Remembered, Scorer, metric_scores, with_baselines
from medeval.metaeval.trials import Progress, Trial, trials_of, trials_of_notes


@dataclass(frozen=True)
class Study:
    """Everything measured; `metrics` and `measures` are names, in order of the registry."""

    pool: Pool
    metrics: tuple[str, ...]
    measures: tuple[str, ...]
    trials: tuple[Trial, ...]
    judged: tuple[Judged, ...]
    outcomes: tuple[Outcome, ...]
    originals: tuple[tuple[Item, dict[str, float | None]], ...]
    speed: float | None


def run_study(
    pool: Pool,
    scorer: Scorer = with_baselines,
    weigh: Weigh = weigh_by_rules,
    progress: Progress = lambda done, total: None,
    *,
    timed: bool = True,
) -> Study:
    """Scores every item, every changed form of it, every claim and every note, and measures the rows.

    Args:
        pool: what was read.
        scorer: of one answer; every metric, profile and baseline by default.
        weigh: of one claim.
        progress: told (items done, items).
        timed: whether the speed row is measured.
    """
    score = Remembered(scorer)
    trials = [*trials_of(pool.items, score, progress), *trials_of_notes(pool.notes, score)]
    judged = judge(pool.claims, weigh)
    originals = [(item, dict(score(item.case, item.answer))) for item in pool.items]
    measures = tuple(dict.fromkeys(name for t in trials for name in t.original))
    metrics = tuple(name for name in measures if not name.startswith((PROFILE, BASELINE)))
    alarms = _alarms(originals)
    speed = answers_per_second(pool.items) if timed and pool.items else None
    evidence = Evidence(trials, judged, alarms, speed, metrics, measures)
    outcomes = [measured_row(row, evidence) for row in load_rows()]
    adjusted = holm([outcome.figure.p for outcome in outcomes])
    outcomes = [replace(outcome, p_holm=p) for outcome, p in zip(outcomes, adjusted, strict=True)]
    return Study(pool, metrics, measures, tuple(trials), tuple(judged), tuple(outcomes), tuple(originals), speed)


def _alarms(originals: Sequence[tuple[Item, dict[str, float | None]]]) -> list[tuple[str, float]]:
    """(cluster, 1 where urgent_care finds fault) of physicians' answers in routine cases."""
    found: list[tuple[str, float]] = []
    for item, scores in originals:
        value = scores.get("urgent_care")
        if item.case.expect.urgency == "routine" and value is not None:
            found.append((item.cluster, float(value < 0.5)))
    return found


def answers_per_second(items: Sequence[Item], *, answers: int = TIMED, length: int = 300) -> float | None:
    """Answers of `length` characters scored per second of one core, by all metrics and profiles.

    Args:
        items: where the answers come from; each is cut or filled up with its own sentences to `length`.
        answers: how many are scored.
        length: characters of each.
    """
    texts = [(item.case, text) for item in items if (text := item.answer[:length]) and len(text) == length]
    texts = texts or [(item.case, (item.answer * length)[:length]) for item in items]
    texts = [texts[i % len(texts)] for i in range(min(answers, 4 * len(texts)))]
    rates: list[float] = []
    for turn in range(3):
        start = time.process_time()
        for number, (case, text) in enumerate(texts):
            metric_scores(case, f"{text[:-6]}{turn}{number:05d}")  # a new text, so that nothing comes from a cache
        taken = time.process_time() - start
        rates.append(len(texts) / taken if taken > 0 else 0.0)
    return sorted(rates)[1]
