"""A small OpenAI-compatible server over one of the project's own engines, for tests and for trying things by hand.

    python tests/engines/openai_server.py --base models/demo --adapters adapters --port 8001

It answers as vLLM does with --lora-modules: the base and every adapter are models, an adapter names its parent.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Cancel
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi import Request as HttpRequest
from fastapi.responses import StreamingResponse

from medeval.engines.contract import Decoding, Done, Engine, Failed, Message, Request, Token

BASE_ID = "tiny-base"


@dataclass
class Seen:
    """What the server was asked, and what became of it."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    cancelled: int = 0
    running: int = 0
    most_running: int = 0


def make_app(engine: Engine, names: Sequence[str], key: str = "") -> FastAPI:
    """The server; `app.state.seen` tells what it was asked."""
    app, seen = FastAPI(), Seen()
    app.state.seen = seen
    folder = Path(tempfile.mkdtemp(prefix="openai-server-"))

    def check(http: HttpRequest) -> None:
        given = http.headers.get("authorization", "").removeprefix("Bearer ")
        seen.keys.append(given)
        if key and given != key:
            raise HTTPException(401, f"Incorrect API key provided: {given}")

    @app.get("/v1/models")
    def models(http: HttpRequest) -> dict[str, Any]:
        check(http)
        listed = [{"id": BASE_ID if n == "base" else n, "parent": None if n == "base" else BASE_ID} for n in names]
        return {"object": "list", "data": [{"object": "model", "owned_by": "medeval", **item} for item in listed]}

    @app.post("/v1/chat/completions")
    def chat(body: dict[str, Any], http: HttpRequest) -> StreamingResponse:
        check(http)
        seen.bodies.append(body)
        variant = "base" if body["model"] == BASE_ID else body["model"]
        if variant not in names:
            raise HTTPException(404, f"The model `{body['model']}` does not exist.")
        decoding = Decoding(body["max_tokens"], body["temperature"], body["top_p"], body["seed"])
        asked = Request("it", "it", variant, read_messages(body["messages"], folder), decoding)
        return StreamingResponse(stream(engine, asked, body, seen), media_type="text/event-stream")

    return app


def read_messages(turns: Sequence[dict[str, Any]], folder: Path) -> tuple[Message, ...]:
    """Turns with their data URLs written to files."""
    found = []
    for turn in turns:
        if isinstance(turn["content"], str):
            found.append(Message(turn["role"], turn["content"]))
            continue
        images, text = [], ""
        for part in turn["content"]:
            if part["type"] == "text":
                text += part["text"]
                continue
            head, _, data = part["image_url"]["url"].partition(",")
            assert head == "data:image/png;base64"
            images.append(folder / f"{time.time_ns()}.png")
            images[-1].write_bytes(base64.b64decode(data))
        found.append(Message(turn["role"], text, tuple(images)))
    return tuple(found)


def stream(engine: Engine, asked: Request, body: dict[str, Any], seen: Seen) -> Iterator[str]:
    """Server-sent events of one answer; a client that goes away ends it."""
    seen.running += 1
    seen.most_running = max(seen.most_running, seen.running)
    over = False

    def event(**fields: Any) -> str:
        whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": body["model"], **fields}
        return f"data: {json.dumps(whole, ensure_ascii=False)}\n\n"

    def delta(**fields: Any) -> str:
        finish = fields.pop("finish", None)
        return event(choices=[{"index": 0, "delta": fields, "finish_reason": finish}])

    try:
        yield delta(role="assistant", content="")
        for item in engine.generate([asked], Cancel()):
            if isinstance(item, Token):
                yield delta(content=item.text)
            elif isinstance(item, Failed):
                over = True
                yield f"data: {json.dumps({'error': {'message': item.reason}}, ensure_ascii=False)}\n\n"
            elif isinstance(item, Done):
                over = True
                yield delta(finish=item.answer.finish_reason)
                if body.get("stream_options", {}).get("include_usage"):
                    yield event(choices=[], usage={"completion_tokens": item.answer.tokens})
        yield "data: [DONE]\n\n"
    finally:
        seen.running -= 1
        seen.cancelled += not over


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves the app on a free port of this machine while the block runs; yields the address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(10)


def main() -> None:
    """Serves a base and its adapters until interrupted."""
    from medeval.adapters.catalogue import find_variants
    from medeval.engines.contract import BaseRef
    from medeval.engines.torch import TorchEngine

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="models/demo")
    parser.add_argument("--adapters", type=Path, default=Path("adapters"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--key", default="")
    chosen = parser.parse_args()
    variants = find_variants(chosen.adapters)
    engine = TorchEngine()
    engine.open(BaseRef(chosen.base), list(variants.values()))
    uvicorn.run(make_app(engine, list(variants), chosen.key), host=chosen.host, port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
