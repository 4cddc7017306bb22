"""What the widgets of the Review tab do: each handler reads them, makes one call, shows the result."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from medeval.errors import UsageError
from medeval.review.records import MOST
from medeval.services.reviewing import Asked, Flagged, Plan
from medeval.ui.batch_panel import BatchPanel
from medeval.ui.desk import Desk
from medeval.ui.labels import PRIVATE
from medeval.ui.review_looks import intro_html, list_html, plan_html, results_html
from medeval.ui.text import Lang, say
from medeval.ui.toasts import told

OWNER = "owner"
_RUNS = 50


@dataclass(frozen=True)
class Making:
    """Widgets that make a review."""

    run: gr.Dropdown
    variants: gr.CheckboxGroup
    reviewers: gr.Textbox
    overlap: gr.Number
    repeated: gr.Number
    check: gr.Button
    plan: gr.HTML
    flagged: gr.Radio
    create: gr.Button

    @property
    def asked(self) -> list[Component]:
        """What a plan is made from."""
        return [self.run, self.variants, self.reviewers, self.overlap, self.repeated]


@dataclass(frozen=True)
class Results:
    """Widgets on the right."""

    listed: gr.HTML
    refresh: gr.Button
    pick: gr.Dropdown
    show: gr.Button
    shown: gr.HTML
    dpo: gr.Button
    sft: gr.Button
    allow: gr.Checkbox
    exported: gr.HTML


@dataclass(frozen=True)
class Shared:
    """What is redrawn, and what tells when."""

    intro: gr.HTML
    switch: gr.Radio
    tab: gr.Tab


class ReviewEvents:
    """Handlers of one built tab."""

    def __init__(self, desk: Desk, making: Making, images: BatchPanel, results: Results, shared: Shared) -> None:
        self.desk = desk
        self.making = making
        self.images = images
        self.results = results
        self.shared = shared

    def connect(self) -> None:
        """Connects every widget; called once while the page is built."""
        m, i, r, switch = self.making, self.images, self.results, self.shared.switch
        fresh = [m.run, r.pick, r.listed, self.shared.intro]
        self.shared.tab.select(self.refresh, [switch, m.run, r.pick], fresh, **PRIVATE)
        r.refresh.click(self.refresh, [switch, m.run, r.pick], fresh, **PRIVATE)
        m.run.change(self.picked, [m.run], [m.variants, m.plan, m.flagged, m.create], **PRIVATE)
        m.check.click(self.check, [*m.asked, switch], [m.plan, m.flagged, m.create], **PRIVATE)
        made = m.create.click(self.create, [*m.asked, m.flagged, switch], [m.plan, m.flagged, m.create], **PRIVATE)
        made.then(self.refresh, [switch, m.run, r.pick], fresh, **PRIVATE)
        r.show.click(self.show, [r.pick, switch], [r.shown], **PRIVATE)
        r.dpo.click(self.export_dpo, [r.pick, r.allow, switch], [r.exported], **PRIVATE)
        r.sft.click(self.export_sft, [r.pick, r.allow, switch], [r.exported], **PRIVATE)
        i.connect(switch)
        i.timer.tick(self.tick, [switch, m.run], [m.run], **PRIVATE)
        relabelled = [self.shared.intro, m.plan, m.flagged, r.listed, r.shown, r.exported]
        switch.change(self.relabel, [switch], relabelled, **PRIVATE)

    # what there is

    def refresh(self, lang: Lang, run: str | None, review: str | None) -> tuple[Any, Any, str, str]:
        """Runs and reviews as they are now; what was picked stays picked."""
        runs = self._runs(lang)
        found = self.desk.services.reviewing.store.latest()
        # without the day of its id, so that a phone shows the name whole
        reviews = [(f"{item.spec.title} · {item.id.partition('-')[2]}", item.id) for item in found]
        return _offered(runs, run), _offered(reviews, review), self._listed(lang), intro_html(lang, bool(runs))

    def _runs(self, lang: Lang) -> list[tuple[str, str]]:
        found = []
        for record in self.desk.services.store.list_runs(_RUNS):
            if record.answered and record.missing == record.failed and len(record.spec.variants) > 1:
                size = f"{len(record.spec.cases)} × {len(record.spec.variants)}"
                found.append((f"{record.spec.suite} · {record.created[5:16].replace('T', ' ')} · {size}", record.id))
        return found

    def _listed(self, lang: Lang) -> str:
        reviewing = self.desk.services.reviewing
        found = reviewing.store.latest(40)
        rows = [(item, reviewing.store.seats(item.id), reviewing.progress(item)) for item in found]
        return list_html(rows, lang, self.desk.services.settings.only_here)

    def relabel(self, lang: Lang) -> list[Any]:
        """The other language: what is redrawn, and what has to be asked for again."""
        choices = [(say("rv_flag_leave", lang), "leave_out"), (say("rv_flag_keep", lang), "keep")]
        return [intro_html(lang, bool(self._runs(lang))), "", gr.update(choices=choices), self._listed(lang), "", ""]

    # making one

    def picked(self, run: str | None) -> list[Any]:
        """A run was picked: its variants can be ticked."""
        cleared = ["", gr.update(visible=False), gr.update(visible=False)]
        if not run:
            return [gr.update(choices=[], value=[]), *cleared]
        names = list(self.desk.services.store.run(run).spec.variants)
        return [gr.update(choices=names, value=names[:MOST]), *cleared]

    def _plan(self, run: str | None, variants: list[str], reviewers: str, overlap: float, repeated: float,
              lang: Lang) -> Plan:
        if not run:
            raise UsageError(say("m_rv_run", lang))
        names = tuple(line.strip() for line in (reviewers or "").splitlines() if line.strip())
        asked = Asked(run, tuple(variants), names, int(overlap or 0), int(repeated or 0))
        return self.desk.services.reviewing.plan(asked)

    def check(self, run: str | None, variants: list[str], reviewers: str, overlap: float, repeated: float,
              lang: Lang) -> list[Any]:
        """Shows what the review would hold and which answers tell who they are."""
        plan = told(lambda: self._plan(run, variants, reviewers, overlap, repeated, lang), lang, stays=True)
        if plan is None:
            return [gr.skip()] * 3
        return [plan_html(plan, lang), gr.update(visible=bool(plan.named)), gr.update(visible=True)]

    def create(self, run: str | None, variants: list[str], reviewers: str, overlap: float, repeated: float,
               flagged: Flagged, lang: Lang) -> list[Any]:
        """Makes it."""
        services = self.desk.services.reviewing
        choice: Flagged = "keep" if flagged == "keep" else "leave_out"
        made = told(
            lambda: services.create(self._plan(run, variants, reviewers, overlap, repeated, lang), choice, OWNER), lang,
            stays=True,
        )  # fmt: skip
        if made is None:
            return [gr.skip()] * 3
        text = escape(say("rv_made", lang, id=made.id))
        return [f'<p class="me-quiet">{text}</p>', gr.update(visible=False), gr.update(visible=False)]

    # results

    def show(self, review: str | None, lang: Lang) -> Any:
        """Results with names; that they were looked at is recorded."""
        shown = told(lambda: self._summary(review, lang), lang, stays=True)
        return gr.skip() if shown is None else shown

    def _summary(self, review: str | None, lang: Lang) -> str:
        if not review:
            raise UsageError(say("m_rv_pick", lang))
        services = self.desk.services.reviewing
        found = services.store.get(review)
        if not services.store.ratings(review):
            return f'<p class="me-quiet">{escape(say("rv_nothing", lang))}</p>'
        return results_html(services.summary(found, OWNER), found.spec, lang)

    def export_dpo(self, review: str | None, allow: bool, lang: Lang) -> Any:
        """Preference pairs."""
        return self._export(review, "dpo", allow, lang)

    def export_sft(self, review: str | None, allow: bool, lang: Lang) -> Any:
        """Best answers."""
        return self._export(review, "sft", allow, lang)

    def _export(self, review: str | None, fmt: Any, allow: bool, lang: Lang) -> Any:
        services = self.desk.services

        def work() -> str:
            if not review:
                raise UsageError(say("m_rv_pick", lang))
            found = services.reviewing.store.get(review)
            folder = services.settings.prepare_home() / "exports"
            folder.mkdir(exist_ok=True, mode=0o700)
            done = services.reviewing.export(found, fmt, folder / f"{found.id}-{fmt}.jsonl", OWNER, bool(allow))
            text = say("rv_export_done", lang, lines=done.lines, images=done.images, path=done.path)
            if done.held:
                text += " " + say("rv_export_held", lang, cases=", ".join(item.case_id for item in done.held))
            return f'<p class="me-quiet">{escape(text)}</p>'

        shown = told(work, lang, stays=True)
        return gr.skip() if shown is None else shown

    def tick(self, lang: Lang, run: str | None) -> Any:
        """Once a batch of images is done, its run can be picked."""
        state = self.images.batch.state
        return gr.skip() if state.busy else _offered(self._runs(lang), state.run_id or run)


def _offered(choices: list[tuple[str, str]], wanted: str | None) -> Any:
    known = [value for _, value in choices]
    return gr.update(choices=choices, value=wanted if wanted in known else (known[0] if known else None))
