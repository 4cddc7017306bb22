"""Pieces always join to the text again, and carry the gravest kind of what points at them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medeval.evaluation.highlight import Piece, pieces
from medeval.metrics.score import Evidence, Score


def scores(*spans: tuple[int, int, str]) -> dict[str, Score]:
    evidence = tuple(Evidence(start, end, kind, f"{start}") for start, end, kind in spans)  # type: ignore[arg-type]
    return {"m": Score(1.0, "", evidence)}


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        pytest.param([], [("abcdef", None)], id="none"),
        pytest.param([(1, 3, "good")], [("a", None), ("bc", "good"), ("def", None)], id="one"),
        pytest.param([(0, 4, "good"), (2, 6, "bad")], [("ab", "good"), ("cd", "bad"), ("ef", "bad")], id="overlap"),
        pytest.param([(-5, 2, "note"), (4, 99, "good")], [("ab", "note"), ("cd", None), ("ef", "good")], id="outside"),
        pytest.param([(3, 3, "bad"), (5, 2, "bad")], [("abcdef", None)], id="empty-or-reversed"),
    ],
)
def test_pieces(spans: list[tuple[int, int, str]], found: list[tuple[str, str | None]]) -> None:
    assert [(piece.text, piece.kind) for piece in pieces("abcdef", scores(*spans))] == found


def test_empty_text_has_no_pieces() -> None:
    assert pieces("", scores((0, 1, "good"))) == []


def test_all_reasons_are_kept_once() -> None:
    found = pieces("ab", scores((0, 2, "good"), (0, 2, "note"), (0, 2, "good")))
    assert found == [Piece("ab", "good", ("m: 0",))]


@given(
    st.text(max_size=20),
    st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25), st.sampled_from(["good", "bad"]))),
)
def test_pieces_join_to_the_text(text: str, spans: list[tuple[int, int, str]]) -> None:
    assert "".join(piece.text for piece in pieces(text, scores(*spans))) == text
