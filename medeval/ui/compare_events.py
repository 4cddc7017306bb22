"""The Compare tab: what its widgets do. Each handler reads widgets, makes one call on the desk, and shows the result.

Handlers stay callable from outside the page, so each checks its own input; ids of exchanges cannot be guessed.
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from medeval.engines.contract import Decoding
from medeval.errors import MedevalError, UsageError
from medeval.ui import looks
from medeval.ui.compare import Compare
from medeval.ui.desk import Desk, Question
from medeval.ui.exchange import View
from medeval.ui.labels import PRIVATE
from medeval.ui.live import Followers
from medeval.ui.text import Lang, say
from medeval.ui.toasts import warn
from medeval.ui.words import half

_UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}


@dataclass(frozen=True)
class Wires:
    """What the tab shares with the page: the language switch and the browser's memory."""

    lang: Component
    memory: gr.BrowserState


class CompareEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, tab: Compare, wires: Wires) -> None:
        self.desk = desk
        self.tab = tab
        self.wires = wires
        self.followers = Followers(desk)
        self.asked: Any = None
        """The event of a question being asked, once connected."""

    def connect(self) -> None:
        """Connects every widget; called once while the page is built."""
        rail, centre, shown = self.tab.rail, self.tab.centre, self.tab.shown
        rail.chips.click(self.pick, [self.wires.lang], [rail.picked, rail.box], **PRIVATE)
        rail.box.input(self.prepare, [rail.box], None, **PRIVATE)
        rail.images.connect(self.wires.lang, rail.variants)
        asked = [rail.box, rail.picked, rail.variants, rail.max_tokens, rail.temperature, rail.seed,
                 self.wires.lang, self.wires.memory]
        self.asked = rail.ask.click(self.ask, asked, [shown, self.wires.memory, rail.chips], **PRIVATE)
        self.then_follow(self.asked)
        follow_in = [shown, centre.follow_up, self.wires.lang, self.wires.memory]
        follow_out = [shown, centre.follow_up, self.wires.memory]
        for listen in (centre.send.click, centre.follow_up.submit):
            self.then_follow(listen(self.follow_up, follow_in, follow_out, **PRIVATE))
        for button in (rail.stop, centre.stop):
            button.click(self.stop, [shown], None, **PRIVATE)
        self.then_follow(rail.profile.input(lambda: None, None, None, **PRIVATE))
        saving = [shown, centre.save_name, centre.save_must_have, centre.save_must_not, self.wires.lang, rail.picked]
        centre.save.click(self.save, saving, [centre.saved, rail.chips], **PRIVATE)

    def then_follow(self, event: Any) -> Any:
        """After `event`, paints the shown exchange until it is finished."""
        c, rail = self.tab.centre, self.tab.rail
        painted = [c.question, c.earlier, c.grid, c.table, c.receipt, c.exports, rail.ask, rail.stop, c.stop]
        asked = [self.tab.shown, self.wires.lang, rail.profile]
        return event.then(self.follow, asked, painted, **_UNLIMITED)

    async def follow(
        self, exchange_id: str, lang: Lang, profile: str, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        """Streams the exchange into the page."""
        async for updates in self.followers.follow(str(request.session_hash), exchange_id, lang, profile):
            yield updates

    def resume(self, memory: dict[str, str] | None) -> tuple[str, str, dict[str, Any]]:
        """On opening the page: the exchange this browser saw last, or the one made at start-up."""
        last = (memory or {}).get("exchange", "")
        exchange = self.desk.find(last) or self.desk.find(self.desk.startup_id)
        if exchange is None:
            return "", "", gr.skip()
        view = exchange.view()
        first = view.rounds[0].case.id
        return view.id, first if first in self.desk.services.cases.cases else "", self._box(view)

    def pick(self, lang: Lang, event: gr.EventData) -> tuple[str, dict[str, Any]]:
        """A chip was pressed: its question and images go into the box."""
        case = self.desk.services.cases.cases.get(str(event._data.get("case", "")))
        if case is None:
            warn(lang, say("m_no_case", lang))
            return "", gr.skip()
        return case.id, _filled(case.prompt, self.desk.uploads.case_images(case))

    def ask(
        self, box: dict[str, Any] | None, picked: str, variants: list[str], tokens: float, heat: float, seed: float,
        lang: Lang, memory: dict[str, str] | None,
    ) -> tuple[Any, Any, Any]:
        """Asks all ticked variants; no case stays pressed when the question is none."""
        text, uploaded = (box or {}).get("text") or "", (box or {}).get("files") or []
        decoding = Decoding(int(tokens), float(heat), seed=int(seed or 0))
        question = Question(text, tuple(Path(f) for f in uploaded), picked, tuple(variants), decoding, lang)
        opened, problems = _told(lambda: self.desk.ask(question), lang) or ("", [])
        for problem in problems:
            warn(lang, problem)
        exchange = self.desk.find(opened)
        if exchange is None:
            return gr.skip(), gr.skip(), gr.skip()
        free = exchange.view().rounds[-1].kind == "free"
        chips = looks.chips_html(self.desk, lang, "") if free else gr.skip()
        return opened, _remember(memory, opened), chips

    def prepare(self, box: dict[str, Any] | None) -> None:
        """Files were dropped: they are read while the question is being written."""
        self.desk.uploads.prepare([Path(f) for f in (box or {}).get("files") or []])

    def follow_up(
        self, exchange_id: str, text: str, lang: Lang, memory: dict[str, str] | None
    ) -> tuple[Any, Any, Any]:
        """Asks on in all columns."""
        opened = _told(lambda: self.desk.follow_up(exchange_id, text or "", lang), lang)
        return (opened, "", _remember(memory, opened)) if opened else (gr.skip(), gr.skip(), gr.skip())

    def stop(self, exchange_id: str) -> None:
        """Stops the answers."""
        self.desk.stop(exchange_id)

    def save(
        self, exchange_id: str, name: str, have: str, avoid: str, lang: Lang, picked: str
    ) -> tuple[str, Any]:
        """Saves the shown question as a case file and shows its chip."""
        path = _told(lambda: self.desk.save_case(exchange_id, name, _lines(have), _lines(avoid), lang), lang)
        if path is None:
            return "", gr.skip()
        text = escape(say("saved", lang, path=path))
        return f'<p class="me-quiet">{text}</p>', looks.chips_html(self.desk, lang, picked)

    def _box(self, view: View) -> dict[str, Any]:
        first = view.rounds[0]
        return _filled(first.case.prompt, [self.desk.uploads.folder / name for name in first.images])


def _filled(text: str, images: list[Path]) -> dict[str, Any]:
    """A value of the question box; images are copied where Gradio may serve them from."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / "shown"
    folder.mkdir(exist_ok=True, mode=0o700)
    copies = [str(shutil.copyfile(image, folder / image.name)) for image in images if image.is_file()]
    return {"text": text, "files": copies}


def _told(call: Callable[[], Any], lang: Lang) -> Any:
    """The result of `call`; an error becomes one sentence on the page, and None."""
    try:
        return call()
    except UsageError as error:
        warn(lang, half(str(error), lang))
    except MedevalError as error:
        warn(lang, half(str(error), lang), stays=True)
    return None


def _remember(memory: dict[str, str] | None, exchange_id: str) -> dict[str, str]:
    return {**(memory or {}), "exchange": exchange_id}


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
