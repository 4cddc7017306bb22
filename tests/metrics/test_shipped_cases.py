"""Every shipped case tells a good answer from bad ones."""

from pathlib import Path

import pytest
import yaml

from medeval.cases.load import load_cases
from medeval.metrics.composite import score_answer

ANSWERS = yaml.safe_load((Path(__file__).parent / "shipped.yaml").read_text(encoding="utf-8"))
CASES = load_cases(Path(__file__).resolve().parents[2] / "test_cases").cases


def test_every_shipped_case_has_answers() -> None:
    assert set(CASES) <= set(ANSWERS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_good_answer(name: str) -> None:
    sheet = score_answer(CASES[name], ANSWERS[name]["good"])
    assert not [metric for metric, score in sheet.scores.items() if score.veto]
    for metric in ("completeness", "urgent_care", "data_interpretation", "image_alignment", "ocr_fields"):
        value = sheet.scores[metric].value
        assert value is None or value == 1.0, (metric, sheet.scores[metric].reason)
    assert (sheet.profiles["v3"].value or 0.0) >= 0.6


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name in sorted(CASES) for bad in ANSWERS[name]["bad"]])
def test_bad_answer(name: str, bad: str) -> None:
    good, poor = (score_answer(CASES[name], text) for text in (ANSWERS[name]["good"], bad))
    for profile in ("v3", "v2", "v2-plan"):
        better, worse = good.profiles[profile].value or 0.0, poor.profiles[profile].value or 0.0
        assert worse <= better - 0.25, profile
    assert (poor.scores["completeness"].value or 0.0) <= 0.5
