"""The guard around the page: who may call it, from where, with how much, and what a browser may do with the answer.

Plain ASGI, so that streams pass untouched. Names of hosts are checked before this by Starlette's TrustedHost.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 200 * 1024 * 1024
"""Bytes of one request; single files are capped lower by the page itself."""
MAX_TRIES = 5
"""Wrong passwords in a row before a pause."""

_SAFE = {"GET", "HEAD", "OPTIONS"}
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": _POLICY,
}
_PRIVATE = ("/gradio_api/file", "/image/", "/export/")


class Guard:
    """Refuses foreign origins and cross-site writes, caps bodies, and sets the headers."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 403 or 413 itself."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, _Capped(receive, self.max_body), _with_headers(scope["path"], send))

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        if method not in _SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and urlsplit(origin).netloc != headers.get("host", "")
            if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return PlainTextResponse("请求来自其他网站，已拒绝 / refused: the request comes from another site", 403)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.max_body:
            return PlainTextResponse("请求过大 / request too large", 413)
        return None


class _Capped:
    """Counts the bytes of a body that does not announce its length and cuts it off over the cap."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                return {"type": "http.disconnect"}
        return message


def _with_headers(path: str, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if path.startswith(_PRIVATE):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending


class Password:
    """Asks for a user name and password (HTTP Basic) on every path; slows down guessing."""

    def __init__(self, app: ASGIApp, user: str, password: str, pause: float = 30.0) -> None:
        self.app = app
        self._expected = f"{user}:{password}".encode()
        self._pause = pause
        self._wrong = 0
        self._shut_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on where the password is right; 401 or, after too many tries, 429 otherwise."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = _basic(Headers(scope=scope).get("authorization", ""))
        if self._right(given):
            await self.app(scope, receive, send)
            return
        if time.monotonic() < self._shut_until:
            answer = PlainTextResponse("尝试次数过多，请稍后再试 / too many tries, wait a moment", 429)
        else:
            answer = PlainTextResponse(
                "需要用户名和密码 / user name and password needed", 401,
                {"WWW-Authenticate": 'Basic realm="medeval", charset="UTF-8"'},
            )
        await answer(scope, receive, send)

    def _right(self, given: bytes) -> bool:
        if time.monotonic() < self._shut_until or not given:
            return False
        if hmac.compare_digest(given, self._expected):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= MAX_TRIES:
            self._wrong, self._shut_until = 0, time.monotonic() + self._pause
        return False


def _basic(header: str) -> bytes:
    kind, _, code = header.partition(" ")
    if kind.lower() != "basic":
        return b""
    try:
        return base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError):
        return b""


def trusted_hosts(host: str, names: Sequence[str]) -> list[str]:
    """Host names under which the page answers; a wildcard address adds none by itself."""
    own = [] if host in ("0.0.0.0", "::") else [host]
    return list(dict.fromkeys(["127.0.0.1", "localhost", *own, *names]))
