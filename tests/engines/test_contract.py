"""One suite for every engine: exactly one end per request, streams that add up, stop, unknown variants."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Cancel
from threading import Thread

import pytest
from backends import BACKENDS, make_row_engine, quantised
from openai_server import make_app, serving
from tiny_models import KINDS, Kind

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Decoding, Done, Engine, Event, Failed, Message, Request, Token
from medeval.engines.recorded import RecordedEngine
from medeval.engines.server import ServerEngine
from medeval.engines.worker import RowEngine
from medeval.errors import EngineError

NAMES = ("base", "v1", "v2", "v3")
QUESTIONS = ("血压140/90，需要担心吗？", "空腹血糖7.2", "hello")


ROW_ENGINES = [f"{backend}-{kind}" for backend in BACKENDS for kind in KINDS]


@pytest.fixture(scope="module", params=[*ROW_ENGINES, "mlx-vl4", "recorded", "server"])
def any_engine(request, tiny: Callable[[Kind], Path], tmp_path_factory) -> Iterator[Engine]:
    if request.param == "recorded":
        file = tmp_path_factory.mktemp("recorded") / "answers.jsonl"
        lines = [{"case": str(c), "variant": v, "answer": f"{v} 回答 {c}"} for c in range(3) for v in NAMES]
        file.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
        engine: Engine = RecordedEngine(file)
        engine.open(BaseRef(""), [Variant(n) for n in NAMES])
    elif request.param == "server":
        engine = ServerEngine()
        yield from served(engine, tiny("vl"))
        return
    else:
        backend, _, kind = request.param.partition("-")
        engine = make_row_engine(backend)
        root = tiny(kind.removesuffix("4"))
        base = quantised(root / "base", tmp_path_factory.mktemp("quantised"), 4) if kind == "vl4" else root / "base"
        engine.open(BaseRef(str(base)), list(find_variants(root / "adapters").values()))
    yield engine
    engine.close()
    engine.close()


def served(engine: ServerEngine, root: Path) -> Iterator[Engine]:
    """The engine before a real server, which answers by the torch engine."""
    behind, variants = make_row_engine("torch"), list(find_variants(root / "adapters").values())
    behind.open(BaseRef(str(root / "base")), variants)
    with serving(make_app(behind, [v.name for v in variants])) as url:
        engine.open(BaseRef(url), variants)
        yield engine
        engine.close()
        engine.close()
    behind.close()


def ask(count: int = 3, tokens: int = 8) -> list[Request]:
    return [
        Request(f"{c}/{v}", str(c), v, (Message("user", QUESTIONS[c]),), Decoding(max_tokens=tokens))
        for c in range(count)
        for v in NAMES
    ]


def ends(events: list[Event]) -> list[str]:
    return [e.request_id for e in events if not isinstance(e, Token)]


def test_one_end_per_request(any_engine: Engine) -> None:
    events = list(any_engine.generate(ask(), Cancel()))
    assert sorted(ends(events)) == sorted(r.id for r in ask())
    assert all(isinstance(e, Token | Done) for e in events)


def test_stream_adds_up_to_the_answer(any_engine: Engine) -> None:
    streamed: dict[str, str] = {}
    for event in any_engine.generate(ask(tokens=24), Cancel()):
        if isinstance(event, Token):
            assert event.text
            streamed[event.request_id] = streamed.get(event.request_id, "") + event.text
        elif isinstance(event, Done):
            assert streamed.get(event.request_id, "") == event.answer.text
            assert event.answer.variant == event.request_id.split("/")[1]


def test_nothing_after_the_end(any_engine: Engine) -> None:
    over: set[str] = set()
    for event in any_engine.generate(ask(), Cancel()):
        assert event.request_id not in over
        if not isinstance(event, Token):
            over.add(event.request_id)


def test_no_requests_no_events(any_engine: Engine) -> None:
    assert list(any_engine.generate([], Cancel())) == []


def test_cancel_before_start(any_engine: Engine) -> None:
    cancel = Cancel()
    cancel.set()
    events = list(any_engine.generate(ask(), cancel))
    assert [e.answer.finish_reason for e in events if isinstance(e, Done)] == ["cancelled"] * 12


def test_cancel_while_running(any_engine: Engine) -> None:
    cancel = Cancel()
    events: list[Event] = []
    for event in any_engine.generate(ask(tokens=400), cancel):
        events.append(event)
        cancel.set()
    assert sorted(ends(events)) == sorted(r.id for r in ask())
    done = [e.answer for e in events if isinstance(e, Done)]
    assert any(a.finish_reason == "cancelled" for a in done)
    assert all(a.tokens < 40 for a in done), "cancelling takes effect within a token or two"


def test_unknown_variant_fails_and_the_rest_goes_on(any_engine: Engine) -> None:
    requests = [*ask(1), Request("x", "0", "v9", (Message("user", "hi"),))]
    events = {e.request_id: e for e in any_engine.generate(requests, Cancel()) if not isinstance(e, Token)}
    failed = events.pop("x")
    assert isinstance(failed, Failed) and "v9" in failed.reason
    assert len(events) == 4 and all(isinstance(e, Done) for e in events.values())


def test_receipt_names_every_variant(any_engine: Engine) -> None:
    if isinstance(any_engine, RowEngine):
        receipt = any_engine.opened.receipt
        modes = {v.variant: v.mode for v in receipt.variants}
        assert modes == {"base": "base", "v1": "batched", "v2": "batched", "v2mlx": "batched", "v3": "batched"}
        assert all(v.tensors_matched == v.tensors_expected > 0 for v in receipt.variants if v.mode != "base")
        assert all((v.logit_change or 0) > 0 for v in receipt.variants if v.mode != "base")
        assert next(v.rank for v in receipt.variants if v.variant == "v3") == 10
        assert receipt.base_fingerprint.startswith("sha256:") and receipt.template_sha256.startswith("sha256:")


def test_two_callers_at_once(any_engine: Engine) -> None:
    results: dict[int, list[Event]] = {}

    def call(number: int) -> None:
        results[number] = list(any_engine.generate(ask(), Cancel()))

    threads = [Thread(target=call, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    expected = {e.request_id: e.answer.text for e in results[0] if isinstance(e, Done)}
    for events in results.values():
        assert {e.request_id: e.answer.text for e in events if isinstance(e, Done)} == expected


def test_a_caller_that_goes_away_stops_its_rows(any_engine: Engine) -> None:
    stream = any_engine.generate(ask(tokens=1500), Cancel())
    next(stream)
    stream.close()
    assert len(ends(list(any_engine.generate(ask(1), Cancel())))) == 4


@pytest.mark.parametrize("name", [*BACKENDS, "recorded"])
def test_a_missing_base_is_one_sentence(name: str, tmp_path: Path) -> None:
    engine = RecordedEngine(Path("nowhere.jsonl")) if name == "recorded" else make_row_engine(name)
    with pytest.raises(EngineError) as error:
        engine.open(BaseRef(str(tmp_path / "nowhere")), [])
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_closing_ends_those_who_wait(tiny: Callable[[Kind], Path], backend: str) -> None:
    engine = make_row_engine(backend)
    engine.open(BaseRef(str(tiny("text") / "base")), [Variant("base")])
    stream = engine.generate([Request("a", "0", "base", (Message("user", "hi"),), Decoding(max_tokens=1900))], Cancel())
    next(stream)
    engine.close()
    assert isinstance(list(stream)[-1], Failed)
    with pytest.raises(EngineError, match="not open"):
        next(engine.generate([Request("a", "0", "base", (Message("user", "hi"),))], Cancel()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_answers_end_at_the_models_length(tiny: Callable[[Kind], Path], backend: str) -> None:
    engine = make_row_engine(backend, ignore_stop=True)
    engine.open(BaseRef(str(tiny("text") / "base")), [Variant("base")])
    texts = {"long": "x" * 2000, "too long": "x" * 2100}
    requests = [Request(k, k, "base", (Message("user", t),), Decoding(max_tokens=500)) for k, t in texts.items()]
    events = {e.request_id: e for e in engine.generate(requests, Cancel())}
    engine.close()
    long, too_long = events["long"], events["too long"]
    assert isinstance(long, Done) and long.answer.tokens < 48 and long.answer.finish_reason == "length"
    assert isinstance(too_long, Failed) and "too long" in too_long.reason
