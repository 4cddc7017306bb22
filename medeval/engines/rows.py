"""A row: one request in a running batch, from its prompt to its answer. Tensors stay in the engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Generic, Protocol, TypeVar

from medeval.engines.contract import Answer, Done, Event, Failed, FinishReason, Request, Token
from medeval.engines.conversation import TextStream


class Prompt(Protocol):
    """A tokenised conversation, as its engine keeps it."""

    @property
    def next_position(self) -> int:
        """Position of the first token of the answer."""
        ...

    def __len__(self) -> int:
        """Tokens of the prompt, images expanded."""
        ...


P = TypeVar("P", bound=Prompt)
CLOSED = "引擎已关闭 / the engine was closed"


@dataclass(eq=False)
class Job:
    """One call of generate(): its requests, its stop flag, and the queue its events go to, a list per step."""

    requests: Sequence[Request]
    cancel: Flag
    number: int = 0
    events: SimpleQueue[list[Event]] = field(default_factory=SimpleQueue)
    pending: list[Event] = field(default_factory=list)
    abandoned: Flag = field(default_factory=Flag)
    prompts: dict[object, Prompt | str] = field(default_factory=dict)
    """Tokenised conversations, or the sentence that says why one could not be; shared by the variants of a case."""
    running: int = 0

    @property
    def stopped(self) -> bool:
        """Whether nobody wants more tokens."""
        return self.cancel.is_set() or self.abandoned.is_set()

    def flush(self) -> None:
        """Hands this step's events over at once: one wake-up of the caller per step."""
        if self.pending:
            self.events.put(self.pending)
            self.pending = []

    def answers(self, works: Callable[[], bool]) -> Iterator[Event]:
        """The caller's side: events until every request has ended; `works` tells whether anybody still answers."""
        left = dict.fromkeys(request.id for request in self.requests)
        try:
            while left:
                for event in self._next(works, left):
                    if not isinstance(event, Token):
                        left.pop(event.request_id, None)
                    yield event
        finally:
            self.abandoned.set()

    def _next(self, works: Callable[[], bool], left: Iterable[str]) -> Sequence[Event]:
        while True:
            try:
                return self.events.get(timeout=1.0)
            except Empty:
                if not works():
                    return [Failed(request_id, CLOSED) for request_id in left]


@dataclass(eq=False)
class Row(Generic[P]):
    """One request being answered."""

    job: Job
    request: Request
    prompt: P
    stream: TextStream
    limit: int
    generator: object = None
    """The row's own random numbers, of the engine's kind; None for greedy."""
    started: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    last: int = 0
    position: int = 0
    tokens: int = 0
    pieces: list[str] = field(default_factory=list)
    over: bool = False

    def take(self, token: int, stop: bool) -> FinishReason | None:
        """Adds a token; the finish reason where it was the last one."""
        self.first = self.first or time.perf_counter() - self.started
        if stop:
            return "stop"
        self.position = self.prompt.next_position + self.tokens
        self.last, self.tokens = token, self.tokens + 1
        self._show(self.stream.push(token))
        return "length" if self.tokens >= self.limit else None

    def finish(self, reason: FinishReason) -> None:
        """Reports the answer with all its text."""
        self._show(self.stream.flush())
        seconds = time.perf_counter() - self.started
        text = "".join(self.pieces)
        answer = Answer(self.request.variant, text, self.tokens, seconds, reason, self.first)
        self.job.pending.append(Done(self.request.id, answer))
        self.over = True

    def fail(self, reason: str) -> None:
        """Reports that there is no answer."""
        self.job.pending.append(Failed(self.request.id, reason))
        self.job.flush()
        self.over = True

    def _show(self, text: str) -> None:
        if text:
            self.pieces.append(text)
            self.job.pending.append(Token(self.request.id, text))
