"""The guard: foreign origins, hosts, cross-site calls, large bodies, headers, passwords, and unsafe settings."""

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from medeval.errors import UsageError
from medeval.settings import Settings
from medeval.ui.guard import Guard, Password, trusted_hosts
from medeval.ui.server import listen, refuse_unsafe

OWN = "http://127.0.0.1:7860"


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def client(max_body: int = 1000) -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    app.add_middleware(Guard, max_body=max_body)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=trusted_hosts("127.0.0.1", []))
    return TestClient(app, base_url=OWN)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"origin": OWN}, 200),
        ("POST", {}, 200),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "http://127.0.0.1:9999"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"sec-fetch-site": "same-origin"}, 200),
        ("GET", {"sec-fetch-site": "cross-site"}, 200),
        ("GET", {"host": "evil.example"}, 400),
        ("POST", {"host": "evil.example", "origin": "http://evil.example"}, 400),
        ("GET", {"host": "localhost:7860"}, 200),
    ],
)
def test_who_may_call(method: str, headers: dict[str, str], status: int) -> None:
    assert client().request(method, "/x", headers=headers).status_code == status


def test_bodies_are_capped_with_and_without_length() -> None:
    assert client(10).post("/x", content=b"1234567890").status_code == 200
    assert client(10).post("/x", content=b"12345678901").status_code == 413
    with pytest.raises(Exception, match=""):
        client(10).post("/x", content=iter([b"123456", b"789012"])).raise_for_status()


@pytest.mark.parametrize("path", ["/", "/image/x", "/gradio_api/file=x", "/export/x.md"])
def test_headers(path: str) -> None:
    headers = client().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers.get("cache-control") == "no-store") == (path != "/")


def test_password_is_asked_everywhere_and_guessing_is_slowed() -> None:
    app = Starlette(routes=[Route("/{path:path}", echo)])
    app.add_middleware(Password, user="ada", password="geheim", pause=60.0)
    page = TestClient(app)

    def status(word: str) -> int:
        code = base64.b64encode(f"ada:{word}".encode()).decode()
        return page.get("/image/x", headers={"authorization": f"Basic {code}"}).status_code

    assert page.get("/").status_code == 401
    assert status("geheim") == 200
    assert [status("falsch") for _ in range(4)] == [401] * 4
    assert status("falsch") in (401, 429)
    assert status("geheim") == 429


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "192.168.1.5"}, True),
        ({"host": "192.168.1.5", "user": "ada"}, True),
        ({"host": "192.168.1.5", "user": "ada", "password": SecretStr("")}, True),
        ({"host": "192.168.1.5", "user": "ada", "password": SecretStr("x")}, False),
        ({"host": "0.0.0.0", "user": "ada", "password": SecretStr("x")}, True),
        ({"host": "0.0.0.0", "user": "ada", "password": SecretStr("x"), "hosts": "box.local"}, False),
    ],
)
def test_other_hosts_need_a_password(changes: dict[str, object], refused: bool, home: Path) -> None:
    settings = Settings.model_validate({"home": home, **changes})
    if not refused:
        refuse_unsafe(settings)
        return
    with pytest.raises(UsageError, match="MEDEVAL_"):
        refuse_unsafe(settings)


@pytest.mark.parametrize("name", ["GRADIO_SHARE", "GRADIO_VIBE_MODE"])
def test_dangerous_modes_are_refused(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "True")
    with pytest.raises(UsageError, match=name):
        refuse_unsafe(Settings(home=home))


def test_a_taken_port_is_one_sentence() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(UsageError, match="--port"):
        listen("127.0.0.1", first.getsockname()[1])
