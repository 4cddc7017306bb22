"""The desk behind the pages: loads the model in the background, holds live exchanges, takes questions in.

Holds no widgets; every page handler is one call here.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import Literal

from medeval.cases.load import free_id, save_case
from medeval.cases.schema import Case, Expect, Language, Title
from medeval.engines.contract import Decoding, Receipt
from medeval.errors import MedevalError, UsageError
from medeval.services import Services
from medeval.services.images import FROM_OCR
from medeval.ui.batch import Batch
from medeval.ui.exchange import Column, Exchange, Kind, Round, View, new_id
from medeval.ui.reading import Readings
from medeval.ui.shelf import Shelf, record
from medeval.ui.text import Lang, say
from medeval.ui.topics import SAVED_SUITE
from medeval.ui.uploads import Uploads
from medeval.ui.words import CHINESE

FIRST_CASE = "bp-140-90"
_KEPT = 200
_SERVER_SECONDS = 2.0
"""A server has to say which columns there are; one that takes longer is not waited for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loading:
    """How far the model is."""

    state: Literal["loading", "ready", "failed"]
    seconds: int
    receipt: Receipt | None = None
    error: str = ""


@dataclass(frozen=True)
class Question:
    """What a person asks: text, files as uploaded, the picked case if any, columns and decoding."""

    text: str
    files: tuple[Path, ...]
    case_id: str
    variants: tuple[str, ...]
    decoding: Decoding
    lang: Lang


class Desk:
    """One per server."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._shelf = Shelf(services.settings.home / "exchanges")
        self._live: OrderedDict[str, Exchange] = OrderedDict()
        self.uploads = Uploads(services)
        self._lock = Lock()
        self._began = time.monotonic()
        self._loading = Loading("loading", 0)
        self._readings = Readings()
        self.batch = Batch(services)
        self.startup_id = ""

    def start(self) -> None:
        """Puts the first case on the desk and begins to load the model; returns at once."""
        self._begin_loading()
        try:
            self._ask_first()
        except MedevalError as error:
            _log.warning("the first case could not be asked: %s", error)

    def retry(self) -> None:
        """After a failed load: loads again and asks the first case anew; otherwise does nothing."""
        if self._reload():
            self.start()

    def _reload(self) -> bool:
        """Whether the model had failed to load, and is now said to be loading."""
        with self._lock:
            failed = self.loading().state == "failed"
            if failed:
                self._loading = Loading("loading", 0)
            return failed

    def _begin_loading(self) -> None:
        self._began = time.monotonic()
        loading = Thread(target=self._load, name="load-model", daemon=True)
        loading.start()
        if self.services.server is not None:
            loading.join(_SERVER_SECONDS)

    def _load(self) -> None:
        try:
            receipt = self.services.receipt()
            self._loading = Loading("ready", self._seconds(), receipt)
        except MedevalError as error:
            self._loading = Loading("failed", self._seconds(), error=str(error))
        except Exception as error:
            _log.exception("loading the model failed")
            self._loading = Loading("failed", self._seconds(), error=f"{type(error).__name__}: {error}")

    def _ask_first(self) -> None:
        cases = self.services.cases.cases
        case = cases.get(FIRST_CASE) or next(iter(cases.values()), None)
        if case is None:
            return
        images = self.uploads.case_images(case)
        new = Round(
            case.model_copy(update={"images": images}), self._columns([]), images=tuple(i.name for i in images)
        )
        self.startup_id = self._open(new, startup=True)

    def _seconds(self) -> int:
        return int(time.monotonic() - self._began)

    def loading(self) -> Loading:
        """The state of the model now; one that failed and was then loaded by somebody else is ready."""
        state = self._loading
        if state.state == "failed" and (receipt := self.services.opened()) is not None:
            state = self._loading = Loading("ready", 0, receipt)
        return replace(state, seconds=self._seconds()) if state.state == "loading" else state

    def refresh(self) -> list[str]:
        """Takes over adapters that came or went since the model was loaded; returns the names that came.

        Nothing changes while answers are being written or the model is not loaded.
        """
        before = self._loading
        if before.receipt is None or not self.services.refresh():
            return []
        receipt = self.services.receipt()
        self._loading = Loading("ready", 0, receipt)
        known = {item.variant for item in before.receipt.variants}
        return [item.variant for item in receipt.variants if item.variant not in known]

    # exchanges

    def _open(self, new: Round, rounds: tuple[Round, ...] = (), startup: bool = False) -> str:
        exchange = Exchange(View(new_id(), rounds, startup=startup), self._keep)
        with self._lock:
            self._live[exchange.id] = exchange
            while len(self._live) > _KEPT:
                self._live.popitem(last=False)
        exchange.start(self.services, new)
        return exchange.id

    def _keep(self, view: View) -> None:
        if view.startup:
            return
        self._shelf.keep(view)
        if not view.running:
            record(self.services.store, view.rounds[-1], self.loading().receipt)

    def find(self, exchange_id: str) -> Exchange | None:
        """The exchange, live or from the store; None where there is none."""
        with self._lock:
            if exchange_id in self._live:
                return self._live[exchange_id]
        view = self._shelf.find(exchange_id)
        if view is None:
            return None
        found = Exchange(view, self._keep)
        with self._lock:
            return self._live.setdefault(exchange_id, found)

    def _columns(self, names: Sequence[str]) -> tuple[Column, ...]:
        picked = self.services.pick_variants(names) if names else self.services.variants().values()
        return tuple(Column(v.name, {"zh": v.title("zh"), "en": v.title("en")}) for v in picked)

    # questions

    def ask(self, question: Question) -> tuple[str, list[str]]:
        """Opens an exchange for a question; a model that could not be loaded is tried again.

        Returns:
            Its id, and one sentence per file that could not be used (the rest goes on).

        Raises:
            UsageError: nothing to ask, or nobody to ask.
        """
        lang = question.lang
        if not question.variants:
            raise UsageError(say("m_no_variant", lang))
        images, problems, notes = self.uploads.take_in(question.files, lang)
        text = question.text.strip()
        if not text and not images:
            raise UsageError(" ".join([*problems, say("m_no_question", lang)]))
        case, kind = self._case_for(text or say("image_only", lang), images, question.case_id)
        new = Round(
            case, self._columns(question.variants), question.decoding, kind,
            tuple(image.name for image in images), (*problems, *notes),
        )
        if self._reload():
            self._begin_loading()
        return self._open(new), problems

    def follow_up(self, exchange_id: str, text: str, lang: Lang) -> str:
        """Asks on in every column of an exchange.

        Returns:
            The id under which it goes on: the start-up exchange belongs to everyone, so a copy of it goes on.

        Raises:
            UsageError: no text, no such exchange, or it is still running.
        """
        exchange = self.find(exchange_id)
        if exchange is None:
            raise UsageError(say("m_no_exchange", lang))
        if not text.strip():
            raise UsageError(say("m_no_question", lang))
        view = exchange.view()
        if view.running:
            raise UsageError(say("m_wait", lang))
        last = view.rounds[-1]
        case = last.case.model_copy(update={"prompt": text.strip(), "expect": Expect()})
        columns = tuple(Column(c.variant, c.title) for c in last.columns)
        new = Round(case, columns, last.decoding, "follow", last.images)
        if view.startup:
            return self._open(new, view.rounds)
        if not exchange.start(self.services, new):
            raise UsageError(say("m_wait", lang))
        return exchange_id

    def stop(self, exchange_id: str) -> None:
        """Stops an exchange; does nothing where there is none."""
        exchange = self.find(exchange_id)
        if exchange is not None:
            exchange.stop()

    def save_case(self, exchange_id: str, name: str, have: Sequence[str], avoid: Sequence[str], lang: Lang) -> Path:
        """Saves the first question of an exchange as a case of the suite `saved`.

        Args:
            exchange_id: which exchange.
            name: the title, from which the id is made.
            have: statements a good answer makes; the case's own where empty.
            avoid: statements it must not make; the case's own where empty.
            lang: language of messages.

        Returns:
            The YAML file.

        Raises:
            UsageError: no exchange or no name. CaseError: the file cannot be written.
        """
        exchange = self.find(exchange_id)
        if exchange is None:
            raise UsageError(say("m_no_exchange", lang))
        if not name.strip():
            raise UsageError(say("m_name", lang))
        case = exchange.view().rounds[0].case
        wanted = {"must_have": list(have) or case.expect.must_have, "must_not": list(avoid) or case.expect.must_not}
        saved = case.model_copy(update={
            "id": free_id(name.strip(), self.services.cases),
            "title": Title(zh=name.strip(), en=name.strip()),
            "suite": [SAVED_SUITE],
            "expect": case.expect.model_copy(update=wanted),
        })
        path = save_case(saved, self.services.settings.cases / SAVED_SUITE)
        self.services.reload_cases()
        return path

    def reading(self, view: View) -> bool:
        """Whether an image of the newest question is still being read."""
        return self._readings.pending(self.services.images, view.rounds[-1].images)

    def _case_for(self, text: str, images: list[Path], case_id: str) -> tuple[Case, Kind]:
        picked = self.services.cases.cases.get(case_id)
        if picked and picked.prompt.strip() == text and self.uploads.case_images(picked) == images:
            return picked.model_copy(update={"images": images}), "case"
        language: Language = "zh" if CHINESE.search(text) else "en"
        read = Expect(lab_rows=self.services.images.lab_rows([image.name for image in images]))
        source = FROM_OCR if read.lab_rows else ""
        free = Case(id=f"free-{new_id()}", prompt=text, images=images, language=language, expect=read, source=source)
        return free, "free"
