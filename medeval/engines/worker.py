"""The thread of a batched engine: opening, the queue of calls, closing. The engines differ in what they open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Event as Cancel
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Event, Receipt, Request
from medeval.engines.gating import Change
from medeval.engines.rows import Job
from medeval.engines.scheduler import Batch, Encoder, Scheduler
from medeval.errors import EngineError

MAX_ROWS = 64


class Base(Protocol):
    """A loaded base."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        ...


L = TypeVar("L", bound=Base)
B = TypeVar("B", bound=Batch)
E = TypeVar("E", bound=Encoder)


@dataclass
class Opened(Generic[L, B, E]):
    """A loaded base with everything its variants need, whatever the library."""

    base: L
    batch: B
    encoder: E
    changes: Mapping[str, Sequence[Change]]
    receipt: Receipt
    base_bytes: int
    """Memory of the base."""
    factor_bytes: int
    """Memory that all adapters together take."""

    @property
    def switched(self) -> frozenset[str]:
        """Variants that need weights of their own in the base's place."""
        return frozenset(name for name, changes in self.changes.items() if changes)

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end an answer."""
        return self.base.stop_ids


T = TypeVar("T", bound=Opened[Any, Any, Any])


class RowEngine(ABC, Generic[T]):
    """One base in memory, every variant a row of one batch, on one thread.

    Args:
        max_rows: how many requests are answered at the same time.
        ignore_stop: end answers by length only, so that a bench compares equal work.
    """

    name = ""

    def __init__(self, max_rows: int = MAX_ROWS, ignore_stop: bool = False) -> None:
        self._max_rows, self._ignore_stop = max_rows, ignore_stop
        self._thread: Thread | None = None
        self._scheduler: Scheduler | None = None
        self._opened: T | None = None

    @abstractmethod
    def _open(self, base: BaseRef, variants: Sequence[Variant]) -> T:
        """Loads everything; called on the engine's thread."""

    def _session(self) -> AbstractContextManager[object]:
        """What surrounds the answering of requests on the engine's thread."""
        return nullcontext()

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        """Loads the base and every variant that passes the gate; an engine that is open is closed first.

        Raises:
            EngineError: the base cannot be loaded.
        """
        self.close()
        ready: Future[Receipt] = Future()
        name = f"medeval-{self.name}"
        self._thread = Thread(target=self._work, args=(base, variants, ready), name=name, daemon=True)
        self._thread.start()
        return ready.result()

    def _work(self, base: BaseRef, variants: Sequence[Variant], ready: Future[Receipt]) -> None:
        try:
            opened = self._open(base, variants)
            stops: frozenset[int] = frozenset() if self._ignore_stop else opened.stop_ids
            scheduler = Scheduler(
                opened.batch, opened.encoder, opened.switched, lambda v: unusable(opened.receipt, v),
                self._max_rows, stops,
            )  # fmt: skip
        except BaseException as error:
            ready.set_exception(error)
            return
        self._opened, self._scheduler = opened, scheduler
        ready.set_result(opened.receipt)
        with self._session():
            scheduler.run()

    @property
    def opened(self) -> T:
        """What is loaded; raises EngineError where nothing is."""
        if self._opened is None:
            raise EngineError("引擎还没有打开 / the engine is not open")
        return self._opened

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        """Answers `requests` in one batch with those of other callers; see the contract."""
        if self._scheduler is None:
            raise EngineError("引擎还没有打开 / the engine is not open")
        job = Job(tuple(requests), cancel)
        if job.requests:
            self._scheduler.inbox.put(job)
        yield from job.answers(self._works)

    def _works(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Ends the worker and frees the model; may be called twice."""
        if self._scheduler is not None:
            self._scheduler.inbox.put(None)
        if self._thread is not None:
            self._thread.join()
        self._thread = self._scheduler = self._opened = None


def unusable(receipt: Receipt, variant: str) -> str | None:
    """Why a variant cannot be asked, or None."""
    if variant in receipt.refused:
        return " · ".join([f"版本 {variant} 未通过检查 / variant {variant} was refused", *receipt.refused[variant]])
    names = [v.variant for v in receipt.variants]
    if variant in names:
        return None
    known = ", ".join(names)
    return f"没有版本 {variant}；可用：{known} / unknown variant {variant}, known: {known}"
