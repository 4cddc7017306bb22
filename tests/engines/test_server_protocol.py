"""What servers do differently and still rightly: fields they refuse, odd streams, reasoning sent apart, no count."""

import json
import time

import pytest
from faulty_server import Behaviour, Talk, faulty, one, opened

from medeval.engines.contract import Decoding, Done, Failed, Token
from medeval.engines.server import asking


def refusing(word: str, words: str) -> Behaviour:
    """Refuses a field of the body, as servers of other versions do."""

    def behave(talk: Talk) -> None:
        if word in talk.body:
            talk.refuse(400, json.dumps({"error": {"message": words, "param": word}}))
        else:
            talk.well("好")

    return behave


OPTIONAL = {
    "max_tokens": "Unsupported parameter: 'max_tokens' is not supported, use 'max_completion_tokens' instead.",
    "stream_options": "Extra inputs are not permitted: stream_options",
    "seed": "Unknown field: seed",
}


@pytest.mark.parametrize("word", OPTIONAL)
def test_a_field_that_cannot_change_the_answer_is_left_out(word: str) -> None:
    with faulty({"m": refusing(word, OPTIONAL[word])}) as server:
        engine = opened(server)
        ends = [one(engine, "m")[-1], one(engine, "m")[-1]]
        engine.close()
    assert all(isinstance(end, Done) for end in ends)
    assert [word in body for body in server.asked["m"]] == [True, False, False], "it remembers"
    if word == "max_tokens":
        assert server.asked["m"][-1]["max_completion_tokens"] == 8


def test_a_seed_that_counts_is_not_left_out() -> None:
    with faulty({"m": refusing("seed", OPTIONAL["seed"])}) as server:
        engine = opened(server)
        (end,) = one(engine, "m", Decoding(8, temperature=0.7, seed=3))
        engine.close()
    assert isinstance(end, Failed) and "seed" in end.reason


def split_oddly(talk: Talk) -> None:
    """CRLF, two events in a packet, a character cut in two, line separators of Unicode inside a text."""
    talk.begin()
    line = 'data:{"choices":[{"delta":{"content":"偏高\u2028第二行\u0085😀"}}]}\r\n\r\n'.encode()
    for start in range(0, len(line), 7):
        talk.raw(line[start : start + 7])
        time.sleep(0.002)
    talk.raw(b'event: message\ndata: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n')
    talk.raw(b'data: {"choices":[{"delta":{"content":"\\ude00."}}]}\n\ndata: {"choices":[]}\n\n')
    talk.delta(finish="length")


def thinks(name: str) -> Behaviour:
    def behave(talk: Talk) -> None:
        talk.begin()
        for text in ("先看", "血压"):
            talk.delta(**{name: text}, content="")
        talk.delta(content="偏高")
        talk.delta(content="。")
        talk.event(choices=[{"delta": {}, "finish_reason": "stop"}], usage={"completion_tokens": 41})
        talk.raw(b"data: [DONE]\n\n")

    return behave


def left_open(talk: Talk) -> None:
    talk.begin()
    talk.delta(content="好", finish="stop")
    time.sleep(1.5)


WELL: dict[str, tuple[Behaviour, str, str, int, bool]] = {
    "split oddly": (split_oddly, "偏高\u2028第二行\u0085😀😀.", "length", 2, True),
    "reasoning_content": (thinks("reasoning_content"), "<think>先看血压</think>\n\n偏高。", "stop", 41, False),
    "reasoning": (thinks("reasoning"), "<think>先看血压</think>\n\n偏高。", "stop", 41, False),
    "left open": (left_open, "好", "stop", 1, True),
}


def test_odd_but_whole_answers_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_LINGER_SECONDS", 0.2)
    with faulty({name: found[0] for name, found in WELL.items()}) as server:
        engine = opened(server)
        found = {name: one(engine, name) for name in WELL}
        engine.close()
    for name, (_, text, reason, tokens, estimated) in WELL.items():
        end = found[name][-1]
        assert isinstance(end, Done), f"{name}: {end}"
        answer = end.answer
        assert (answer.text, answer.finish_reason) == (text, reason), name
        assert (answer.tokens, answer.tokens_estimated) == (tokens, estimated), name
        assert "".join(e.text for e in found[name] if isinstance(e, Token)) == text, name
        assert 0 < answer.first_token_seconds <= answer.seconds, name
