"""A word list finds the longest words in one pass, and only where they stand alone or as its caller asks."""

import pytest

from medeval.clinical.stance import stance
from medeval.clinical.word_list import WordList


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("糖尿病肾病与糖尿病", [(0, 5, "糖尿病肾病"), (6, 9, "糖尿病")]),
        ("acei 与 ace", [(7, 10, "ace")]),
        ("replace the ace.", [(12, 15, "ace")]),
        ("没有所列的词", []),
        ("", []),
    ],
)
def test_the_longest_word_alone(text: str, found: list[tuple[int, int, str]]) -> None:
    assert list(WordList(["糖尿病", "糖尿病肾病", "ace"]).find(text)) == found


def test_the_caller_says_what_counts() -> None:
    words = WordList(["safe"], stands=lambda text, start, end: text[:start].endswith(" "))
    assert list(words.find("unsafe, safely")) == [(8, 12, "safe")]


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("it is recommended and safe", 1.0),
        ("it is unsafe", -1.0),  # no "safe" within it
        ("it is not recommended", -1.0),
        ("this is uncommon", -1.0),
        ("hidden_safe", 0.0),
        ("可以放心使用", 1.0),
        ("禁用", -1.0),
        ("不可以使用", -1.0),
        ("今天天气很好", 0.0),
    ],
)
def test_stance_by_words_that_begin_where_they_should(text: str, side: float) -> None:
    assert stance(text) == side
