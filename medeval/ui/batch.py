"""A batch of images on its way: checked and asked on a thread of its own, so that a closed tab loses nothing.

The run it makes is an ordinary one: what is answered is stored at once, and a stopped one can be resumed.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Literal

from medeval.engines.contract import Decoding
from medeval.errors import MedevalError, UsageError
from medeval.review.adhoc import require_prompt
from medeval.services import Services

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchState:
    """How far the batch is; `problems` holds one sentence per image that could not be used."""

    step: Literal["idle", "intake", "asking", "done", "failed"] = "idle"
    done: int = 0
    total: int = 0
    run_id: str = ""
    problems: tuple[str, ...] = ()
    error: str = ""

    @property
    def busy(self) -> bool:
        """Whether it is still going on."""
        return self.step in ("intake", "asking")


class Batch:
    """At most one batch at a time per server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = Lock()
        self._state = BatchState()

    @property
    def state(self) -> BatchState:
        """What there is to show now."""
        return self._state

    def start(self, files: Sequence[Path], prompt: str, variants: Sequence[str], busy: str) -> None:
        """Begins with these images; returns at once.

        Raises:
            UsageError: no question, or another batch is going on (`busy` says so to people).
        """
        require_prompt(prompt)
        with self._lock:
            if self._state.busy:
                raise UsageError(busy)
            self._state = BatchState("intake", 0, len(files))
        work = Thread(target=self._work, args=(tuple(files), prompt, tuple(variants)), daemon=True, name="images")
        work.start()

    def _work(self, files: Sequence[Path], prompt: str, variants: Sequence[str]) -> None:
        try:
            reviewing = self._services.reviewing
            run_id, problems = reviewing.images_run(files, prompt, variants, Decoding(), self._checked)
            self._state = BatchState("asking", 0, 0, run_id, tuple(problems))
            record = self._services.continue_run(
                run_id, Event(), lambda p: self._step(replace(self._state, done=p.done, total=p.total))
            )
            if record.failed:
                problems.append(
                    f"{record.failed} 个回答失败，可续跑：medeval run --resume {run_id}"
                    f" / {record.failed} answers failed, go on with: medeval run --resume {run_id}"
                )
            self._step(replace(self._state, step="done", problems=tuple(problems)))
        except MedevalError as error:
            self._step(replace(self._state, step="failed", error=str(error)))
        except Exception as error:
            _log.exception("the batch of images failed")
            self._step(replace(self._state, step="failed", error=f"{type(error).__name__}: {error}"))

    def _checked(self, done: int) -> None:
        self._step(replace(self._state, done=done))

    def _step(self, state: BatchState) -> None:
        self._state = state
