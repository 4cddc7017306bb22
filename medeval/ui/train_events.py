"""The Train tab: what its widgets do. Handlers read widgets, make one call on the board, and show the result.

Training is a job in a process of its own; a page only looks at its folder about once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from html import escape
from typing import Any

import gradio as gr

from medeval.errors import MedevalError
from medeval.training.config import ConfigError, TrainConfig
from medeval.training.disk import size_text
from medeval.training.presets import load_preset, preset_names
from medeval.ui.desk import Desk
from medeval.ui.evaluate_board import pause
from medeval.ui.labels import PRIVATE
from medeval.ui.text import Lang, say
from medeval.ui.toasts import inform, warn
from medeval.ui.train import Train, preset_choices, suite_choices
from medeval.ui.train_board import Board, Opened
from medeval.ui.train_charts import curves_html
from medeval.ui.train_check import Preflights, checked_html
from medeval.ui.train_form import FIELDS, alpha_text, config_of, further_lines, note_html, preview_html, texts_of
from medeval.ui.train_view import (
    checkpoints_html,
    curve_of,
    curves_link,
    figures_html,
    log_html,
    runs_html,
    versus_html,
)
from medeval.ui.words import fault_text

_UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
_SESSIONS = 500
_FIELD_COUNT = len(FIELDS)


class TrainEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, board: Board, tab: Train, switch: gr.Radio) -> None:
        self.desk, self.board, self.tab, self.switch = desk, board, tab, switch
        self.preflights = Preflights(board.services)
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._notes: OrderedDict[str, str] = OrderedDict()

    def connect(self, tab: gr.Tab) -> None:
        """Connects every widget; called once while the page is built."""
        form, shown, opened = self.tab.form, self.tab.shown, self.tab.opened
        suite = form.fields[FIELDS.index("suite")]
        told = [form.preset, *form.fields, form.further, self.switch]
        seen, drawn = [*told, self.tab.checked], [form.plan, form.command, form.start, form.checked]
        chosen = form.preset.input(self.choose_preset, [form.preset, self.switch],
                                   [form.note, *form.fields, form.further, form.followed], **PRIVATE)  # fmt: skip
        chosen.then(self.preview, seen, drawn, **PRIVATE)
        rank, alpha = (form.fields[FIELDS.index(name)] for name in ("rank", "alpha"))
        for widget in (*form.fields, form.further):
            # text that is pasted or dropped is no input event to Gradio, leaving the field is
            moments = [widget.input] if isinstance(widget, gr.Dropdown) else [widget.input, widget.blur]
            if widget is not rank:
                gr.on(moments, self.preview, seen, drawn, trigger_mode="always_last", **PRIVATE)
                continue
            followed = gr.on(moments, self.follow_rank, [form.preset, rank, alpha, form.followed],
                             [alpha, form.followed], trigger_mode="always_last", **PRIVATE)  # fmt: skip
            followed.then(self.preview, seen, drawn, **PRIVATE)
        asked = [opened, form.asked, form.ask]
        self._then_follow(form.start.click(self.start, [*told, opened], asked, **PRIVATE))
        self._then_follow(form.release.click(self.release, [*told, opened], asked, **PRIVATE))
        form.keep.click(lambda: gr.update(visible=False), None, [form.asked], **PRIVATE)
        checking = form.check.click(self.check, [*told, self.tab.checked], [self.tab.checked], **PRIVATE)
        checking.then(self.follow_check, [self.tab.checked, self.switch], [form.checked], **_UNLIMITED)
        filled = [form.preset, form.note, *form.fields, form.further, form.followed, opened]
        acted = shown.runs.click(self.act, [opened, self.switch], filled, **PRIVATE)
        acted.then(self.preview, seen, drawn, **PRIVATE)
        self._then_follow(acted)
        self._then_follow(shown.kept.click(self.use, [opened, self.switch], [opened], **PRIVATE))
        self._then_follow(tab.select(self.refresh, [self.switch], [suite], **PRIVATE))
        named = [form.preset, form.note, suite]
        relabelled = self.switch.change(self.relabel, [form.preset, self.switch], named, **PRIVATE)
        relabelled.then(self.preview, seen, drawn, **PRIVATE)
        relabelled.then(self.follow_check, [self.tab.checked, self.switch], [form.checked], **_UNLIMITED)
        self._then_follow(relabelled)

    def _then_follow(self, event: Any) -> None:
        """After `event`, paints the runs, and goes on while one is at work."""
        shown = self.tab.shown
        painted = [self.tab.opened, shown.runs, shown.figures, shown.curves, shown.versus, shown.kept, shown.log]
        event.then(self.follow, [self.tab.opened, self.switch], painted, **_UNLIMITED)

    def choose_preset(self, preset: str, lang: Lang) -> list[Any]:
        """Fills the form from a preset."""
        config = load_preset(preset).config
        return [note_html(preset, lang), *texts_of(config), "", alpha_text(preset, str(config.rank))]

    def follow_rank(self, preset: str, rank: str, alpha: str, followed: str) -> tuple[Any, Any]:
        """The rank was changed: alpha keeps its ratio to it, unless the person wrote an alpha of his own."""
        new = alpha_text(preset, str(rank or ""))
        if new is None or new == followed or str(alpha or "").strip() != followed:
            return gr.skip(), gr.skip()
        return new, new

    def preview(self, preset: str, *told: Any) -> list[Any]:
        """Draws the schedule and the command line, or says what is wrong; an earlier preflight may be out of date."""
        texts, further, lang = _split(told[:-1])
        drawn, command = preview_html(preset, texts, further, None, lang)
        checked = self._checked(preset, texts, further, str(told[-1]), lang)
        return [drawn, command, gr.update(interactive=bool(command)), checked]

    def _checked(self, preset: str, texts: list[str], further: str, name: str, lang: Lang) -> Any:
        """The preflight against what the form says now; one that goes on is painted by who follows it."""
        try:
            config = config_of(preset, texts, further)
        except ConfigError:
            config = None
        looked = self.preflights.compare(name, config)
        return gr.skip() if looked is None or looked.running else checked_html(looked, lang)

    def start(self, preset: str, *told: Any) -> list[Any]:
        """Puts a run into the queue and opens it; asks first where memory does not hold two bases."""
        texts, further, lang = _split(told[:-1])
        config = self._told(lambda: config_of(preset, texts, further), lang)
        plan = None if config is None else self.board.short_of_room(config)
        if plan is not None:
            need, free, chat = map(size_text, plan)
            question = escape(say("tr_ask_room", lang, need=need, free=free, chat=chat))
            return [gr.skip(), gr.update(visible=True), f"<p>{question}</p>"]
        return self._begin(config, False, told[-1], lang)

    def release(self, preset: str, *told: Any) -> list[Any]:
        """The person chose training: the page's model is closed, the run begins."""
        texts, further, lang = _split(told[:-1])
        config = self._told(lambda: config_of(preset, texts, further), lang)
        return self._begin(config, True, told[-1], lang)

    def _begin(self, config: TrainConfig | None, release: bool, opened: Opened, lang: Lang) -> list[Any]:
        hidden = [gr.update(visible=False), gr.skip()]
        job_id = None if config is None else self._told(lambda: self.board.begin(config, release), lang)
        if job_id is None:
            return [gr.skip(), *hidden]
        self._note(job_id, release)
        return [Opened(job_id), *hidden]

    def check(self, preset: str, *told: Any) -> Any:
        """Begins a preflight; an earlier one of this page ends."""
        texts, further, lang = _split(told[:-1])
        config = self._told(lambda: config_of(preset, texts, further), lang)
        return gr.skip() if config is None else self.preflights.start(str(told[-1]), config)

    async def follow_check(self, name: str, lang: Lang) -> AsyncIterator[Any]:
        """Paints a preflight until it is over."""
        before = ""
        while (looked := self.preflights.look(name)) is not None:
            now = checked_html(looked, lang)
            if now != before:
                before = now
                yield now
            if not looked.running:
                return
            await asyncio.sleep(0.3)

    def act(self, opened: Opened, lang: Lang, event: gr.EventData) -> list[Any]:
        """A run was clicked or ticked, or one of its buttons pressed."""
        data = event._data
        unchanged = [gr.skip()] * (_FIELD_COUNT + 4)
        if "ticked" in data:
            ticked = str(data["ticked"]).split()
            first = opened.job if opened.job in ticked or not ticked else ticked[0]
            return [*unchanged, Opened(first, tuple(name for name in ticked if name != first))]
        if "run" in data:
            chosen = str(data["run"])
            return [*unchanged, Opened(chosen, tuple(name for name in opened.others if name != chosen))]
        what, job_id = str(data.get("do", "")), str(data.get("job", ""))
        if what == "clone":
            return [*self._cloned(job_id, lang), gr.skip()]
        return [*unchanged, self._done(what, job_id, opened, lang)]

    def _done(self, what: str, job_id: str, opened: Opened, lang: Lang) -> Opened:
        if what == "stop":
            self._told(lambda: self.board.stop(job_id), lang)
        elif what == "resume":
            closed = self._told(lambda: self.board.resume(job_id), lang)
            self._note(job_id, bool(closed))
        elif what == "delete":
            self._told(lambda: self.board.delete(job_id), lang)
            others = tuple(name for name in opened.others if name != job_id)
            return Opened("" if opened.job == job_id else opened.job, others)
        return Opened(job_id if what == "resume" else opened.job, opened.others)

    def _cloned(self, job_id: str, lang: Lang) -> list[Any]:
        """The form as the run was told, under a further name."""
        run = next((run for run in self.board.runs() if run.job.id == job_id), None)
        if run is None or run.config.preset not in preset_names():
            return [gr.skip()] * (_FIELD_COUNT + 4)
        taken = {run.config.name for run in self.board.runs()}
        name = next(f"{run.config.name}-{n}" for n in range(2, 1000) if f"{run.config.name}-{n}" not in taken)
        config = run.config.model_copy(update={"name": name[:60]})
        filled = [config.preset, note_html(config.preset, lang), *texts_of(config), further_lines(config)]
        return [*filled, alpha_text(config.preset, str(config.rank))]

    def use(self, opened: Opened, lang: Lang, event: gr.EventData) -> Any:
        """A checkpoint was chosen as a column."""
        step = str(event._data.get("step", ""))
        if step.isdecimal():
            name = self._told(lambda: self.board.use(str(event._data.get("job", "")), int(step)), lang)
            if name is not None:
                inform(lang, say("tr_used", lang, name=name))
        return gr.skip()

    def refresh(self, lang: Lang) -> Any:
        """The tab was opened: suites as they are now."""
        return gr.update(choices=suite_choices(self.board, lang))

    def relabel(self, preset: str, lang: Lang) -> list[Any]:
        """The language was switched."""
        return [
            gr.update(choices=preset_choices(self.board, lang)),
            note_html(preset, lang),
            gr.update(choices=suite_choices(self.board, lang)),
        ]

    async def follow(self, opened: Opened, lang: Lang, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Paints the right side, and again whenever something changed, until no run is at work."""
        page, mine = str(request.session_hash), self._take(str(request.session_hash))
        before: list[str] = []
        while self._newest.get(page) == mine:
            began = time.monotonic()
            busy, found, now = await asyncio.to_thread(self._paint, opened, lang)
            if self._newest.get(page) != mine:
                return
            # what a person has just opened or ticked must not be overwritten by a painter that did not know of it
            kept = gr.skip() if found == opened else found
            opened = found
            yield [kept, *(new if not before or before[i] != new else gr.skip() for i, new in enumerate(now))]
            before = now
            if not busy:
                return
            await asyncio.sleep(pause(began))

    def _paint(self, opened: Opened, lang: Lang) -> tuple[bool, Opened, list[str]]:
        runs = self.board.runs()
        known = {run.job.id: run for run in runs}
        if opened.job not in known:
            opened = Opened(runs[0].job.id if runs else "", tuple(name for name in opened.others if name in known))
        # older runs get the lower colours, so that a new run changes nobody's
        colours = {run.job.id: self.board.colour(run.job.id) for run in reversed(runs)}
        note = say("tr_room", lang) if any(run.job.active and run.job.id in self._notes for run in runs) else ""
        listed = runs_html(runs, opened, [colours[run.job.id] for run in runs], note, lang)
        if not runs:
            return False, opened, [listed, "", "", "", "", ""]
        shown = [known[name] for name in (opened.job, *opened.others) if name in known]
        curves = curves_html([curve_of(run, colours[run.job.id]) for run in shown], lang)
        kept = checkpoints_html(shown[0], self.board.checkpoints(opened.job), lang)
        curves += curves_link(shown, lang)
        parts = [listed, figures_html(shown[0], lang), curves, versus_html(shown, lang), kept]
        return any(run.job.active for run in runs), opened, [*parts, log_html(self.board.log(opened.job))]

    def _told(self, call: Callable[[], Any], lang: Lang) -> Any:
        """The result of `call`; an error becomes one sentence on the page, and None."""
        try:
            return call()
        except ConfigError as error:
            warn(lang, *(fault_text(problem, lang) for problem in error.problems))
        except MedevalError as error:
            warn(lang, fault_text(str(error), lang))
        return None

    def _note(self, job_id: str, closed: bool) -> None:
        if closed:
            self._notes[job_id] = "room"
        while len(self._notes) > _SESSIONS:
            self._notes.popitem(last=False)

    def _take(self, page: str) -> int:
        mine = self._newest.pop(page, 0) + 1
        self._newest[page] = mine
        while len(self._newest) > _SESSIONS:
            self._newest.popitem(last=False)
        return mine


def _split(told: tuple[Any, ...]) -> tuple[list[str], str, Lang]:
    """Texts of the fields, further lines and language, from the inputs after the preset."""
    *texts, further, lang = told
    return [str(text if text is not None else "") for text in texts], str(further or ""), lang
