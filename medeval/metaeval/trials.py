"""Trials: an answer and its changed form, both scored by every measure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from medeval.cases.schema import Case, Language
from medeval.metaeval.control import CHANGES, other_patient
from medeval.metaeval.edits import Aim, apply_operator
from medeval.metaeval.figures import EQUAL
from medeval.metaeval.gaming import TRICKS
from medeval.metaeval.invariance import INVARIANCES
from medeval.metaeval.items import Item, Note
from medeval.metaeval.operators import OPERATORS
from medeval.metaeval.scoring import Scorer, Scores

AIMS: tuple[Aim, ...] = ("any", "key", "named", "stated")
SAME = 0.01
"""A score that moves by no more is unmoved."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Trial:
    """One change of one item; `original` and `changed` are the scores of both texts."""

    kind: str
    """"operator", "invariance", "control", "trick" or "note"."""
    name: str
    aim: Aim
    severity: int
    item: str
    cluster: str
    dataset: str
    language: Language
    checklist: bool
    """Whether the case lists key points."""
    note: str
    """Urgency of the case, or the kind of error of a note."""
    before: str
    after: str
    original: Scores
    changed: Scores

    def difference(self, measure: str) -> float | None:
        """The original's value less the changed one's; None where either is unscored."""
        first, second = self.original.get(measure), self.changed.get(measure)
        return None if first is None or second is None else first - second

    def together(self, measures: Sequence[str]) -> float | None:
        """Sum of the differences of those `measures` that are scored on both; None where none is."""
        found = [d for measure in measures if (d := self.difference(measure)) is not None]
        return sum(found) if found else None

    def moved(self, measures: Sequence[str]) -> float:
        """The largest absolute difference among `measures`; 1 where only one of both texts is scored."""
        largest = 0.0
        for measure in measures:
            first, second = self.original.get(measure), self.changed.get(measure)
            if (first is None) != (second is None):
                return 1.0
            if first is not None and second is not None:
                largest = max(largest, abs(first - second))
        return largest


def any_metric(trial: Trial, metrics: Sequence[str]) -> float | None:
    """+1 where some metric falls and none rises, −1 where some rises and none falls, else 0 (none, or both)."""
    found = [d for name in metrics if (d := trial.difference(name)) is not None]
    if not found:
        return None
    fell, rose = any(d > EQUAL for d in found), any(d < -EQUAL for d in found)
    return float(fell) - float(rose) if fell != rose else 0.0


def _trial(
    item: Item, kind: str, name: str, aim: Aim, severity: int, text: str, shown: tuple[str, str], score: Scorer,
    changed_case: Case | None = None,
) -> Trial:  # fmt: skip
    case = item.case
    return Trial(
        kind, name, aim, severity, case.id, item.cluster, item.dataset, item.language, bool(item.checklist),
        case.expect.urgency or "", shown[0], shown[1], score(case, item.answer), score(changed_case or case, text),
    )  # fmt: skip


def _of_item(item: Item, score: Scorer) -> Iterator[Trial]:
    for operator in OPERATORS:
        for aim in AIMS:
            edit = apply_operator(operator, item, aim)
            if edit is not None:
                shown = (edit.before, edit.after)
                yield _trial(item, "operator", operator.name, aim, operator.severity, edit.text, shown, score)
    for invariance in INVARIANCES:
        text = invariance.apply(item)
        if text is not None:
            yield _trial(item, "invariance", invariance.name, "any", 0, text, (item.answer[:80], text[:80]), score)
    for name in CHANGES:
        other = other_patient(item, name)
        if other is not None:
            shown = (item.answer[:80], other.answer[:80])
            yield _trial(item, "control", name, "any", 0, other.answer, shown, score, other.case)
    for trick in TRICKS:
        gamed = trick.answer(item)
        if gamed is not None:
            yield _trial(item, "trick", trick.name, "any", 0, gamed, (item.answer[:80], gamed[-80:]), score)


def trials_of(items: Sequence[Item], score: Scorer, progress: Progress = lambda done, total: None) -> list[Trial]:
    """Every operator, invariance and trick on every item."""
    found: list[Trial] = []
    for number, item in enumerate(items, 1):
        found += _of_item(item, score)
        progress(number, len(items))
    return found


def trials_of_notes(notes: Sequence[Note], score: Scorer) -> list[Trial]:
    """Corrected against wrong sentence, given the rest of the note."""
    return [
        Trial(
            "note", "note", "any", 2, note.case.id, note.cluster, note.dataset, note.case.language, False, note.kind,
            note.right, note.wrong, score(note.case, note.right), score(note.case, note.wrong),
        )
        for note in notes
    ]  # fmt: skip
