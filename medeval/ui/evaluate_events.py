"""The Evaluate tab: what its widgets do. Handlers read widgets, make one call on the board, and show the result.

The run itself is a job in a process of its own; a page only looks at it about once a second.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from html import escape
from typing import Any

import gradio as gr

from medeval.engines.contract import Decoding
from medeval.evaluation.records import RunRecord
from medeval.evaluation.tables import RunTables
from medeval.metrics.profiles import DEFAULT_PROFILE, load_profiles
from medeval.metrics.score import all_metrics
from medeval.ui import looks
from medeval.ui.desk import Desk
from medeval.ui.evaluate import Evaluate, metric_choices, same_html
from medeval.ui.evaluate_board import Board, Work, pause
from medeval.ui.evaluate_matrix import detail_html, matrix_html
from medeval.ui.evaluate_view import Shown, head_html, progress_html, runs_html
from medeval.ui.labels import PRIVATE
from medeval.ui.says import says_html
from medeval.ui.text import Lang, say
from medeval.ui.toasts import told, warn

_UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
_SESSIONS = 500
Pair = tuple[str, str]
Opened = tuple[str, int]


class EvaluateEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, board: Board, tab: Evaluate, switch: gr.Radio) -> None:
        self.desk, self.board, self.tab, self.switch = desk, board, tab, switch
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._notes: OrderedDict[str, str] = OrderedDict()

    def connect(self, tab: gr.Tab) -> None:
        """Connects every widget; called once while the page is built."""
        form, result, shown, opened = self.tab.form, self.tab.result, self.tab.shown, self.tab.opened
        told = [form.suite, form.variants, form.repeats, form.max_tokens, form.temperature, form.seed, form.reuse]
        begun = form.start.click(self.start, [*told, shown, self.switch], [shown, opened], **PRIVATE)
        self._then_follow(begun)
        chosen = [form.repeats, form.temperature, form.reuse, self.switch]
        gr.on([form.repeats.change, form.temperature.change, form.reuse.change, self.switch.change], self.same, chosen,
              [form.same], trigger_mode="always_last", **PRIVATE)  # fmt: skip
        self._then_follow(form.runs.click(self.choose, [shown], [shown, opened], **PRIVATE))
        self._then_follow(result.progress.click(self.act, [shown, self.switch], [shown], **PRIVATE))
        for box in (result.profile, result.metric):
            self._then_follow(box.input(lambda: None, None, None, **PRIVATE))
        clicked = [shown, opened, self.switch, result.profile]
        for html in (result.matrix, result.detail):
            html.click(self.open, clicked, [opened, result.detail], **PRIVATE)
        refreshed = [form.suite, form.variants]
        self._then_follow(tab.select(self.refresh, [form.variants, self.switch], refreshed, **PRIVATE))
        relabelled = self.switch.change(self.relabel, [form.variants, self.switch],
                                        [form.variants, result.profile, result.metric], **PRIVATE)  # fmt: skip
        self._then_follow(relabelled)

    def _then_follow(self, event: Any) -> None:
        """After `event`, paints the shown run, and goes on while a job is at work."""
        form, result = self.tab.form, self.tab.result
        read = [self.tab.shown, self.tab.opened, self.switch, result.profile, result.metric]
        painted = [self.tab.shown, result.progress, form.runs, result.head, result.matrix, result.detail]
        event.then(self.follow, read, painted, **_UNLIMITED)

    def start(
        self, suite: str, variants: list[str], repeats: float, tokens: float, heat: float, seed: float, reuse: bool,
        shown: Pair, lang: Lang,
    ) -> tuple[Any, Any]:
        """Puts an evaluation into the queue and shows its run."""
        decoding = Decoding(int(tokens), float(heat), seed=int(seed or 0))
        begun = told(lambda: self.board.begin(suite, variants, int(repeats), decoding, bool(reuse)), lang)
        if begun is None:
            return gr.skip(), gr.skip()
        run_id, closed = begun
        self._note(run_id, closed)
        return (run_id, ""), ("", 0)

    def same(self, repeats: float, temperature: float, reuse: bool, lang: Lang) -> str:
        """Repeats or temperature were changed: whether repeats would tell anything."""
        settings = self.desk.services.settings
        known = not settings.served and settings.engine != "recorded"
        return same_html(float(repeats or 1), float(temperature or 0), bool(reuse), known, lang)

    def choose(self, shown: Pair, event: gr.EventData) -> tuple[Any, Any]:
        """A run of the history was clicked, or boxes were ticked."""
        data = event._data
        if "ticked" in data:
            found = [run for name in str(data["ticked"]).split()[:2] if (run := self.board.run(name)) is not None]
            if len(found) == 2:
                older, newer = sorted(found, key=lambda run: (run.created, run.id))
                return (newer.id, older.id), ("", 0)
            return (shown[0], ""), gr.skip()
        run = self.board.run(str(data.get("run", "")))
        return ((run.id, ""), ("", 0)) if run is not None else (gr.skip(), gr.skip())

    def act(self, shown: Pair, lang: Lang, event: gr.EventData) -> Any:
        """Stop or resume was pressed on a progress line."""
        job_id, what = str(event._data.get("job", "")), str(event._data.get("do", ""))
        if what == "stop":
            told(lambda: self.board.stop(job_id), lang)
            return gr.skip()
        closed = told(lambda: self.board.resume(job_id), lang)
        if closed is None:
            return gr.skip()
        run_id = next((work.run_id for work in self.board.works() if work.job.id == job_id), shown[0])
        self._note(run_id, closed)
        return (run_id, "")

    def open(
        self, shown: Pair, opened: Opened, lang: Lang, profile: str, event: gr.EventData
    ) -> tuple[Any, Any]:
        """A cell of the matrix was clicked: its answers side by side."""
        data = event._data
        case_id = str(data.get("open", ""))
        repeat = int(data["repeat"]) if str(data.get("repeat", "")).isdecimal() else 0
        detail = self._detail(shown[0], (case_id, repeat), lang, profile)
        if not detail:
            warn(lang, say("ev_gone", lang))
            return gr.skip(), gr.skip()
        return (case_id, repeat), detail

    def refresh(self, ticked: list[str], lang: Lang) -> list[Any]:
        """The tab was opened: suites and variants as they are now."""
        return [gr.update(choices=self.board.suites()), self._boxes(ticked, lang)]

    def relabel(self, ticked: list[str], lang: Lang) -> list[Any]:
        """The language was switched: choices in the new one."""
        return [
            self._boxes(ticked, lang), gr.update(choices=looks.profile_choices(lang)),
            gr.update(choices=metric_choices(lang)),
        ]  # fmt: skip

    def _boxes(self, ticked: list[str], lang: Lang) -> Any:
        offered = looks.variant_choices(self.desk, lang)
        known = [name for _, name in offered]
        return gr.update(choices=offered, value=[name for name in ticked if name in known])

    async def follow(
        self, shown: Pair, opened: Opened, lang: Lang, profile: str, metric: str, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        """Paints the page, and again whenever something changed, until no evaluation is at work."""
        page, mine = str(request.session_hash), self._take(str(request.session_hash))
        before: list[Any] = []
        profile = profile if profile in load_profiles() else DEFAULT_PROFILE
        metric = metric if metric in all_metrics() else ""
        while self._newest.get(page) == mine:
            began = time.monotonic()
            busy, shown, now = await asyncio.to_thread(self._paint, shown, opened, lang, profile, metric)
            if self._newest.get(page) != mine:
                return
            yield [shown, *(new if not before or before[i] != new else gr.skip() for i, new in enumerate(now))]
            before = now
            if not busy:
                return
            await asyncio.sleep(pause(began))

    def _paint(
        self, shown: Pair, opened: Opened, lang: Lang, profile: str, metric: str
    ) -> tuple[bool, Pair, list[Any]]:
        works, runs = self.board.works(), self.board.runs()
        if not shown[0] and runs:
            shown = (next((run.id for run in runs if run.answered), runs[0].id), "")
        run = self.board.run(shown[0])
        about = _about(works, shown[0])
        note = self._notes.get(shown[0], "") if any(work.job.active for work in about) else ""
        parts: list[Any] = [
            progress_html(about, lang, say("ev_room", lang) if note else ""),
            runs_html(runs, Shown(*shown), lang),
        ]
        parts += self._result(run, shown, opened, lang, profile, metric)
        return any(work.job.active for work in works), shown, parts

    def _result(
        self, run: RunRecord | None, shown: Pair, opened: Opened, lang: Lang, profile: str, metric: str
    ) -> list[str]:
        if run is None or not run.answered + run.failed:
            key = "ev_waiting_run" if shown[0] else "ev_empty"
            text = say("ev_waiting_run", lang) if key == "ev_waiting_run" else say("ev_empty", lang)
            return [f'<p class="me-ev-empty">{escape(text)}</p>', "", ""]
        tables = self.board.tables(run, profile)
        against = self.board.against(tables, shown[1]) if shown[1] else None
        detail = self._detail(run.id, opened, lang, profile, tables) if opened[0] else ""
        return [head_html(tables, against, lang), matrix_html(tables, metric, opened[0], lang), detail]

    def _detail(
        self, run_id: str, opened: Opened, lang: Lang, profile: str, tables: RunTables | None = None
    ) -> str:
        run = self.board.run(run_id)
        cells = self.board.group(run_id, *opened) if run is not None else []
        if run is None or not cells:
            return ""
        tables = tables or self.board.tables(run, profile)
        case = next(item.case for item in run.spec.cases if item.case.id == opened[0])
        images = tuple(image.name for image in self.desk.uploads.case_images(case))
        titles = {
            name: {"zh": variant.title("zh"), "en": variant.title("en")}
            for name, variant in self.desk.services.variants().items()
        }
        look = looks.look_for(self.desk, lang, profile)
        says = says_html(self.desk.services.images, images, False, look)
        return detail_html(tables, cells, opened[1], images, titles, look, says)

    def _note(self, run_id: str, closed: bool) -> None:
        if closed:
            self._notes[run_id] = "room"
        while len(self._notes) > _SESSIONS:
            self._notes.popitem(last=False)

    def _take(self, page: str) -> int:
        mine = self._newest.pop(page, 0) + 1
        self._newest[page] = mine
        while len(self._newest) > _SESSIONS:
            self._newest.popitem(last=False)
        return mine


def _about(works: list[Work], run_id: str) -> list[Work]:
    """Lines to show: what runs or waits; of ended jobs that of the shown run, and one that never got to its run."""
    return [work for work in works if work.job.active or work.run_id == run_id or work.lost]
