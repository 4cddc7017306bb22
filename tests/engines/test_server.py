"""The server engine before a real server with a real model: the same answers as the model itself, and what is sent."""

import base64
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Cancel
from typing import Any

import pytest
from backends import make_row_engine
from openai_server import BASE_ID, Seen, make_app, serving
from PIL import Image
from tiny_models import Kind
from typer.testing import CliRunner

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import Variant
from medeval.cli import app
from medeval.engines.contract import BaseRef, Decoding, Done, Event, Message, Request, Token
from medeval.engines.server import ServerEngine
from medeval.engines.server.asking import Limits
from medeval.engines.worker import RowEngine
from medeval.errors import EngineError, UsageError
from medeval.evaluation.reuse import answer_keys
from medeval.evaluation.spec import check_same, make_spec
from medeval.services import Scored, Services
from medeval.settings import Settings

KEY = "sk-very-secret-key"
NAMES = ["base", "v1", "v2", "v2mlx", "v3"]


@dataclass
class Served:
    """A running server and the engine behind it."""

    url: str
    behind: RowEngine[Any]
    seen: Seen


@pytest.fixture(scope="module")
def served(tiny: Callable[[Kind], Path]) -> Iterator[Served]:
    root = tiny("vl")
    variants = list(find_variants(root / "adapters").values())
    behind = make_row_engine("torch", ignore_stop=True)
    behind.open(BaseRef(str(root / "base")), variants)
    server = make_app(behind, [v.name for v in variants], KEY)
    with serving(server) as url:
        yield Served(url, behind, server.state.seen)
    behind.close()


@pytest.fixture
def engine(served: Served) -> Iterator[ServerEngine]:
    engine = ServerEngine(key=KEY, limits=Limits(parallel=3))
    engine.open(BaseRef(served.url), [])
    yield engine
    engine.close()


def ends(events: Iterator[Event]) -> dict[str, Event]:
    return {e.request_id: e for e in events if not isinstance(e, Token)}


def requests(images: tuple[Path, ...] = (), tokens: int = 24, count: int = 2) -> list[Request]:
    return [
        Request(f"{c}/{v}", str(c), v, (Message("user", f"血压{140 + c}/90？", images),), Decoding(max_tokens=tokens))
        for c in range(count)
        for v in NAMES
    ]


@pytest.mark.parametrize("seen_by", ["text", "image"])
def test_greedy_answers_are_those_of_the_model_itself(
    served: Served, engine: ServerEngine, seen_by: str, tmp_path: Path
) -> None:
    path = tmp_path / "scan.png"
    Image.radial_gradient("L").resize((96, 64)).save(path)
    asked = requests((path,) if seen_by == "image" else ())
    ours, theirs = ends(engine.generate(asked, Cancel())), ends(served.behind.generate(asked, Cancel()))
    for name, end in theirs.items():
        got = ours[name]
        assert isinstance(end, Done) and isinstance(got, Done), got
        assert got.answer.text == end.answer.text and end.answer.text
        assert (got.answer.tokens, got.answer.finish_reason) == (24, "length") and not got.answer.tokens_estimated
        assert 0 < got.answer.first_token_seconds <= got.answer.seconds
    assert len({end.answer.text for end in ours.values() if isinstance(end, Done)}) > 6, "variants differ"


def test_several_are_in_flight_and_no_more_than_allowed(served: Served, engine: ServerEngine) -> None:
    served.seen.most_running = 0
    list(engine.generate(requests(count=3), Cancel()))
    assert 2 <= served.seen.most_running <= 3


def test_what_is_sent_is_the_request_and_pixels_alone(served: Served, engine: ServerEngine, tmp_path: Path) -> None:
    path = tmp_path / "张三-secret.jpg"
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "patient 张三", 6  # a description, and "turn by 90 degrees"
    Image.new("RGB", (40, 20), "red").save(path, exif=exif)
    turns = (
        Message("system", "简短"),
        Message("user", "看图", (path,)),
        Message("assistant", "好"),
        Message("user", "再看"),
    )
    decoding = Decoding(max_tokens=5, temperature=0.7, top_p=0.9, seed=11)
    list(engine.generate([Request("a", "0", "v1", turns, decoding)], Cancel()))
    body = served.seen.bodies[-1]
    url = body["messages"][1]["content"][0]["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")
    data = base64.b64decode(url.partition(",")[2])
    with Image.open(io.BytesIO(data)) as sent:
        assert sent.size == (20, 40) and sent.format == "PNG" and not sent.getexif() and not sent.info
    assert "张三" not in data.decode("latin-1") and "secret" not in json.dumps(body)
    assert {k: v for k, v in body.items() if k != "messages"} == {
        "model": "v1", "stream": True, "stream_options": {"include_usage": True},
        "max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "seed": 11,
    }  # fmt: skip
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]


def test_stopping_reaches_the_server_within_a_token(served: Served, engine: ServerEngine) -> None:
    before, cancel = served.seen.cancelled, Cancel()
    for event in engine.generate(requests(tokens=900, count=1)[:2], cancel):
        cancel.set()
        if isinstance(event, Done):
            assert event.answer.finish_reason == "cancelled" and event.answer.tokens <= 2
    until = time.monotonic() + 5
    while served.seen.running and time.monotonic() < until:
        time.sleep(0.01)
    assert served.seen.running == 0 and served.seen.cancelled > before


def test_the_receipt_says_what_is_not_known(engine: ServerEngine, served: Served) -> None:
    receipt = ServerEngine(key=KEY).open(BaseRef(served.url), [])
    assert [(v.variant, v.model, v.mode) for v in receipt.variants] == [
        ("base", BASE_ID, "served"), *((name, name, "served") for name in NAMES[1:])
    ]  # fmt: skip
    assert all(v.logit_change is None and v.tensors_expected == 0 and not v.sha256 for v in receipt.variants)
    assert (receipt.engine, receipt.base, receipt.base_fingerprint) == ("server", served.url, "")
    assert "cannot be checked" in receipt.notes[0]
    assert KEY not in repr(receipt)


def test_a_key_that_is_refused_or_cannot_be_sent_is_said(served: Served) -> None:
    with pytest.raises(EngineError, match="MEDEVAL_SERVER_KEY") as error:
        ServerEngine(key="wrong-key").open(BaseRef(served.url), [])
    assert "wrong-key" not in str(error.value)
    with pytest.raises(UsageError, match="MEDEVAL_SERVER_KEY"):
        ServerEngine(key="密钥").open(BaseRef(served.url), [])


def test_variants_that_the_server_does_not_offer_are_refused_with_what_it_does(served: Served) -> None:
    engine = ServerEngine({"v2": "gone"}, KEY)
    receipt = engine.open(BaseRef(served.url), [Variant("base"), Variant("v1"), Variant("v2"), Variant("v9")])
    engine.close()
    assert [v.variant for v in receipt.variants] == ["base", "v1"] and list(receipt.refused) == ["v2", "v9"]
    assert "gone" in receipt.refused["v2"][0] and f"{BASE_ID}, v1, v2" in receipt.refused["v2"][0]


@pytest.fixture
def services(served: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("MEDEVAL_SERVER_KEY", KEY)
    services = Services(Settings(home=home, base=served.url, server_models="v1,base=tiny-base"))
    yield services
    services.close()


def test_a_run_over_a_server_remembers_the_models_and_never_the_key(
    services: Services, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert list(services.variants()) == ["base", "v1"] and services.opened() is None, "named without asking"
    case = services.cases.cases["bp-140-90"]
    found = [e for e in services.ask(case, ["base", "v1"], Decoding(8)) if isinstance(e, Scored)]
    assert {e.variant for e in found} == {"base", "v1"} and all(e.sheet.scores for e in found)
    spec = make_spec("one", [case], services.receipt(), ["base", "v1"], 1, Decoding(8))
    assert answer_keys(spec) == {}, "an answer of a server is never taken for another's"
    run_id = services.store.create_run(spec)
    assert services.continue_run(run_id, Cancel()).answered == 2
    services.jobs.add("evaluate", "x", {})
    for file in (f for f in home.rglob("*") if f.is_file()):
        assert KEY.encode() not in file.read_bytes(), file
    assert KEY not in repr(services.settings) + services.settings.model_dump_json() + caplog.text


def test_a_run_goes_on_only_with_the_same_models(services: Services, served: Served, home: Path) -> None:
    case = services.cases.cases["bp-140-90"]
    spec = make_spec("one", [case], services.receipt(), ["base", "v1"], 1, Decoding(8))
    assert check_same(spec, services.receipt()) == []
    other = Services(Settings(home=home, base=served.url, server_models="v1=v2,base=tiny-base"))
    with pytest.raises(UsageError, match="v1"):
        check_same(spec, other.receipt())
    other.close()


def test_commands_ask_the_server_and_name_its_models(served: Served, home: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MEDEVAL_SERVER_KEY", KEY)
    place = ["--base", served.url, "--server-models", "base=tiny-base,v1,v7"]
    wanted = ["--variants", "base,v1", "--max-tokens", "6", "--json"]
    asked = CliRunner().invoke(app, ["ask", "血压140/90？", *place, *wanted])
    found = json.loads(asked.stdout)
    assert asked.exit_code == 0 and [a["tokens"] for a in found["answers"]] == [6, 6]
    receipt = found["receipt"]
    assert [v["model"] for v in receipt["variants"]] == ["tiny-base", "v1"] and list(receipt["refused"]) == ["v7"]
    refused = CliRunner().invoke(app, ["ask", "?", *place, "--variants", "v7"])
    unknown = CliRunner().invoke(app, ["ask", "?", "--base", served.url, "--variants", "v7"])
    checked = CliRunner().invoke(app, ["adapters", "check", "--base", served.url])
    assert (refused.exit_code, unknown.exit_code, checked.exit_code) == (1, 2, 1)
    assert "it offers: tiny-base" in refused.stderr and "v2mlx" in unknown.stderr and "local base" in checked.stderr
    assert KEY not in "".join(done.output for done in (asked, refused, unknown, checked))


def test_pages_that_need_weights_say_so(services: Services) -> None:
    from medeval.services.adapters import Adapters
    from medeval.services.fusing import FuseOrder, begin
    from medeval.services.preflight import _base
    from medeval.services.training import choose_config

    with pytest.raises(EngineError, match="local base"):
        begin(services, FuseOrder("v1"))
    _, row = _base(services.settings, choose_config(services.settings, "v1"))
    assert (row.name, row.verdict) == ("base", "failed") and "local weights" in row.en
    assert Adapters(services.settings).base() is None and services.resident_bytes() == 0
