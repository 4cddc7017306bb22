"""Following a live exchange from a page: looks at the desk some times a second and sends only what changed.

The exchange runs on its own thread, so a page that leaves (or a second one that joins) changes nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from medeval.ui import cards, looks, tables
from medeval.ui.desk import Desk
from medeval.ui.exchange import View
from medeval.ui.says import says_html
from medeval.ui.text import Lang

PERIOD = 0.08
"""Seconds between looks: about 12 a second."""
_SESSIONS = 500


@dataclass(frozen=True)
class Painted:
    """Everything in the centre that changes with an exchange, in the order of the outputs."""

    question: str
    earlier: str
    grid: str
    table: str
    receipt: str
    exports: str
    running: bool

    def updates(self, before: "Painted | None") -> list[Any]:
        """Values for the outputs; unchanged ones are skipped. The flag moves the ask and stop buttons."""
        values: list[Any] = []
        for item in fields(self):
            new = getattr(self, item.name)
            same = before is not None and getattr(before, item.name) == new
            if item.name == "running":
                skip = [gr.skip()] * 3
                values += skip if same else [gr.update(visible=not new), gr.update(visible=new), gr.update(visible=new)]
            else:
                values.append(gr.skip() if same else new)
        return values


def paint(desk: Desk, view: View, lang: Lang, profile: str) -> Painted:
    """The centre of the page for one view."""
    look = looks.look_for(desk, lang, profile)
    last = view.rounds[-1]
    return Painted(
        cards.question(view, look, says_html(desk.services.images, last.images, desk.reading(view), look)),
        cards.earlier(view, look),
        cards.grid(view, look),
        "" if view.running else tables.scores_table(last, look),
        tables.receipt_html(desk.loading().receipt, last.decoding, look),
        looks.exports_html(view.id, view.running, lang, profile),
        view.running,
    )


class Followers:
    """Only the newest follower of a page paints it; older ones end at their next look."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._newest: OrderedDict[str, int] = OrderedDict()

    async def follow(self, page: str, exchange_id: str, lang: Lang, profile: str) -> AsyncIterator[list[Any]]:
        """Paints an exchange until it is finished.

        Args:
            page: identity of the browser page (Gradio's session hash).
            exchange_id: what to show; nothing is painted where it is unknown.
            lang: language of the page.
            profile: which total to show.
        """
        mine = self._take(page)
        exchange = await asyncio.to_thread(self.desk.find, exchange_id)
        before: Painted | None = None
        seen: object = None
        while exchange is not None and self._newest.get(page) == mine:
            view, loading = exchange.view(), self.desk.loading()
            reading = self.desk.reading(view)
            if seen != (view.version, loading, reading):
                seen = (view.version, loading, reading)
                now = paint(self.desk, view, lang, profile)
                yield now.updates(before)
                before = now
            if not view.running and not reading and loading.state != "loading":
                return
            await asyncio.sleep(PERIOD)

    def _take(self, page: str) -> int:
        mine = self._newest.pop(page, 0) + 1
        self._newest[page] = mine
        while len(self._newest) > _SESSIONS:
            self._newest.popitem(last=False)
        return mine
