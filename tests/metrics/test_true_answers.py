"""Right answers must not be called wrong: 278 invented ones, written without knowledge of the rules.

"tricky" ones lean on exceptions, double negations and paradoxes that are true; "ordinary" ones are everyday replies,
reports and case analyses. They were written from textbook knowledge and read by no second physician.
"""

import json
from functools import lru_cache
from pathlib import Path

import pytest

from medeval.cases.schema import Case
from medeval.metrics.score import Score, get_metric

FILE = Path(__file__).with_name("true_answers.jsonl")


@lru_cache(maxsize=1)
def answers() -> tuple[tuple[Case, str], ...]:
    rows = map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
    return tuple((Case(id=row["id"], prompt=row["prompt"]), row["answer"]) for row in rows)


@lru_cache(maxsize=8)
def scored(metric: str) -> tuple[tuple[str, str, Score], ...]:
    return tuple((case.id, text, get_metric(metric).function(case, text)) for case, text in answers())


def marked(metric: str, kind: str, kept: str, word: str = "") -> dict[str, list[str]]:
    """Ids of answers with a mark of a kind, and what it stands on."""
    found = {
        name: [text[e.start : e.end] for e in score.evidence if e.kind == kind and word in e.note]
        for name, text, score in scored(metric)
        if name.startswith(kept)
    }
    return {name: places for name, places in found.items() if places}


def test_the_file_holds_what_it_says() -> None:
    ids = [case.id for case, _ in answers()]
    assert len(ids) == len(set(ids)) == 278
    assert sum(name.startswith("tricky") for name in ids) == 160


@pytest.mark.parametrize("metric", ["risky_prescription", "urgent_care"])
def test_no_right_answer_is_vetoed(metric: str) -> None:
    assert not {name: score.reason for name, _, score in scored(metric) if score.veto}


@pytest.mark.parametrize(
    ("metric", "kept", "share"),
    [
        ("soundness", "ordinary", 0.01),
        ("soundness", "tricky", 0.0125),
        ("numerical_precision", "ordinary", 0.01),
        ("numerical_precision", "tricky", 0.01),
        ("treatment_specificity", "", 0.01),
        ("data_interpretation", "", 0.01),
    ],
)
def test_hardly_any_right_answer_is_called_wrong(metric: str, kept: str, share: float) -> None:
    found = marked(metric, "bad", kept)
    assert len(found) <= share * sum(case.id.startswith(kept) for case, _ in answers()), found


@pytest.mark.parametrize(
    ("metric", "kept", "share"),
    [
        ("soundness", "ordinary", 0.04),
        ("soundness", "tricky", 0.10),
        ("numerical_precision", "ordinary", 0.16),
        ("numerical_precision", "tricky", 0.30),
    ],
)
def test_few_right_answers_get_something_to_check(metric: str, kept: str, share: float) -> None:
    found = marked(metric, "note", kept, "请核对")
    assert len(found) <= share * sum(case.id.startswith(kept) for case, _ in answers()), found
