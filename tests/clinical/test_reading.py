import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.clinical.lexicons import hits
from medeval.clinical.reading import read


@pytest.mark.parametrize(
    ("text", "content", "thought"),
    [
        ("<think>血压高</think>您的血压偏高。", "您的血压偏高。", "血压高"),
        ("血压高</think>您的血压偏高。", "您的血压偏高。", "血压高"),
        ("<think>没有写完", "", "没有写完"),
        ("您的血压偏高。", "您的血压偏高。", ""),
    ],
)
def test_thinking_is_set_aside(text: str, content: str, thought: str) -> None:
    reading = read(text)
    assert (reading.text, reading.think_text) == (content, thought)


def test_spelling_is_evened_out() -> None:
    assert read("血压 **１４０／９０** mmHg").text == "血压140/90 mmhg"


@given(st.text(max_size=200))
def test_every_place_leads_back(text: str) -> None:
    reading = read(text)
    assert len(reading.at) == len(reading.text)
    assert all(0 <= at < len(text) for at in reading.at)
    assert list(reading.at) == sorted(reading.at)
    for sentence in reading.sentences:
        start, end = reading.span(sentence.start, sentence.end)
        assert 0 <= start < end <= len(text)


def test_half_a_character_stops_no_word_list() -> None:
    reading = read("血糖\ud83d升高")
    assert [hit.key for hit in hits(reading, "direction")] == ["high"]
    assert reading.original[slice(*reading.span(0, 5))] == "血糖\ud83d升高"
