"""The standing of a metric: known names only, and a descriptive one counts in no profile."""

import pytest

from medeval.cases.schema import Case
from medeval.metrics import composite, status
from medeval.metrics.composite import score_answer
from medeval.metrics.score import all_metrics


def test_every_entry_names_a_metric_and_says_what_was_measured() -> None:
    for name, entry in status.all_status().items():
        assert name in all_metrics() and entry.zh and entry.en


def test_a_descriptive_metric_is_shown_but_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(id="x", prompt="我的血压140/90，需要担心吗？", facts={"systolic": "140 mmHg", "diastolic": "90 mmHg"})
    text = "您的血压140/90 mmHg，属于1级高血压，建议非同日3次测量血压确认。"
    before = score_answer(case, text)
    monkeypatch.setattr(composite, "descriptive", lambda: frozenset({"data_interpretation", "numerical_precision"}))
    after = score_answer(case, text)
    assert after.scores == before.scores
    assert after.profiles["v3"].value != before.profiles["v3"].value
