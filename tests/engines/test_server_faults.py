"""A server that misbehaves: every fault is one sentence, no part of an answer is ever called done, no key is told."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Cancel
from threading import Timer

import pytest
from faulty_server import KEY, Behaviour, Faulty, Talk, faulty, one, opened, refused
from PIL import Image

from medeval.engines.contract import BaseRef, Decoding, Done, Failed, Message, Request, Token
from medeval.engines.server import ServerEngine
from medeval.errors import EngineError

LONG = "x" * 5000


def cut(talk: Talk) -> None:
    talk.begin()
    talk.delta(content="血压偏高，")


def cut_chunked(talk: Talk) -> None:
    talk.begin(Transfer_Encoding="chunked")
    data = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    talk.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def no_reason(talk: Talk) -> None:
    cut(talk)
    talk.raw(b"data: [DONE]\n\n")


def fails_midway(talk: Talk) -> None:
    cut(talk)
    talk.event(error={"message": f"CUDA out of memory, key {KEY}"})
    talk.raw(b"data: [DONE]\n\n")


def error_line(talk: Talk) -> None:
    cut(talk)
    talk.raw(b'error: {"code": 500, "message": "slot lost"}\n\n')


def garbage(talk: Talk) -> None:
    cut(talk)
    talk.raw(b"data: {never json\n\n")


def ended(reason: str) -> Behaviour:
    def behave(talk: Talk) -> None:
        cut(talk)
        talk.delta(finish=reason)
        talk.raw(b"data: [DONE]\n\n")

    return behave


def silent(talk: Talk) -> None:
    cut(talk)
    time.sleep(1.5)


def only_pings(talk: Talk) -> None:
    talk.begin()
    for _ in range(40):
        talk.raw(b": still here\n\n")
        time.sleep(0.05)


def endless(talk: Talk) -> None:
    talk.begin()
    for _ in range(2000):
        talk.delta(content="很")


def another(talk: Talk) -> None:
    talk.begin()
    talk.event(model="well", choices=[{"delta": {"content": "base"}, "finish_reason": "stop"}])


FAULTS: dict[str, tuple[Behaviour, tuple[str, ...]]] = {
    "cut": (cut, ("中途断开", "cut off")),
    "cut chunked": (cut_chunked, ("cut off",)),
    "done without a reason": (no_reason, ("cut off",)),
    "error in the stream": (fails_midway, ("中途报错", "CUDA out of memory")),
    "error line": (error_line, ("slot lost",)),
    "no json": (garbage, ("看不懂", "cannot be read")),
    "filtered": (ended("content_filter"), ("内容过滤", "content filter")),
    "wants a tool": (ended("tool_calls"), ("tool_calls",)),
    "no answer at all": (lambda talk: time.sleep(1.5), ("没有开始回答", "did not begin", "0.6")),
    "silent midway": (silent, ("没有动静", "fell silent", "0.3")),
    "only pings": (only_pings, ("did not begin",)),
    "endless": (endless, ("上限", "ignores the limit of 8 tokens")),
    "another answers": (another, ("another answers", "well answered")),
    "500": (refused(500, '{"error": {"message": "boom"}}'), ("500", "boom")),
    "wrong key": (refused(401, f'{{"error": "bad key {KEY}"}}'), ("MEDEVAL_SERVER_KEY",)),
    "no such model": (refused(404, '{"message": "not loaded"}'), ("没有模型", "no such model", "not loaded")),
    "too large": (refused(413, ""), ("413",)),
    "bad request": (refused(400, json.dumps({"detail": [{"msg": f"bad {KEY} {LONG}"}]})), ("400", "bad ***", "…")),
    "page": (refused(502, "<html><h1>Bad Gateway</h1></html>"), ("502", "Bad Gateway")),
    "not streamed": (refused(200, '{"choices": [{"message": {"content": "hi"}}]}'), ("event-stream",)),
    "elsewhere": (refused(307, "", Location="http://else.example/v1?token=t#x"), ("else.example", "not followed")),
    "far too busy": (refused(429, "", Retry_After="3600"), ("服务器忙", "429")),
}  # fmt: skip


@pytest.fixture(scope="module")
def broken() -> Iterator[Faulty]:
    behaviours = {name: behave for name, (behave, _) in FAULTS.items()}
    with faulty({"well": lambda talk: talk.well("好"), **behaviours}) as server:
        yield server


def test_every_fault_is_a_sentence_and_the_rest_goes_on(broken: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engine = opened(broken)
    wanted = [*FAULTS, "well"]
    requests = [Request(n, "0", n, (Message("user", "?"),), Decoding(max_tokens=8)) for n in wanted]
    ends = {e.request_id: e for e in engine.generate(requests, Cancel()) if not isinstance(e, Token)}
    engine.close()
    well = ends.pop("well")
    assert isinstance(well, Done) and well.answer.text == "好"
    for name, (_, words) in FAULTS.items():
        end = ends[name]
        assert isinstance(end, Failed), f"{name}: {end}"
        assert all(word in end.reason for word in words), f"{name}: {end.reason}"
        assert len(end.reason.splitlines()) == 1 and len(end.reason) < 800, name
        assert KEY not in end.reason and "token=t" not in end.reason, name
        assert len(broken.asked[name]) == 1, f"{name} was asked again"
    assert broken.strayed == []
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "At most 0 image(s) may be provided in one prompt."),
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
        (404, "Only 'text' content type is supported."),
    ],
)
def test_an_image_that_a_model_cannot_take_is_said(tmp_path: Path, status: int, words: str) -> None:
    Image.new("RGB", (8, 8), "white").save(tmp_path / "x.png")
    with faulty({"m": refused(status, json.dumps({"error": {"message": words}}))}) as server:
        engine = opened(server)
        (end,), (plain,) = one(engine, "m", image=tmp_path / "x.png"), one(engine, "m")
        engine.close()
    assert isinstance(end, Failed) and "不能看图" in end.reason and words in end.reason
    assert isinstance(plain, Failed) and "不能看图" not in plain.reason
    (sent,) = server.asked["m"][0]["messages"]
    assert [part["type"] for part in sent["content"]] == ["image_url", "text"]


def first_then_well(first: Behaviour) -> Behaviour:
    return lambda talk: first(talk) if talk.number == 1 else talk.well("好")


@pytest.mark.parametrize(
    "first",
    [
        refused(429, "{}", Retry_After="0"),
        refused(429, "{}", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        refused(503, '{"error": {"message": "Loading model"}}'),
        lambda talk: None,  # the connection is closed without a word
    ],
    ids=["429 with seconds", "429 with a date", "503", "closed"],
)
def test_what_had_not_begun_is_tried_again(first: Behaviour) -> None:
    with faulty({"m": first_then_well(first)}) as server:
        engine = opened(server)
        end = one(engine, "m")[-1]
        engine.close()
    assert isinstance(end, Done) and end.answer.text == "好"
    assert len(server.asked["m"]) == 2 and server.asked["m"][0] == server.asked["m"][1]


def drip(talk: Talk) -> None:
    talk.begin()
    for _ in range(1000):
        talk.delta(content="慢")
        time.sleep(0.002)


def test_stopping_closes_the_connections_at_once() -> None:
    with faulty({"m": drip}) as server:
        engine, cancel = opened(server, parallel=2), Cancel()
        requests = [Request(str(n), "0", "m", (Message("user", "?"),), Decoding(400)) for n in range(5)]
        began = time.perf_counter()
        Timer(0.3, cancel.set).start()
        events = list(engine.generate(requests, cancel))
        took = time.perf_counter() - began
        engine.close()
    answers = [e.answer for e in events if isinstance(e, Done)]
    assert [a.finish_reason for a in answers] == ["cancelled"] * 5 and took < 1.0
    assert sorted(bool(a.text) for a in answers) == [False, False, False, True, True], "two were in flight"
    assert len(server.asked["m"]) == 2


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(EngineError, match="is it running") as error:
        ServerEngine(key=KEY).open(BaseRef("http://127.0.0.1:9/v1"), [])
    assert len(str(error.value).splitlines()) == 1 and KEY not in str(error.value)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with faulty({"m": lambda talk: talk.well("好")}) as server:
        engine = opened(server)
        assert isinstance(one(engine, "m")[-1], Done)
        engine.close()
