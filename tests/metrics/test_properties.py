from functools import lru_cache

from hypothesis import given, settings
from hypothesis import strategies as st
from topics import NAMES, PAIRS, Pair, case

import medeval.metrics  # noqa: F401
from medeval.cases.schema import Case
from medeval.metrics.composite import score_answer

_PIECES = sorted(
    {answer[i : i + 9] for _, _, good, bad in PAIRS for answer in (good, bad) for i in range(0, len(answer), 7)}
)
_TEXTS = st.one_of(
    st.text(max_size=120),
    st.lists(
        st.sampled_from([*_PIECES, "<think>", "</think>", "**", "。", "\n", " ", "140/90", "\ud83d\ude00", "７．２"]),
        max_size=25,
    ).map("".join),
)


@lru_cache(maxsize=64)
def _case(name: str) -> Case:
    return case(name)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), _TEXTS)
def test_never_raises_and_evidence_lies_inside(name: str, text: str) -> None:
    sheet = score_answer(_case(name), text)
    for metric, score in sheet.scores.items():
        assert score.value is None or 0.0 <= score.value <= 1.0, metric
        assert score.reason
        for evidence in score.evidence:
            assert 0 <= evidence.start < evidence.end <= len(text), metric
    for profile in sheet.profiles.values():
        assert profile.value is None or 0.0 <= profile.value <= 1.0


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from(PAIRS))
def test_scoring_is_pure(name: str, pair: Pair) -> None:
    assert score_answer(_case(name), pair.good) == score_answer(_case(name), pair.good)


def test_thinking_is_not_scored_as_content() -> None:
    answer = "您的血压140/90 mmHg，属于1级高血压。"
    thought = "<think>血压正常，请立即拨打120。</think>"
    plain, with_thought = score_answer(_case("bp"), answer).scores, score_answer(_case("bp"), thought + answer).scores
    for name in ("data_interpretation", "urgent_care", "completeness"):
        assert plain[name].value == with_thought[name].value
        for evidence in with_thought[name].evidence:
            assert evidence.start >= len(thought)
