"""A Pattern finds what Python's own engine finds."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern

EXPRESSIONS = (
    r"\b(?:not|no)\b|(?<!不)会|(?:可以?|应(?!该))吃|\d+(?:\.\d+)?",
    r"^#+[ \t]*|(?<=\d),(?=\d{3})|[ \t]+(?=[血糖])",
    r"(?P<a>血)(?P=a)?压|低.{0,3}糖",
    r"(?:不|没)*吃",
    r"[^a]b",
    r"a*",
    r"\w吃|(?i:no)",
)
TEXT = st.text(alphabet="不会可以应该吃noNO t血压低糖没0123.,# \n\tab", max_size=40)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(text=TEXT, start=st.integers(0, 10), cut=st.integers(0, 10))
@settings(max_examples=80, deadline=None)
def test_it_finds_what_python_finds(expression: str, text: str, start: int, cut: int) -> None:
    plain, found = re.compile(expression, re.MULTILINE), Pattern(expression, re.MULTILINE)
    end = max(start, len(text) - cut)
    own = [(m.span(), m.groups()) for m in found.finditer(text, start, end)]
    assert own == [(m.span(), m.groups()) for m in plain.finditer(text, start, end)]
    first, wanted = found.search(text, start, end), plain.search(text, start, end)
    assert (first and first.span()) == (wanted and wanted.span())
    assert found.sub(lambda m: f"<{m.group()}>", text) == plain.sub(lambda m: f"<{m.group()}>", text)
    assert bool(found.match(text, start)) == bool(plain.match(text, start))


def test_case_is_ignored_where_that_is_asked_for() -> None:
    assert [m.group() for m in Pattern("no+", re.IGNORECASE).finditer("NO no Noo")] == ["NO", "no", "Noo"]


@pytest.mark.parametrize("file", ["zh", "advice_zh", "fit_zh"])
def test_the_wordings_of_a_chinese_block_are_found_by_their_first_characters(file: str) -> None:
    for block in read_data(f"expressions_{file}.yaml")["blocks"]:
        assert Pattern("|".join(f"(?:{pattern})" for pattern in block["wrong"])).leaps, block["note"]
