"""The worker's loop: requests wait, join the batch, get tokens, leave. Runs on the engine's one thread; no tensors."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from medeval.engines.contract import Answer, Decoding, Done, Failed, FinishReason, Message, Request
from medeval.engines.conversation import TextStream
from medeval.engines.rows import CLOSED, Job, Prompt, Row
from medeval.errors import EngineError

PREFILL_TOKENS = 8192
RESERVED = 8
# MLX has no exception of its own for this.
_MEMORY = ("Insufficient Memory", "[malloc_or_wait]", "metal::malloc")


class Encoder(Protocol):
    """Tokenises conversations for one base."""

    def encode(self, messages: Sequence[Message]) -> Prompt:
        """The conversation as the batch takes it; raises EngineError where it cannot be."""
        ...

    def room(self, prompt: Any) -> int:
        """How many tokens an answer may have."""
        ...

    def stream(self) -> TextStream:
        """A fresh stream from ids to text."""
        ...


class Batch(Protocol):
    """The running batch of one engine: rows, their cache, and the choice of the next tokens."""

    rows: list[Row[Any]]

    def prefill(self, rows: Sequence[Row[Any]], expected: int = 0) -> list[int]:
        """Adds `rows` after reading their prompts; the first token of each. `expected` rows will be here in the end."""
        ...

    def step(self) -> list[int]:
        """The next token of every row."""
        ...

    def leave(self, indices: Sequence[int]) -> None:
        """Takes rows out of the batch."""
        ...

    def clear(self) -> None:
        """Forgets all rows, after an error whose extent is unknown."""
        ...

    def switch(self, variant: str) -> None:
        """Puts the weights of a switched variant in the base's place; the base's own for an empty name."""
        ...

    def generator(self, decoding: Decoding) -> object:
        """A row's own random numbers; None for greedy."""
        ...


@dataclass(frozen=True, eq=False)
class Waiting:
    """A request that is not in the batch yet."""

    job: Job
    request: Request


class Scheduler:
    """Serves jobs until a None arrives; several jobs share one batch, in turn where places are scarce."""

    def __init__(
        self,
        batch: Batch,
        encoder: Encoder,
        switched: Collection[str],
        unusable: Callable[[str], str | None],
        max_rows: int,
        stop_ids: frozenset[int],
    ) -> None:
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._batch, self._encoder, self._switched = batch, encoder, switched
        self._unusable, self._max_rows, self._stop_ids = unusable, max_rows, stop_ids
        self._waiting: list[Waiting] = []
        self._joining: list[Row[Any]] = []
        self._numbers = count(1)
        self._phase = ""

    def run(self) -> None:
        """Works until told to end; whatever is unfinished then fails with a sentence."""
        while self._receive():
            try:
                self._drop_stopped()
                self._admit()
                if self._batch.rows:
                    self._take(self._next(), 0)
            except Exception as error:
                # Nobody may wait for ever, whatever went wrong.
                self._fail_all(sentence(error))
        self._batch.switch("")
        self._fail_all(CLOSED)

    def _receive(self) -> bool:
        """Takes new jobs; waits only where there is nothing to do."""
        while True:
            try:
                idle = not self._waiting and not self._batch.rows
                job = self.inbox.get() if idle else self.inbox.get_nowait()
            except Empty:
                return True
            if job is None:
                return False
            job.number = next(self._numbers)
            for request in job.requests:
                reason = self._unusable(request.variant)
                if reason:
                    job.pending.append(Failed(request.id, reason))
                else:
                    self._waiting.append(Waiting(job, request))
            job.flush()

    def _drop_stopped(self) -> None:
        for item in [w for w in self._waiting if w.job.stopped]:
            self._waiting.remove(item)
            answer = Answer(item.request.variant, "", 0, 0.0, "cancelled")
            item.job.pending.append(Done(item.request.id, answer))
            item.job.flush()
        gone = [i for i, row in enumerate(self._batch.rows) if row.job.stopped]
        self._finish({index: "cancelled" for index in gone})

    def _admit(self) -> None:
        if not self._waiting:
            return
        if not self._batch.rows:
            self._switch(self._phase_of(self._waiting[0]))
        chosen = self._candidates()
        self._joining = [row for item in chosen if (row := self._row(item)) is not None]
        expected = len(self._batch.rows) + len(self._joining)
        for group in _grouped(self._joining):
            self._prefill(group, expected)
        self._joining = []

    def _phase_of(self, item: Waiting) -> str:
        return item.request.variant if item.request.variant in self._switched else ""

    def _switch(self, phase: str) -> None:
        if phase != self._phase:
            self._phase = ""
            self._batch.switch(phase)
            self._phase = phase

    def _candidates(self) -> list[Waiting]:
        """Requests that join now: of this phase, not younger than the oldest of another phase, jobs in turn."""
        other = min((w.job.number for w in self._waiting if self._phase_of(w) != self._phase), default=None)
        fitting = [
            w for w in self._waiting if self._phase_of(w) == self._phase and (other is None or w.job.number <= other)
        ]
        turn: dict[int, int] = {}
        keyed = []
        for place, item in enumerate(fitting):
            taken = turn.setdefault(id(item.job), item.job.running)
            turn[id(item.job)] = taken + 1
            if taken < max(1, self._max_rows - RESERVED):
                keyed.append((taken, place, item))
        free = self._max_rows - len(self._batch.rows)
        # Joining costs a prefill for everybody: a job with rows at work waits until several places are free.
        if self._batch.rows and free < RESERVED * 2:
            keyed = [k for k in keyed if k[2].job.running == 0]
        chosen = [item for _, _, item in sorted(keyed, key=lambda k: k[:2])[: max(free, 0)]]
        for item in chosen:
            self._waiting.remove(item)
        return chosen

    def _row(self, item: Waiting) -> Row[Any] | None:
        job, request = item.job, item.request
        if request.messages not in job.prompts:
            try:
                job.prompts[request.messages] = self._encoder.encode(request.messages)
            except Exception as error:
                job.prompts[request.messages] = sentence(error)
        prompt = job.prompts[request.messages]
        if isinstance(prompt, str):
            job.pending.append(Failed(request.id, prompt))
            job.flush()
            return None
        limit = max(1, min(request.decoding.max_tokens, self._encoder.room(prompt)))
        return Row(job, request, prompt, self._encoder.stream(), limit, self._batch.generator(request.decoding))

    def _prefill(self, rows: list[Row[Any]], expected: int) -> None:
        now = time.perf_counter()
        for row in rows:
            row.started = now
        try:
            tokens = self._batch.prefill(rows, expected)
        except Exception as error:
            if len(rows) > 1:
                for row in rows:
                    self._prefill([row], expected)
            else:
                rows[0].fail(sentence(error))
            return
        for row in rows:
            row.job.running += 1
        self._take(tokens, len(self._batch.rows) - len(rows))

    def _next(self) -> list[int]:
        try:
            return self._batch.step()
        except Exception as error:
            for row in self._batch.rows:
                row.job.running -= 1
                row.fail(sentence(error))
            self._batch.clear()
            return []

    def _take(self, tokens: Sequence[int], first: int) -> None:
        rows = self._batch.rows[first:]
        over: dict[int, FinishReason] = {}
        for index, (row, token) in enumerate(zip(rows, tokens, strict=True), first):
            reason = row.take(token, token in self._stop_ids)
            if reason:
                over[index] = reason
        jobs = {id(row.job): row.job for row in rows}.values()
        self._finish(over)
        for job in jobs:
            job.flush()

    def _finish(self, over: Mapping[int, FinishReason]) -> None:
        for index, reason in over.items():
            row = self._batch.rows[index]
            row.finish(reason)
            row.job.running -= 1
            row.job.flush()
        self._batch.leave(list(over))

    def _fail_all(self, reason: str) -> None:
        unfinished = [(w.job, w.request) for w in self._waiting]
        # A row may be joining and in the batch at once; the finished ones of this step are in neither place.
        rows = {id(row): row for row in [*self._joining, *self._batch.rows] if not row.over}
        unfinished += [(row.job, row.request) for row in rows.values()]
        for job, request in unfinished:
            job.pending.append(Failed(request.id, reason))
            job.running = 0
            job.flush()
        self._waiting, self._joining = [], []
        self._batch.clear()


def _grouped(rows: list[Row[Any]]) -> list[list[Row[Any]]]:
    """Rows of about one length, at most PREFILL_TOKENS together; inside a group variants stand side by side."""
    groups: list[list[Row[Any]]] = []
    for row in sorted(rows, key=lambda r: len(r.prompt), reverse=True):
        group = groups[-1] if groups else None
        longest = len(group[0].prompt) if group else 0
        if group is None or len(row.prompt) < 0.75 * longest or (len(group) + 1) * longest > PREFILL_TOKENS:
            groups.append([row])
        else:
            group.append(row)
    return [sorted(group, key=lambda r: r.request.variant) for group in groups]


def sentence(error: Exception) -> str:
    """One sentence for people about an exception."""
    if isinstance(error, EngineError):
        return str(error)
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if type(error).__name__ == "OutOfMemoryError" or any(word in first for word in _MEMORY):
        return "内存不足，请减少版本、缩小图片 / out of memory: use fewer variants or smaller images"
    return f"引擎出错 / the engine failed · {type(error).__name__}: {first}"
