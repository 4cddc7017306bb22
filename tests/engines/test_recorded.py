"""The recorded engine: bad lines all at once, missing answers are failures."""

import json
from pathlib import Path
from threading import Event as Cancel

import pytest

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Done, Failed, Message, Request
from medeval.engines.open import make_engine
from medeval.engines.recorded import RecordedEngine, read_recordings
from medeval.errors import EngineError, UsageError


def request(case: str, variant: str) -> Request:
    return Request(f"{case}/{variant}", case, variant, (Message("user", "?"),))


def test_a_line_separator_inside_an_answer_is_no_new_line(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    text = "第一段\u2028第二段\x85\u2029"
    file.write_text(json.dumps({"case": "a", "variant": "v1", "answer": text}, ensure_ascii=False) + "\r\n", "utf-8")
    assert read_recordings(file)["a", "v1"].answer == text


def test_plays_answers_errors_and_gaps(tmp_path: Path) -> None:
    lines = [
        {"case": "a", "variant": "v1", "answer": "回答", "tokens": 2, "seconds": 0.5},
        {"case": "a", "variant": "v2", "error": "timed out"},
        {"case": "a", "variant": "v3", "answer": ""},
    ]
    file = tmp_path / "x.jsonl"
    file.write_text("\n\n".join(json.dumps(line) for line in lines))
    engine = RecordedEngine(file)
    receipt = engine.open(BaseRef(""), [Variant("v1"), Variant("v9")])
    assert [v.variant for v in receipt.variants] == ["v1"] and list(receipt.refused) == ["v9"]
    events = {e.request_id: e for e in engine.generate(
        [request("a", v) for v in ("v1", "v2", "v3")] + [request("b", "v1")], Cancel())}  # fmt: skip
    done = events["a/v1"]
    assert isinstance(done, Done) and (done.answer.text, done.answer.tokens, done.answer.seconds) == ("回答", 2, 0.5)
    assert done.answer.finish_reason == "recorded"
    assert events["a/v2"] == Failed("a/v2", "timed out")
    assert isinstance(events["a/v3"], Done)
    assert isinstance(events["b/v1"], Failed)


BAD = [
    "{", "[]", '{"case": "a", "variant": "v1"}', '{"case": "", "variant": "v1", "answer": "x"}',
    '{"case": "a", "variant": "v1", "answer": 3}', '{"case": "a", "variant": "v1", "answer": "x", "score": 1}',
    '{"case": "a", "variant": "v1", "answer": "x", "tokens": -1}', '{"case": "ok", "variant": "v1", "answer": "again"}',
]  # fmt: skip


def test_bad_lines_are_named_together(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(['{"case": "ok", "variant": "v1", "answer": "x"}', *BAD]))
    with pytest.raises(EngineError) as error:
        RecordedEngine(file).open(BaseRef(""), [])
    said = str(error.value).splitlines()
    assert [line.split(": ")[0] for line in said] == [f"x.jsonl:{n}" for n in range(2, 2 + len(BAD))]


@pytest.mark.parametrize("name", ["recorded", "server"])
def test_engines_that_need_more_than_a_name(name) -> None:
    with pytest.raises(UsageError):
        make_engine(name)
