"""Addresses, which model is which variant, and what faces say of a server; no server runs here."""

from pathlib import Path

import pytest

from medeval.engines.contract import Answer, Loaded, Receipt
from medeval.engines.open import make_engine
from medeval.engines.server import ServerEngine
from medeval.engines.server.address import parse_address, parse_models
from medeval.engines.server.listing import Listed, choose, read_list
from medeval.errors import EngineError, UsageError
from medeval.services import Services
from medeval.settings import Settings
from medeval.ui import looks, tables
from medeval.ui.desk import Desk


@pytest.mark.parametrize(
    ("text", "url", "loopback", "encrypted"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", True, False),
        (" HTTP://LocalHost:1234 ", "http://localhost:1234/v1", True, False),
        ("http://127.8.8.8:1/v1/", "http://127.8.8.8:1/v1", True, False),
        ("http://[::1]:8000", "http://[::1]:8000/v1", True, False),
        ("https://gpu.example.org/api/openai/v1", "https://gpu.example.org/api/openai/v1", False, True),
        ("http://192.168.1.5:11434/v1/chat/completions", "http://192.168.1.5:11434/v1", False, False),
        ("http://localhost.example.org/v1/models", "http://localhost.example.org/v1", False, False),
        ("http://127.0.0.1.example.org", "http://127.0.0.1.example.org/v1", False, False),
    ],
)
def test_addresses(text: str, url: str, loopback: bool, encrypted: bool) -> None:
    found = parse_address(text)
    assert (found.url, found.loopback, found.encrypted) == (url, loopback, encrypted)
    assert bool(found.warning) != loopback and ("unencrypted" in found.warning) == (not loopback and not encrypted)


@pytest.mark.parametrize(
    "text",
    [
        "", "models/demo", "Qwen/Qwen3-VL", "ftp://x/v1", "http://", "http://host:99999/v1", "http://a b/v1",
        "http://user:hunter2@host/v1", "http://hunter2@host/v1", "http://host/v1?key=hunter2", "http://host/v1#hunter2",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_a_secret_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_address(text)
    assert "hunter2" not in str(error.value) and len(str(error.value).splitlines()) == 1


def test_models_are_named_for_variants() -> None:
    assert parse_models("") == {}
    assert list(parse_models("v1 = med/v1:latest, v2 ,base=qwen3-vl,").items()) == [
        ("base", "qwen3-vl"), ("v1", "med/v1:latest"), ("v2", "v2")
    ]  # fmt: skip
    for wrong in ("=x", "v1=", "v1=a,v1=b", "v 1=a"):
        with pytest.raises(UsageError, match="server-models"):
            parse_models(wrong)


VLLM = [Listed("qwen"), Listed("v1", "qwen"), Listed("v2", "qwen")]
LM_STUDIO = [Listed("qwen3-vl"), Listed("med-v2"), Listed("text-embedding")]


def test_the_base_and_its_adapters_are_found_where_the_list_tells() -> None:
    assert choose(VLLM, {}).models == {"base": "qwen", "v1": "v1", "v2": "v2"}
    assert choose([Listed("only")], {}).models == {"base": "only"}
    assert choose([Listed("base"), Listed("other")], {}).models == {"base": "base"}
    assert choose(VLLM, {"v1": "v2"}, ["base", "v1"]).models == {"base": "qwen", "v1": "v2"}
    assert choose(LM_STUDIO, {"base": "qwen3-vl", "v2": "med-v2"}).models == {"base": "qwen3-vl", "v2": "med-v2"}


def test_where_it_is_not_clear_the_server_is_quoted() -> None:
    with pytest.raises(EngineError, match="qwen3-vl, med-v2, text-embedding"):
        choose(LM_STUDIO, {})
    found = choose(LM_STUDIO, {"base": "qwen3-vl", "v1": "med-v1"})
    assert found.models == {"base": "qwen3-vl"} and "offers: qwen3-vl, med-v2" in found.refused["v1"][0]
    with pytest.raises(EngineError, match="no model med-v1"):
        choose(LM_STUDIO, {"v1": "med-v1"})
    assert choose(VLLM, {"base": "gone", "v1": "v1"}).models == {"v1": "v1"}, "a named base is not guessed"


def test_an_adapter_of_sglang_is_asked_by_its_full_name() -> None:
    # A bare name is answered by the base there, without a word.
    items = [{"id": "qwen", "owned_by": "sglang"}, {"id": "v1", "owned_by": "sglang", "parent": "qwen"}]
    listed = read_list({"data": items})
    assert choose(listed, {}).models == {"base": "qwen", "v1": "qwen:v1"}
    for written in ("v1", "qwen:v1"):
        assert choose(listed, {"base": "qwen", "mine": written}).models["mine"] == "qwen:v1"


@pytest.mark.parametrize("document", [None, [], {}, {"data": "x"}, {"models": []}, "hello"])
def test_what_is_no_list_is_refused(document: object) -> None:
    with pytest.raises(EngineError, match="/v1"):
        read_list(document)
    assert read_list({"data": [{"id": "a"}, {"no": "id"}, 3, {"id": 4}]}) == [Listed("a")]


def test_a_base_that_is_an_address_makes_the_server_engine(home: Path) -> None:
    served = Settings(home=home, base="http://127.0.0.1:1/v1")
    assert served.served and not served.is_demo
    assert isinstance(make_engine("auto", served), ServerEngine)
    assert not Settings(home=home).served and not Settings(home=home, base=served.base, engine="torch").served
    for wrong in ({"engine": "server"}, {"base": "http://u:p@host"}, {"base": "http://x", "server_models": "v1="}):
        with pytest.raises(UsageError):
            Services(Settings(home=home, **wrong))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_where_questions_go(home: Path, lang: str) -> None:
    def shown(base: str) -> str:
        desk = Desk(Services(Settings(home=home, base=base)))
        return looks.line_html(desk, lang) + looks.status_html(desk, lang)  # type: ignore[arg-type]

    assert "gpu.example.org" not in shown("http://127.0.0.1:9/v1")
    private, open_ = shown("https://gpu.example.org/v1"), shown("http://gpu.example.org:8000/v1")
    words = ("未加密", "不加密") if lang == "zh" else ("Unencrypted", "unencrypted")
    assert "gpu.example.org" in private and not any(word in private for word in words)
    assert "gpu.example.org:8000" in open_ and all(word in open_ for word in words)


@pytest.mark.parametrize(("lang", "words"), [("zh", ("服务器", "未知")), ("en", ("served", "unknown"))])
def test_badge_and_receipt_say_what_is_not_known(lang: str, words: tuple[str, str]) -> None:
    loaded = Loaded("v1", "served", 0, 0, model="med-v1")
    receipt = Receipt("server", "http://127.0.0.1:1/v1", "", "", "", (loaded,))
    assert tables.badge(loaded, lang) == f"{words[0]} · med-v1"  # type: ignore[arg-type]
    html = tables.receipt_html(receipt, None, looks.Look(lang))  # type: ignore[arg-type]
    assert html.count(words[1]) == 2 and "0/0" not in html and "med-v1" in html


def test_a_count_that_is_not_told_is_said_to_be_about() -> None:
    from medeval.ui.cards import Look, card
    from medeval.ui.exchange import Column

    for estimated, words in ((True, "about 8 tokens"), (False, ">8 tokens")):
        answer = Answer("v1", "好", 8, 2.0, "stop", tokens_estimated=estimated)
        assert words in card(Column("v1", {}, "done", "好", answer), None, Look("en"))
