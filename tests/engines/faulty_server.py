"""A little HTTP server that misbehaves on purpose: what it does depends on the model that is asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event as Cancel
from typing import Any

import httpx

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Decoding, Event, Message, Request
from medeval.engines.server import ServerEngine
from medeval.engines.server.asking import Limits

KEY = "sk-very-secret-key"
LIMITS = Limits(parallel=8, connect=1.0, first=0.6, between=0.3)


class Talk:
    """One request being answered, wrongly or not."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], number: int) -> None:
        self._handler, self.body, self.number = handler, body, number

    def refuse(self, status: int, text: str, **headers: str) -> None:
        """A whole answer with this status."""
        data = text.encode()
        self._handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self.raw(data)

    def begin(self, kind: str = "text/event-stream", **headers: str) -> None:
        """The head of a stream that ends with the connection."""
        self._handler.send_response(200)
        for name, value in {"Content-Type": kind, "Connection": "close", **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        with contextlib.suppress(OSError):
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    def event(self, **fields: Any) -> None:
        """One event."""
        self.raw(b"data: " + json.dumps(fields, ensure_ascii=True).encode() + b"\n\n")

    def delta(self, finish: str | None = None, **fields: Any) -> None:
        """One event with a piece of the answer."""
        self.event(choices=[{"index": 0, "delta": fields, "finish_reason": finish}])

    def well(self, *texts: str) -> None:
        """A good stream."""
        self.begin()
        for text in texts:
            self.delta(content=text)
        self.delta(finish="stop")
        self.raw(b"data: [DONE]\n\n")


Behaviour = Callable[[Talk], None]


@dataclass
class Faulty:
    """Where it is, and the bodies that it was sent, by model."""

    url: str = ""
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    strayed: list[str] = field(default_factory=list)
    """Paths that nobody should have asked for."""


@contextlib.contextmanager
def faulty(behaviours: Mapping[str, Behaviour]) -> Iterator[Faulty]:
    """Serves while the block runs; every model of `behaviours` is listed."""
    state = Faulty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path != "/v1/models":
                state.strayed.append(self.path)
            Talk(self, {}, 1).refuse(200, json.dumps({"data": [{"id": name} for name in behaviours]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/chat/completions":
                state.strayed.append(self.path)
            asked = state.asked.setdefault(body["model"], [])
            asked.append(body)
            behaviours[body["model"]](Talk(self, body, len(asked)))
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def refused(status: int, text: str, **headers: str) -> Behaviour:
    return lambda talk: talk.refuse(status, text, **headers)


def opened(server: Faulty, key: str = KEY, **changes: float) -> ServerEngine:
    limits = Limits(**{**vars(LIMITS), **changes})
    engine = ServerEngine(key=key, limits=limits)
    engine.open(BaseRef(server.url), [Variant(name) for name in server_models(server)])
    return engine


def server_models(server: Faulty) -> list[str]:
    listed = httpx.get(f"{server.url}/models", trust_env=False).json()
    return [item["id"] for item in listed["data"]]


def one(engine: ServerEngine, model: str, decoding: Decoding | None = None, image: Path | None = None) -> list[Event]:
    images = (image,) if image else ()
    message = Message("user", "血压140/90？", images)
    request = Request("it", "0", model, (message,), decoding or Decoding(max_tokens=8))
    return list(engine.generate([request], Cancel()))
