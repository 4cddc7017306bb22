"""The folder of adapters on the Adapters tab: what its widgets do. Each handler makes one call and shows the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from medeval.errors import AdapterError, MedevalError
from medeval.ui.adapters import Tab
from medeval.ui.adapters_board import Board
from medeval.ui.adapters_fuse import UNLIMITED, FuseEvents, commands_of
from medeval.ui.adapters_told import Newest, note_html, told
from medeval.ui.adapters_view import Head, Opened, head_html, offered, reasons_html, table_html
from medeval.ui.desk import Desk
from medeval.ui.labels import PRIVATE
from medeval.ui.text import Lang, say
from medeval.ui.toasts import inform
from medeval.ui.words import half

_PATH_LAST_JS = "(path, files) => path.trim() ? null : files"


class AdapterEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, board: Board, tab: Tab, switch: gr.Radio) -> None:
        self.desk, self.board, self.tab, self.switch = desk, board, tab, switch
        self.fuse = FuseEvents(board, tab, switch)
        self._newest = Newest()

    def connect(self, tab: gr.Tab) -> None:
        """Connects every widget; called once while the page is built."""
        mine, form, opened, add = self.tab, self.tab.fusing, self.tab.opened, self.tab.adding
        self._then_show(self.fuse.connect())
        named = [form.target, form.bits, form.home]
        events = [
            tab.select(None, None, None, **PRIVATE),
            mine.refresh.click(None, None, None, **PRIVATE),
            self.switch.change(self.fuse.relabel, [*named, self.switch], named, **PRIVATE),
        ]
        for event in events:
            self._then_show(event)
            self.fuse.then_follow(event)
        clicked = mine.table.click(self.act, [opened, self.switch], [opened, form.variant], **PRIVATE)
        self._then_show(clicked)
        added = add.add.click(
            self.install, [add.drop, add.path, add.name, opened, self.switch],
            [add.added, add.drop, add.path, add.name, opened], **PRIVATE,
        )  # fmt: skip
        self._then_show(added)
        # in the browser, so that a press right after it finds only what was entered last
        add.path.change(None, [add.path, add.drop], [add.drop], js=_PATH_LAST_JS, **PRIVATE)
        add.drop.upload(None, None, [add.path], js="() => ''", **PRIVATE)

    def _then_show(self, event: Any) -> None:
        """After `event`, paints the folder of adapters, and again once the model has seen what is new."""
        mine, form = self.tab, self.tab.fusing
        given = [mine.opened, form.variant, self.switch]
        self.fuse.then_preview(event.then(self.show, given, [mine.head, mine.table, form.variant], **UNLIMITED))

    async def show(
        self, opened: Opened, variant: str | None, lang: Lang, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        """Paints what is there, has the model take over what is new, and paints what it found."""
        turn = self._newest.take(request)
        yield await asyncio.to_thread(self._painted, opened, variant, lang, True)
        while self.desk.loading().state == "loading" and self._newest.holds(turn):
            await asyncio.sleep(1.0)
        await asyncio.to_thread(self._refresh)
        if self._newest.holds(turn):
            yield await asyncio.to_thread(self._painted, opened, variant, lang, False)

    def _refresh(self) -> None:
        try:
            self.desk.refresh()
        except MedevalError:
            return  # the header of the page says what is wrong with the model

    def _painted(self, opened: Opened, variant: str | None, lang: Lang, busy: bool) -> list[Any]:
        loading, settings = self.desk.loading(), self.desk.services.settings
        rows = self.board.adapters.rows(loading.receipt)
        base = self.board.adapters.base()
        folder = str(settings.adapters)
        name = Path(settings.base).name if Path(settings.base).is_dir() else settings.base
        fingerprint = base.fingerprint if base else ""
        head = Head(name, settings.is_demo, folder, fingerprint, loading.receipt, busy, settings.served)
        served = any(row.usable and row.name == opened.adapter for row in rows)
        commands = commands_of(self.board, opened.adapter) if served else []
        table = table_html(rows, opened.adapter, commands, folder, lang)
        return [head_html(head, lang), table, gr.update(**offered(rows, variant, lang))]

    async def act(self, opened: Opened, lang: Lang, event: gr.EventData) -> list[Any]:
        """A row was clicked, or a button inside its details."""
        data = event._data
        what, name = str(data.get("do", "")), str(data.get("name", ""))
        if what == "open":
            return [replace(opened, adapter="" if name == opened.adapter else name), gr.skip()]
        if what == "choose":
            return [opened, gr.update(value=name)]
        if what == "convert":
            to: Literal["mlx", "peft"] = "mlx" if data.get("to") == "mlx" else "peft"
            new = str(data.get("value", ""))
            made = await asyncio.to_thread(told, lambda: self.board.adapters.convert(name, to, new), lang)
            if made is not None:
                path, notes = made
                said = [say("ad_converted", lang, path=path), *(half(note, lang) for note in notes)]
                inform(lang, *said)
                opened = replace(opened, adapter=path.name)
        return [opened, gr.skip()]

    async def install(
        self, files: list[str] | None, path: str, name: str, opened: Opened, lang: Lang
    ) -> list[Any]:
        """Puts an adapter through the gate and adds it; a refused one leaves nothing but its reasons."""
        kept = [gr.skip()] * 4
        if not files and not path.strip():
            return [note_html(say("ad_nothing", lang), "warn"), *kept]
        if files and not name.strip():
            return [note_html(say("ad_need_name", lang), "warn"), *kept]
        source: Path | list[Path] = [Path(file) for file in files] if files else Path(path.strip()).expanduser()
        try:
            added = await asyncio.to_thread(self.board.adapters.install, source, name.strip())
        except AdapterError as error:
            title = say("ad_not_added", lang, n=len(error.problems))
            listed = reasons_html(error.problems, lang)
            return [f'<div class="me-error me-ad-said"><b>{escape(title)}</b>{listed}</div>', *kept]
        except MedevalError as error:
            return [note_html(half(str(error), lang), "warn"), *kept]
        said = note_html(say("ad_added", lang, name=added.name), "note")
        return [said, None, "", "", replace(opened, adapter=added.name)]
