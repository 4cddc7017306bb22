"""The fuse form and the fuse jobs of the Adapters tab: what their widgets do.

Fusing is a job in a process of its own; a page only looks at its folder about once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from medeval.errors import MedevalError
from medeval.fusion.serve import Command
from medeval.ui.adapters import Tab, bit_choices, place_info, target_choices
from medeval.ui.adapters_board import Board, FuseWork
from medeval.ui.adapters_form import command_html, estimate_html, order_of
from medeval.ui.adapters_jobs import jobs_html
from medeval.ui.adapters_told import Newest, note_html, told
from medeval.ui.adapters_view import Opened
from medeval.ui.evaluate_board import pause
from medeval.ui.labels import PRIVATE
from medeval.ui.text import Lang, say
from medeval.ui.toasts import inform

UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
_CLOSED = "-"
_TO_JOBS = "() => { document.querySelector('#me-ad-jobs')?.scrollIntoView({behavior: 'smooth', block: 'nearest'}); }"


class FuseEvents:
    """Handlers of the form and of the list of jobs."""

    def __init__(self, board: Board, tab: Tab, switch: gr.Radio) -> None:
        self.board, self.tab, self.switch = board, tab, switch
        self._newest = Newest()
        self._closed_for: set[str] = set()

    def connect(self) -> Any:
        """Connects the widgets, once while the page is built; returns the event after which adapters may differ."""
        mine, opened = self.tab, self.tab.opened
        self._connect_form()
        pressed = mine.jobs.click(self.act, [opened, self.switch], [opened], **PRIVATE)
        self.then_follow(pressed)
        return pressed

    def _connect_form(self) -> None:
        form = self.tab.fusing
        given, drawn = self._given(), self._drawn()
        chosen = form.target.input(self.choose_target, [form.target, form.bits, self.switch], [form.bits], **PRIVATE)
        chosen.then(self.preview, given, drawn, **PRIVATE)
        for widget in (form.variant, form.bits, form.measure, form.replace):
            widget.input(self.preview, given, drawn, trigger_mode="always_last", **PRIVATE)
        for box in (form.out, form.publisher, form.name):
            gr.on([box.input, box.blur], self.preview, given, drawn, trigger_mode="always_last", **PRIVATE)
        shown = form.deploy.input(lambda on: gr.update(visible=on), [form.deploy], [form.place], **PRIVATE)
        shown.then(self.preview, given, drawn, **PRIVATE)
        # text that is pasted is no input event to Gradio, leaving the field is
        left = [form.home.input, form.home.blur]
        looked = gr.on(left, self.look_home, [form.home, self.switch], [form.home], **PRIVATE)
        looked.then(self.preview, given, drawn, **PRIVATE)
        started = form.start.click(self.start, [*given, self.tab.opened], [self.tab.opened], **PRIVATE)
        self.then_follow(started)
        started.then(None, None, None, js=_TO_JOBS, **PRIVATE)

    def _given(self) -> list[Any]:
        form = self.tab.fusing
        return [
            form.variant, form.target, form.bits, form.measure, form.out, form.replace, form.deploy, form.home,
            form.publisher, form.name, self.switch,
        ]  # fmt: skip

    def _drawn(self) -> list[Any]:
        form = self.tab.fusing
        return [form.estimate, form.start, form.out, form.command]

    def then_preview(self, event: Any) -> None:
        """After `event`, says what the form stands for now."""
        event.then(self.preview, self._given(), self._drawn(), **PRIVATE)

    def then_follow(self, event: Any) -> None:
        """After `event`, paints the fuse jobs, and goes on while one is at work."""
        event.then(self.follow, [self.tab.opened, self.switch], [self.tab.opened, self.tab.jobs], **UNLIMITED)

    def choose_target(self, target: str, bits: int, lang: Lang) -> Any:
        """Offers the widths that the target can open."""
        choices = bit_choices(target, lang)
        return gr.update(choices=choices, value=bits if bits in [n for _, n in choices] else 16)

    def look_home(self, home: str, lang: Lang) -> Any:
        """Says whether LM Studio is there."""
        return gr.update(info=place_info(home, lang))

    def preview(self, *given: Any) -> list[Any]:
        """Size, room on the disk and the command line of what is chosen."""
        *form, lang = given
        found = self.board.widths()
        order = order_of(form, found)
        if order is None:
            return [note_html(say("ad_no_variant", lang), "note"), gr.update(interactive=False), gr.skip(), ""]
        usual = self.board.default_out(order)
        html, possible = estimate_html(order, usual, found, lang)
        out = gr.update(placeholder=str(usual))
        return [html, gr.update(interactive=possible), out, command_html(order, usual, lang)]

    def start(self, *given: Any) -> Opened:
        """Puts the fusing into the queue and opens it."""
        *form, lang, before = given
        opened: Opened = before
        order = order_of(form, self.board.widths())
        begun = None if order is None else told(lambda: self.board.begin(order), lang)
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

    async def act(self, opened: Opened, lang: Lang, event: gr.EventData) -> Opened:
        """A job was clicked, or one of its buttons."""
        data = event._data
        what, job_id = str(data.get("do", "")), str(data.get("job", ""))
        if what == "job":
            return replace(opened, job=_CLOSED if job_id == opened.job else job_id)
        if what == "stop":
            told(lambda: self.board.stop(job_id), lang)
        elif what == "again":
            told(lambda: self.board.again(job_id), lang)
            return replace(opened, job=job_id)
        elif what == "delete":
            told(lambda: self.board.delete(job_id), lang)
        elif what == "deploy":
            home = str(data.get("value", "")).strip()
            begun = await asyncio.to_thread(told, lambda: self.board.deploy(job_id, home), lang)
            return opened if begun is None else replace(opened, job=begun)
        elif what == "column":
            name = str(data.get("value", ""))
            made = await asyncio.to_thread(told, lambda: self.board.column(job_id, name), lang)
            if made is not None:
                inform(lang, say("ad_column_made", lang, name=made.name))
        return opened

    async def follow(self, opened: Opened, lang: Lang, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Paints the jobs, and again whenever something changed, until none is at work."""
        turn, before = self._newest.take(request), ""
        while self._newest.holds(turn):
            began = time.monotonic()
            works = await asyncio.to_thread(self.board.works)
            opened = _kept_open(opened, works)
            now = await asyncio.to_thread(self._jobs, works, opened, lang)
            if not self._newest.holds(turn):
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
            commands = commands_of(self.board, shown.order.variant, Path(str(shown.result["path"])))
        busy = any(w.job.active and w.job.id in self._closed_for for w in works)
        return jobs_html(works, opened.job, commands, say("ad_room", lang) if busy else "", lang)


def commands_of(board: Board, name: str, fused: Path | None = None) -> list[Command]:
    """How to serve a variant elsewhere; none where its adapter is gone by now."""
    try:
        return board.adapters.commands(name, fused)
    except (MedevalError, OSError):
        return []


def _kept_open(opened: Opened, works: Sequence[FuseWork]) -> Opened:
    """The newest job is open unless a person closed or chose one."""
    known = [work.job.id for work in works]
    if opened.job in known or opened.job == _CLOSED:
        return opened
    return replace(opened, job=known[0] if known else "")
