"""All measures of one answer as plain numbers: every metric, every profile, and naive baselines beside them.

Whatever scores is passed in, so that the instrument itself can be tested with a blind and with a perfect metric.
"""

from collections import Counter
from collections.abc import Callable, Mapping

from medeval.cases.schema import Case
from medeval.metaeval.items import statements_of

Scores = Mapping[str, float | None]
"""Measure → value, higher is better; None = unscored."""
Scorer = Callable[[Case, str], Scores]
PROFILE = "profile:"
BASELINE = "baseline:"
UNMARKED = "unmarked:"
"""Before the name of a metric: 1 where it marks nothing of the answer as wrong, else 0; asked of right answers only."""


def metric_scores(case: Case, text: str) -> Scores:
    """Every registered metric, as `profile:NAME` every profile, and whether a key point is marked as wrongly said."""
    from medeval.metrics.composite import score_answer
    from medeval.metrics.score import all_metrics

    sheet = score_answer(case, text)
    known = all_metrics()
    found: dict[str, float | None] = {}
    for name, score in sheet.scores.items():
        up = known[name].higher_is_better
        found[name] = score.value if up or score.value is None else 1.0 - score.value
    points = sheet.scores["completeness"]
    marked = any(evidence.kind == "bad" for evidence in points.evidence)
    found[UNMARKED + "completeness"] = None if points.value is None else float(not marked)
    return found | {PROFILE + name: profile.value for name, profile in sheet.profiles.items()}


def baselines(case: Case, text: str) -> Scores:
    """What needs no medicine: length, and against the checklist unigram recall (ROUGE-1) and chrF (Popović 2015)."""
    checklist = " ".join(statements_of(case))
    found: dict[str, float | None] = {BASELINE + "length": float(len(text))}
    if not checklist:
        return found | {BASELINE + "rouge1_recall": None, BASELINE + "chrf": None}
    wanted = _units(checklist)
    said = _units(text)
    recall = sum(min(count, said[word]) for word, count in wanted.items()) / max(1, wanted.total())
    return found | {BASELINE + "rouge1_recall": recall, BASELINE + "chrf": chrf(text, checklist)}


def _units(text: str) -> Counter[str]:
    """Words of Latin text, single characters of Chinese text."""
    return Counter(
        "".join(c if c.isascii() and c.isalnum() else f" {c} " if c.isalnum() else " " for c in text.lower()).split()
    )


def chrf(text: str, reference: str, order: int = 6, beta: float = 2.0) -> float:
    """Character n-gram F-score, n from 1 to `order`, recall weighing `beta` times precision; white space ignored."""
    said, wanted = "".join(text.split()), "".join(reference.split())
    precisions, recalls = [], []
    for n in range(1, order + 1):
        a = Counter(said[i : i + n] for i in range(len(said) - n + 1))
        b = Counter(wanted[i : i + n] for i in range(len(wanted) - n + 1))
        if not a or not b:
            continue
        shared = (a & b).total()
        precisions.append(shared / a.total())
        recalls.append(shared / b.total())
    if not precisions:
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    if not precision + recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def with_baselines(case: Case, text: str) -> Scores:
    """Metrics, profiles and baselines."""
    return {**metric_scores(case, text), **baselines(case, text)}


class Remembered:
    """A scorer that scores each answer of a case once."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._known: dict[tuple[str, str], Scores] = {}

    def __call__(self, case: Case, text: str) -> Scores:
        """The scores of `text`."""
        key = (case.id, text)
        if key not in self._known:
            self._known[key] = self._scorer(case, text)
        return self._known[key]
