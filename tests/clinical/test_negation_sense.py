"""Turned negations in Chinese, and true sentences that hold one (own examples in `negations_zh.yaml`)."""

from pathlib import Path

import pytest
import yaml

from medeval.clinical.advice import odd_advice, unusual_advice
from medeval.clinical.contradictions import expressions
from medeval.clinical.negation_sense import misplaced_negations
from medeval.clinical.reading import read

TABLE = yaml.safe_load(Path(__file__).with_name("negations_zh.yaml").read_text("utf-8"))


def marks(sentence: str) -> list[str]:
    """What is marked in a sentence."""
    reading = read(sentence)
    spans = [one.span for one in (*expressions(reading), *misplaced_negations(reading)) if not one.right]
    return [reading.text[start:end] for start, end in (*spans, *odd_advice(reading), *unusual_advice(reading))]


@pytest.mark.parametrize(("right", "turned"), TABLE["pairs"])
def test_a_turned_negation_is_marked_and_the_right_one_is_not(right: str, turned: str) -> None:
    assert not marks(right)
    assert marks(turned)


@pytest.mark.parametrize("sentence", TABLE["sound"].splitlines())
def test_a_true_sentence_is_left_alone(sentence: str) -> None:
    assert not marks(sentence)


def test_each_mark_says_why_and_where_it_is_written() -> None:
    for _, turned in TABLE["pairs"]:
        for judged in misplaced_negations(read(turned)):
            assert judged.about and judged.source and not judged.right


def test_sure_marks_come_before_unusual_ones() -> None:
    kinds = [judged.sure for _, turned in TABLE["pairs"] for judged in misplaced_negations(read(turned))[:1]]
    assert True in kinds and False in kinds
