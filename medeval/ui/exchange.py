"""An exchange: questions asked of several variants, running on its own thread so that a closed tab loses nothing.

Pages never touch the running thread; they look at frozen `View`s. Serving many exchanges is `medeval.ui.desk`.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event as Cancel
from threading import Lock, Thread
from typing import Literal

from medeval.cases.schema import Case, Turn
from medeval.engines.contract import Answer, Decoding, Failed, Token
from medeval.errors import MedevalError
from medeval.metrics.composite import ScoreSheet
from medeval.services import AskEvent, Services
from medeval.ui.text import say

Status = Literal["waiting", "streaming", "done", "failed"]
Kind = Literal["case", "free", "follow"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """One variant of one round, as far as it has come."""

    variant: str
    title: dict[str, str] = field(default_factory=dict)
    status: Status = "waiting"
    text: str = ""
    answer: Answer | None = None
    sheet: ScoreSheet | None = None
    error: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ("done", "failed")


@dataclass(frozen=True)
class Round:
    """One question and its columns. `images` are names of cleaned images; `notes` are remarks on the input."""

    case: Case
    columns: tuple[Column, ...]
    decoding: Decoding = Decoding()
    kind: Kind = "case"
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """An exchange at one moment; `version` grows with every change."""

    id: str
    rounds: tuple[Round, ...]
    running: bool = False
    startup: bool = False
    version: int = 0


class Exchange:
    """A live exchange; `view()` is safe from any thread."""

    def __init__(self, view: View, keep: Callable[[View], None]) -> None:
        self._view = view
        self._keep = keep
        self._lock = Lock()
        self._cancel = Cancel()

    @property
    def id(self) -> str:
        """The identity under which a page finds it again."""
        return self._view.id

    def view(self) -> View:
        """What there is to show now."""
        with self._lock:
            return self._view

    def stop(self) -> None:
        """Ends the answers within a token; what has come stays."""
        self._cancel.set()

    def start(self, services: Services, new: Round) -> bool:
        """Asks one more round in the background; False while a round is still running."""
        with self._lock:
            if self._view.running:
                return False
            histories = histories_of(self._view.rounds)
            self._cancel = Cancel()
            self._view = replace(
                self._view, rounds=(*self._view.rounds, new), running=True, version=self._view.version + 1
            )
        Thread(target=self._run, args=(services, new, histories, self._cancel), daemon=True).start()
        return True

    def _run(self, services: Services, new: Round, histories: dict[str, list[Turn]], cancel: Cancel) -> None:
        names = [column.variant for column in new.columns]
        self._keep(self.view())
        try:
            for event in services.ask(new.case, names, new.decoding, cancel, histories):
                self._apply(event)
            self._fail_open(say("answer_failed", "zh") + " / " + say("answer_failed", "en"))
        except MedevalError as error:
            self._fail_open(str(error))
        except Exception:
            _log.exception("exchange %s failed", self.id)
            self._fail_open(f"{say('m_internal', 'zh')} / {say('m_internal', 'en')}")
        finally:
            with self._lock:
                self._view = replace(self._view, running=False, version=self._view.version + 1)
            self._keep(self.view())

    def _apply(self, event: AskEvent) -> None:
        if isinstance(event, Token):
            text = event.text
            self._change(event.request_id, lambda c: replace(c, status="streaming", text=c.text + text))
        elif isinstance(event, Failed):
            reason = event.reason
            self._change(event.request_id, lambda c: replace(c, status="failed", error=reason))
        else:
            done = event
            self._change(
                done.request_id,
                lambda c: replace(c, status="done", text=done.answer.text, answer=done.answer, sheet=done.sheet),
            )

    def _change(self, variant: str, change: Callable[[Column], Column]) -> None:
        with self._lock:
            last = self._view.rounds[-1]
            columns = tuple(change(c) if c.variant == variant else c for c in last.columns)
            self._view = replace(
                self._view,
                rounds=(*self._view.rounds[:-1], replace(last, columns=columns)),
                version=self._view.version + 1,
            )

    def _fail_open(self, reason: str) -> None:
        for column in self.view().rounds[-1].columns:
            if not column.over:
                self._change(column.variant, lambda c: replace(c, status="failed", error=reason))


def histories_of(rounds: Sequence[Round]) -> dict[str, list[Turn]]:
    """The conversation of every column so far: only rounds the column answered."""
    histories: dict[str, list[Turn]] = {}
    for past in rounds:
        for column in past.columns:
            if column.status == "done" and column.text:
                turns = histories.setdefault(column.variant, [])
                turns += [Turn(role="user", text=past.case.prompt), Turn(role="assistant", text=column.text)]
    return histories


def new_id() -> str:
    """An identity nobody can guess."""
    return secrets.token_urlsafe(16)
