"""The clinical score while a model is trained: real answers to a few cases, scored by the rules; any engine asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medeval.cases.schema import Case
from medeval.evaluation.statistics import Interval, mean_interval
from medeval.metrics.composite import score_answer

Answers = tuple[dict[str, str], list[str]]
"""Answers by case id, and a sentence for each case that has none."""


@dataclass(frozen=True)
class Clinical:
    """`score` is the mean profile score of the cases that have one; failed answers count apart, never as zero."""

    score: float | None
    interval: Interval | None
    scored: int
    failed: tuple[str, ...] = ()


def clinical_score(cases: Sequence[Case], answers: Mapping[str, str], failed: Sequence[str], profile: str) -> Clinical:
    """Scores what the model answered.

    Args:
        cases: those that were asked.
        answers: text by case id.
        failed: a sentence for each case without an answer; those whose rules fail are added.
        profile: whose number is taken.
    """
    values, faults = [], list(failed)
    for case in (case for case in cases if case.id in answers):
        try:
            found = score_answer(case, answers[case.id]).profiles[profile].value
        except Exception as error:  # a fault of a rule must not end hours of training
            faults.append(f"{case.id}: 评分失败 / scoring failed · {type(error).__name__}: {str(error)[:200]}")
            continue
        values.extend([found] if found is not None else [])
    interval = mean_interval(values) if values else None
    return Clinical(interval.mean if interval else None, interval, len(values), tuple(faults))
