"""The Adapters tab: what its widgets do. Handlers read widgets, make one call, and show the result.

Fusing is a job in a process of its own; a page only looks at its folder about once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from medeval.errors import AdapterError, MedevalError
from medeval.fusion.serve import Command
from medeval.ui.adapters import Tab, bit_choices, place_info, target_choices
from medeval.ui.adapters_board import Board, FuseWork
from medeval.ui.adapters_form import command_html, estimate_html, order_of
from medeval.ui.adapters_jobs import jobs_html
from medeval.ui.adapters_view import Head, Opened, head_html, offered, reasons_html, table_html
from medeval.ui.desk import Desk
from medeval.ui.evaluate_board import pause
from medeval.ui.labels import PRIVATE
from medeval.ui.text import Lang, say
from medeval.ui.words import half

_UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
_SESSIONS = 500
_CLOSED = "-"
_TO_JOBS = "() => { document.querySelector('#me-ad-jobs')?.scrollIntoView({behavior: 'smooth', block: 'nearest'}); }"


class AdapterEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, board: Board, tab: Tab, switch: gr.Radio) -> None:
        self.desk, self.board, self.tab, self.switch = desk, board, tab, switch
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._closed_for: set[str] = set()

    def connect(self, tab: gr.Tab) -> None:
        """Connects every widget; called once while the page is built."""
        mine, form, opened = self.tab, self.tab.fusing, self.tab.opened
        self._connect_form()
        for event in (tab.select(None, None, None, **PRIVATE), mine.refresh.click(None, None, None, **PRIVATE)):
            self._then_show(event)
            self._then_follow(event)
        labelled = [form.target, form.bits, form.home]
        told = [form.target, form.bits, form.home, self.switch]
        switched = self.switch.change(self.relabel, told, labelled, **PRIVATE)
        self._then_show(switched)
        self._then_follow(switched)
        clicked = mine.table.click(self.act, [opened, self.switch], [opened, form.variant], **PRIVATE)
        self._then_show(clicked)
        pressed = mine.jobs.click(self.act_job, [opened, self.switch], [opened], **PRIVATE)
        self._then_follow(pressed)
        add = mine.adding
        added = add.add.click(
            self.install, [add.drop, add.path, add.name, opened, self.switch],
            [add.added, add.drop, add.path, add.name, opened], **PRIVATE,
        )  # fmt: skip
        self._then_show(added)

    def _connect_form(self) -> None:
        form = self.tab.fusing
        told, drawn = self._told_form(), [form.estimate, form.start, form.out, form.command]
        chosen = form.target.input(self.choose_target, [form.target, form.bits, self.switch], [form.bits], **PRIVATE)
        chosen.then(self.preview, told, drawn, **PRIVATE)
        for widget in (form.variant, form.bits, form.measure, form.replace):
            widget.input(self.preview, told, drawn, trigger_mode="always_last", **PRIVATE)
        for box in (form.out, form.publisher, form.name):
            gr.on([box.input, box.blur], self.preview, told, drawn, trigger_mode="always_last", **PRIVATE)
        shown = form.deploy.input(lambda on: gr.update(visible=on), [form.deploy], [form.place], **PRIVATE)
        shown.then(self.preview, told, drawn, **PRIVATE)
        looked = form.home.input(self.look_home, [form.home, self.switch], [form.home], **PRIVATE)
        looked.then(self.preview, told, drawn, **PRIVATE)
        started = form.start.click(self.start, [*told, self.tab.opened], [self.tab.opened], **PRIVATE)
        self._then_follow(started)
        started.then(None, None, None, js=_TO_JOBS, **PRIVATE)

    def _told_form(self) -> list[Any]:
        form = self.tab.fusing
        return [
            form.variant, form.target, form.bits, form.measure, form.out, form.replace, form.deploy, form.home,
            form.publisher, form.name, self.switch,
        ]  # fmt: skip

    def _then_show(self, event: Any) -> None:
        """After `event`, paints the folder of adapters, and again once the model has seen what is new."""
        mine, form = self.tab, self.tab.fusing
        shown = event.then(
            self.show, [mine.opened, form.variant, self.switch], [mine.head, mine.table, form.variant], **_UNLIMITED
        )
        shown.then(self.preview, self._told_form(), [form.estimate, form.start, form.out, form.command], **PRIVATE)

    def _then_follow(self, event: Any) -> None:
        """After `event`, paints the fuse jobs, and goes on while one is at work."""
        event.then(self.follow, [self.tab.opened, self.switch], [self.tab.opened, self.tab.jobs], **_UNLIMITED)

    # the folder

    async def show(self, opened: Opened, variant: str | None, lang: Lang) -> AsyncIterator[list[Any]]:
        """Paints what is there, has the model take over what is new, and paints what it found."""
        yield await asyncio.to_thread(self._painted, opened, variant, lang, True)
        while self.desk.loading().state == "loading":
            await asyncio.sleep(1.0)
        await asyncio.to_thread(self._refresh)
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
        head = Head(name, settings.is_demo, folder, base.fingerprint if base else "", loading.receipt, busy)
        commands = self._commands(opened.adapter) if any(r.usable and r.name == opened.adapter for r in rows) else []
        table = table_html(rows, opened.adapter, commands, folder, lang)
        return [head_html(head, lang), table, gr.update(**offered(rows, variant, lang))]

    def _commands(self, name: str, fused: Path | None = None) -> list[Command]:
        try:
            return self.board.adapters.commands(name, fused)
        except (MedevalError, OSError):
            return []  # the adapter is gone by now

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
            made = await asyncio.to_thread(
                self._told, lambda: self.board.adapters.convert(name, to, new), lang
            )
            if made is not None:
                path, notes = made
                said = [say("ad_converted", lang, path=path), *(half(note, lang) for note in notes)]
                gr.Info("<br>".join(map(escape, said)))
                opened = replace(opened, adapter=path.name)
        return [opened, gr.skip()]

    async def install(
        self, files: list[str] | None, path: str, name: str, opened: Opened, lang: Lang
    ) -> list[Any]:
        """Puts an adapter through the gate and adds it; a refused one leaves nothing but its reasons."""
        kept = [gr.skip()] * 4
        if not files and not path.strip():
            return [_note(say("ad_nothing", lang), "me-warn"), *kept]
        if files and not name.strip():
            return [_note(say("ad_need_name", lang), "me-warn"), *kept]
        source: Path | list[Path] = [Path(file) for file in files] if files else Path(path.strip()).expanduser()
        try:
            added = await asyncio.to_thread(self.board.adapters.install, source, name.strip())
        except AdapterError as error:
            title = say("ad_not_added", lang, n=len(error.problems))
            listed = reasons_html(error.problems, lang)
            return [f'<div class="me-error me-ad-said"><b>{escape(title)}</b>{listed}</div>', *kept]
        except MedevalError as error:
            return [_note(half(str(error), lang), "me-warn"), *kept]
        said = _note(say("ad_added", lang, name=added.name), "me-note")
        return [said, None, "", "", replace(opened, adapter=added.name)]

    # the form

    def choose_target(self, target: str, bits: int, lang: Lang) -> Any:
        """Offers the widths that the target can open."""
        choices = bit_choices(target, lang)
        return gr.update(choices=choices, value=bits if bits in [n for _, n in choices] else 16)

    def look_home(self, home: str, lang: Lang) -> Any:
        """Says whether LM Studio is there."""
        return gr.update(info=place_info(home, lang))

    def preview(self, *told: Any) -> list[Any]:
        """Size, room on the disk and the command line of what is chosen."""
        *form, lang = told
        found = self.board.widths()
        order = order_of(form, found)
        if order is None:
            return [_note(say("ad_no_variant", lang), "me-note"), gr.update(interactive=False), gr.skip(), ""]
        usual = self.board.default_out(order)
        html, possible = estimate_html(order, usual, found, lang)
        out = gr.update(placeholder=str(usual))
        return [html, gr.update(interactive=possible), out, command_html(order, usual, lang)]

    def start(self, *told: Any) -> Opened:
        """Puts the fusing into the queue and opens it."""
        *form, lang, before = told
        opened: Opened = before
        order = order_of(form, self.board.widths())
        begun = None if order is None else self._told(lambda: self.board.begin(order), lang)
        if begun is None:
            return opened
        job_id, closed = begun
        if closed:
            self._closed_for.add(job_id)
        return replace(opened, job=job_id)

    def relabel(self, target: str, bits: int, home: str, lang: Lang) -> list[Any]:
        """The language was switched."""
        return [
            gr.update(choices=target_choices(lang)),
            gr.update(choices=bit_choices(target, lang), value=bits),
            gr.update(info=place_info(home, lang)),
        ]

    # jobs

    async def act_job(self, opened: Opened, lang: Lang, event: gr.EventData) -> Opened:
        """A job was clicked, or one of its buttons."""
        data = event._data
        what, job_id = str(data.get("do", "")), str(data.get("job", ""))
        if what == "job":
            return replace(opened, job=_CLOSED if job_id == opened.job else job_id)
        if what == "stop":
            self._told(lambda: self.board.stop(job_id), lang)
        elif what == "again":
            self._told(lambda: self.board.again(job_id), lang)
            return replace(opened, job=job_id)
        elif what == "delete":
            self._told(lambda: self.board.delete(job_id), lang)
        elif what == "column":
            name = str(data.get("value", ""))
            made = await asyncio.to_thread(self._told, lambda: self.board.column(job_id, name), lang)
            if made is not None:
                gr.Info(escape(say("ad_column_made", lang, name=made.name)))
        return opened

    async def follow(self, opened: Opened, lang: Lang, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Paints the jobs, and again whenever something changed, until none is at work."""
        page, mine = str(request.session_hash), self._take(str(request.session_hash))
        before = ""
        while self._newest.get(page) == mine:
            began = time.monotonic()
            works = await asyncio.to_thread(self.board.works)
            opened = _kept_open(opened, works)
            now = await asyncio.to_thread(self._jobs, works, opened, lang)
            if self._newest.get(page) != mine:
                return
            yield [opened, now if now != before else gr.skip()]
            before = now
            if not any(work.job.active for work in works):
                return
            await asyncio.sleep(pause(began))

    def _jobs(self, works: Sequence[FuseWork], opened: Opened, lang: Lang) -> str:
        shown = next((w for w in works if w.job.id == opened.job), None)
        commands: list[Command] = []
        if shown is not None and shown.result is not None and shown.result.get("ok"):
            commands = self._commands(shown.order.variant, Path(str(shown.result["path"])))
        busy = any(w.job.active and w.job.id in self._closed_for for w in works)
        return jobs_html(works, opened.job, commands, say("ad_room", lang) if busy else "", lang)

    def _told(self, call: Callable[[], Any], lang: Lang) -> Any:
        """The result of `call`; an error becomes sentences on the page, and None."""
        try:
            return call()
        except AdapterError as error:
            gr.Warning("<br>".join(escape(half(problem, lang)) for problem in error.problems[:12]))
        except MedevalError as error:
            gr.Warning(escape(half(str(error), lang)))
        return None

    def _take(self, page: str) -> int:
        mine = self._newest.pop(page, 0) + 1
        self._newest[page] = mine
        while len(self._newest) > _SESSIONS:
            self._newest.popitem(last=False)
        return mine


def _kept_open(opened: Opened, works: Sequence[FuseWork]) -> Opened:
    """The newest job is open unless a person closed or chose one."""
    known = [work.job.id for work in works]
    if opened.job in known or opened.job == _CLOSED:
        return opened
    return replace(opened, job=known[0] if known else "")


def _note(text: str, kind: str) -> str:
    return f'<p class="me-hint me-ad-said {kind}">{escape(text)}</p>'
