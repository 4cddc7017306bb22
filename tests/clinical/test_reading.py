import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.clinical.lexicons import hits
from medeval.clinical.reading import in_chinese, read


@pytest.mark.parametrize(
    ("text", "content", "thought"),
    [
        ("<think>血压高</think>您的血压偏高。", "您的血压偏高。", "血压高"),
        ("血压高</think>您的血压偏高。", "您的血压偏高。", "血压高"),
        ("<think>没有写完", "", "没有写完"),
        ("您的血压偏高。", "您的血压偏高。", ""),
        ("血压<140 mmHg。", "血压<140 mmhg。", ""),
        ("先说<think>再想</think>后说", "先说后说", "再想"),
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


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("BP **140**", [0, 1, 2, 5, 6, 7]),  # marks go, letters stay where they were
        ("三十八度五的体温", [0, 1, 2, 4, 5, 6, 7]),  # 38度5: one after the other, the last at the end
        ("１,０００ml", [0, 2, 3, 4, 5, 6]),
    ],
)
def test_where_characters_stood(text: str, places: list[int]) -> None:
    assert list(read(text).at) == places


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("Is 血压 high?", True),
        ("x" * 200 + "血压", False),
        ("Is it “high”?", False),
        ("", False),
        ("x" * 199 + "血", True),
    ],
)
def test_chinese_by_how_a_text_begins(text: str, chinese: bool) -> None:
    assert in_chinese(text) == chinese


def test_half_a_character_stops_no_word_list() -> None:
    reading = read("血糖\ud83d升高")
    assert [hit.key for hit in hits(reading, "direction")] == ["high"]
    assert reading.original[slice(*reading.span(0, 5))] == "血糖\ud83d升高"
