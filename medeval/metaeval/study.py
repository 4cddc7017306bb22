"""The study: a pool of items through all trials, rows, locality and severity."""

import statistics
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from medeval.cases.schema import Case
from medeval.evaluation.statistics import holm
from medeval.metaeval.agreement import Judged, Weigh, judge, weigh_by_rules
from medeval.metaeval.items import Item, Pool, seeded
from medeval.metaeval.rows import FEWEST_TIMED, TIMED, Evidence, Outcome, Speed, load_rows, measured_row
from medeval.metaeval.scoring import BASELINE, PROFILE, UNMARKED, Remembered, Scorer, metric_scores, with_baselines
from medeval.metaeval.trials import Progress, Trial, trials_of, trials_of_notes

VARIANTS = 4
"""Answers timed for one reading of their case."""
TURNS = 9  # short ones: what else the machine does falls into few of them
LOADING = 20  # answers that load the tables before the clock starts


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
    speed: Speed | None


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
    speed = answers_per_second(pool.items) if timed and pool.items else None  # first, while no answer has been read
    score = Remembered(scorer)
    trials = [*trials_of(pool.items, score, progress), *trials_of_notes(pool.notes, score)]
    judged = judge(pool.claims, weigh)
    originals = [(item, dict(score(item.case, item.answer))) for item in pool.items]
    measures = tuple(dict.fromkeys(n for t in trials for n in t.original if not n.startswith(UNMARKED)))
    metrics = tuple(name for name in measures if not name.startswith((PROFILE, BASELINE)))
    alarms = _alarms(originals)
    given = [(item.cluster, item.language, scores) for item, scores in originals]
    evidence = Evidence(trials, judged, alarms, given, speed, metrics, measures)
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


def answers_per_second(items: Sequence[Item], *, answers: int = TIMED, length: int = 300) -> Speed | None:
    """Answers of `length` characters scored per second of one core, by all metrics and profiles; median of the turns.

    None where there are too few: the tables would still be loading. No answer is scored twice, and a case is read anew
    for every four of them: an evaluation asks several variants.

    Args:
        items: where the answers come from; theirs are laid end to end and cut every `length` characters.
        answers: how many are scored, where there are as many.
        length: characters of each.
    """
    texts = _pieces(items, length)
    seeded("speed").shuffle(texts)
    timed = texts[LOADING : LOADING + answers]
    if len(timed) < FEWEST_TIMED:
        return None
    for case, text in texts[:LOADING]:
        metric_scores(case, text)
    shared = [(timed[place - place % VARIANTS][0], text) for place, (_, text) in enumerate(timed)]
    size = -(-len(shared) // TURNS)
    rates: list[float] = []
    for first in range(0, len(shared), size):
        turned = shared[first : first + size]
        start = time.process_time()
        for case, text in turned:
            metric_scores(case, text)
        rates.append(len(turned) / (time.process_time() - start))
    return Speed(statistics.median(rates), len(shared))


def _pieces(items: Sequence[Item], length: int) -> list[tuple[Case, str]]:
    """All answers end to end, cut every `length` characters, each with the case of the answer it begins in."""
    text = "\n".join(item.answer for item in items)
    starts = [0, *accumulate(len(item.answer) + 1 for item in items)]
    places = range(0, len(text) - length + 1, length)
    return [(items[bisect_right(starts, place) - 1].case, text[place : place + length]) for place in places]
