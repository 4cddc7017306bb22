"""One request to a server: sent, streamed, tried again where nothing had come yet, and ended by one of its limits."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from medeval import __version__
from medeval.engines.contract import Answer, FinishReason, Request
from medeval.engines.server.address import Address
from medeval.engines.server.faults import (
    CUT_OFF,
    NOT_STREAMED,
    of_finish,
    of_redirect,
    of_status,
    of_transport,
    said,
)
from medeval.engines.server.wire import Chunk, Dialect, Lines, Said, body_of, read_line
from medeval.errors import EngineError

TRIES = 4
LONGEST_WAIT = 60.0
_LINGER_SECONDS = 5.0
"""How long the count of tokens may follow the end of an answer."""
_LIST_SECONDS = 10.0
_PIECES_PER_TOKEN = 8
_REASONS: dict[str, FinishReason] = {"stop": "stop", "eos": "stop", "length": "length", "max_tokens": "length"}


@dataclass(frozen=True)
class Limits:
    """How many requests are in flight, and how many seconds each stage may take."""

    parallel: int = 8
    connect: float = 5.0
    first: float = 600.0
    """Until the first token: the server may be loading the model, or have others before us."""
    between: float = 60.0
    """From token to token."""


@dataclass
class Reply:
    """What has come of one request so far; `show` hands text on, and raises CancelledError where nobody wants more."""

    request: Request
    model: str
    show: Callable[[str], None]
    started: float = 0.0
    first: float = 0.0
    pieces: list[str] = field(default_factory=list)
    counted: int | None = None
    finish: str = ""

    def answer(self, reason: FinishReason) -> Answer:
        """As the contract wants it; tokens are the pieces that came where the server told no count."""
        seconds = time.perf_counter() - self.started if self.started else 0.0
        tokens = len(self.pieces) if self.counted is None else self.counted
        return Answer(
            self.request.variant, "".join(self.pieces), tokens, seconds, reason, self.first,
            tokens_estimated=self.counted is None,
        )  # fmt: skip


class _Again(Exception):
    """Nothing has come yet and it may be tried again, after `wait` seconds where the server said so."""

    def __init__(self, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait


def make_client(address: Address, key: str, limits: Limits) -> httpx.AsyncClient:
    """A client that follows no redirect, and no proxy of the environment to a server on this machine."""
    headers = {"User-Agent": f"medeval/{__version__}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.AsyncClient(
        headers=headers, follow_redirects=False, trust_env=not address.loopback,
        timeout=httpx.Timeout(None, connect=limits.connect, write=limits.between),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=limits.parallel),
    )  # fmt: skip


class Asker:
    """Asks one server; remembers what it refuses.

    Args:
        client: made by `make_client`.
        address: of the server.
        key: taken out of what the server says.
        limits: seconds of each stage.
        known: every model id that the server lists.
    """

    def __init__(
        self, client: httpx.AsyncClient, address: Address, key: str, limits: Limits, known: Collection[str] = ()
    ) -> None:
        self._client, self._address, self._key, self._limits = client, address, key, limits
        self._known = frozenset(known)
        self._dialect = Dialect()

    async def list_models(self) -> Any:
        """The decoded answer to GET /models; raises EngineError with a sentence."""
        try:
            async with asyncio.timeout(self._limits.connect + _LIST_SECONDS):
                response = await self._client.get(f"{self._address.url}/models")
        except (httpx.TransportError, TimeoutError) as error:
            raise EngineError(of_transport(error, self._address.host, self._key)) from None
        if response.has_redirect_location:
            raise EngineError(of_redirect(response.headers["location"]))
        if response.status_code != 200:
            raise EngineError(of_status(response.status_code, said(response.content, self._key)))
        try:
            return response.json()
        except ValueError:
            return None

    async def ask(self, reply: Reply, messages: list[dict[str, Any]]) -> Answer:
        """Answers one request.

        Raises:
            EngineError: with a sentence; never a part of an answer.
        """
        for attempt in range(TRIES):
            try:
                return await self._adapted(reply, messages)
            except _Again as again:
                wait = 0.5 * 2**attempt if again.wait is None else again.wait
                if attempt == TRIES - 1 or wait > LONGEST_WAIT:
                    raise EngineError(str(again)) from None
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _adapted(self, reply: Reply, messages: list[dict[str, Any]]) -> Answer:
        """Asks, and anew without an optional field that this server refuses."""
        while True:
            tried = self._dialect
            refusal = await self._once(reply, body_of(reply.model, messages, reply.request.decoding, tried))
            if isinstance(refusal, Answer):
                return refusal
            status, words = refusal
            if self._dialect != tried:
                continue  # another request has just found out
            changed = tried.without(words, reply.request.decoding) if status in (400, 422) else None
            if changed is None:
                images = any(message.images for message in reply.request.messages)
                raise EngineError(of_status(status, words, reply.model, images))
            self._dialect = changed

    async def _once(self, reply: Reply, body: dict[str, Any]) -> Answer | tuple[int, str]:
        """The answer, or status and words of a refusal."""
        reply.started = time.perf_counter()
        url = f"{self._address.url}/chat/completions"
        try:
            async with asyncio.timeout(self._limits.first) as clock:
                async with self._client.stream("POST", url, json=body) as response:
                    if response.status_code != 200:
                        return await self._refusal(response)
                    if not response.headers.get("content-type", "").startswith("text/event-stream"):
                        raise EngineError(NOT_STREAMED)
                    await self._read(response, reply, clock)
        except TimeoutError:
            if not reply.finish:
                raise EngineError(self._silent(bool(reply.pieces))) from None
        except httpx.TransportError as error:
            if not reply.finish and reply.pieces:
                raise EngineError(CUT_OFF) from None
            if not reply.finish:
                raise _Again(of_transport(error, self._address.host, self._key)) from None
        if not reply.finish:
            raise EngineError(CUT_OFF)
        if reply.finish not in _REASONS:
            raise EngineError(of_finish(reply.finish))
        return reply.answer(_REASONS[reply.finish])

    async def _refusal(self, response: httpx.Response) -> tuple[int, str]:
        if response.has_redirect_location:
            raise EngineError(of_redirect(response.headers["location"]))
        words = said(await response.aread(), self._key)
        if response.status_code in (429, 503):
            raise _Again(of_status(response.status_code, words), _retry_after(response.headers.get("retry-after")))
        return response.status_code, words

    async def _read(self, response: httpx.Response, reply: Reply, clock: asyncio.Timeout) -> None:
        """Takes the stream in until its end, or until the answer is over and nothing more comes soon."""
        lines, text = Lines(), Said()
        async for data in response.aiter_bytes():
            for line in lines.push(data):
                chunk = read_line(line, self._key)
                if chunk is None:
                    continue  # a comment that keeps the connection alive is no sign of progress
                if chunk.over:
                    return
                self._take(chunk, text.take(chunk), reply)
                if chunk.text or chunk.thought or chunk.finish:
                    pause = _LINGER_SECONDS if reply.finish else self._limits.between
                    clock.reschedule(asyncio.get_running_loop().time() + pause)

    def _take(self, chunk: Chunk, text: str, reply: Reply) -> None:
        # LM Studio answers as X where X@4bit was asked; any other model of its list is another one.
        if chunk.model in self._known and chunk.model not in (reply.model, reply.model.partition("@")[0]):
            raise EngineError(
                f"请求的是模型 {reply.model}，回答的却是 {chunk.model}"
                f" / asked the model {reply.model}, but {chunk.model} answered"
            )
        if chunk.text or chunk.thought:
            reply.first = reply.first or time.perf_counter() - reply.started
        if text:
            reply.show(text)
            reply.pieces.append(text)
        reply.finish = chunk.finish or reply.finish
        reply.counted = reply.counted if chunk.tokens is None else chunk.tokens
        most = reply.request.decoding.max_tokens
        if len(reply.pieces) > _PIECES_PER_TOKEN * most + 64:
            raise EngineError(f"服务器不理会 {most} 词元的上限 / the server ignores the limit of {most} tokens")

    def _silent(self, begun: bool) -> str:
        seconds = self._limits.between if begun else self._limits.first
        if begun:
            return f"服务器在回答中途 {seconds:g} 秒没有动静 / the server fell silent for {seconds:g} s in its answer"
        return f"服务器 {seconds:g} 秒没有开始回答 / the server did not begin to answer within {seconds:g} s"


def _retry_after(text: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date; None where there is none."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
