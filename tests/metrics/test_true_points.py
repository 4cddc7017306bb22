"""Right answers with key points written apart from them: none should be accused of saying the opposite.

360 invented ones (320 Chinese, 40 English) of many specialties, by authors who knew neither the rules nor each other's
texts, from textbook knowledge; read by no second physician. They were used to mend the rules they first broke. The last
120 (`plain-…`) are as wordy and general as assistants write, with headings and a summary.
"""

import json
from functools import lru_cache
from pathlib import Path

import pytest

from medeval.cases.schema import Case, Expect
from medeval.clinical.reading import in_chinese
from medeval.metrics.score import Score, get_metric

FILE = Path(__file__).with_name("true_points.jsonl")


@lru_cache(maxsize=1)
def answers() -> tuple[tuple[Case, str], ...]:
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return tuple(
        (
            Case(
                id=row["id"], prompt=row["prompt"], language="zh" if in_chinese(row["answer"]) else "en",
                expect=Expect(must_have=row["points"]),
            ),
            row["answer"],
        )
        for row in rows
    )  # fmt: skip


@lru_cache(maxsize=8)
def scored(metric: str) -> tuple[tuple[str, str, Score], ...]:
    return tuple((case.id, text, get_metric(metric).function(case, text)) for case, text in answers())


def test_the_file_holds_what_it_says() -> None:
    ids = [case.id for case, _ in answers()]
    assert len(ids) == len(set(ids)) == 360
    assert sum(case.language == "zh" for case, _ in answers()) == 320


@pytest.mark.parametrize(
    ("metric", "share"),
    [
        ("soundness", 0.0),
        ("completeness", 0.02),
        ("numerical_precision", 0.02),
        ("data_interpretation", 0.0),
        ("diagnosis_confidence", 0.01),
        ("treatment_specificity", 0.0),
    ],
)
def test_hardly_any_is_called_wrong(metric: str, share: float) -> None:
    found = {name: [t[e.start : e.end] for e in s.evidence if e.kind == "bad"] for name, t, s in scored(metric)}
    wrong = {name: places for name, places in found.items() if places}
    assert len(wrong) <= share * len(answers()), wrong


@pytest.mark.parametrize("metric", ["risky_prescription", "urgent_care"])
def test_none_is_vetoed(metric: str) -> None:
    assert not {name: score.reason for name, _, score in scored(metric) if score.veto}


def test_all_are_on_topic() -> None:
    assert not {name for name, _, score in scored("relevance") if score.value == 0}


def test_few_have_an_unusual_wording() -> None:
    noted = {name for name, _, score in scored("soundness") if any("请核对" in e.note for e in score.evidence)}
    assert len(noted) <= 0.08 * len(answers()), noted
