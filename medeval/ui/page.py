"""The page: header with the language switch, the tabs, and the quiet line at the foot."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from medeval.ui import looks
from medeval.ui.about import about_html
from medeval.ui.adapters import build_adapters
from medeval.ui.compare import build_compare
from medeval.ui.compare_events import CompareEvents, Wires
from medeval.ui.data import build_data
from medeval.ui.desk import Desk
from medeval.ui.evaluate import build_evaluate
from medeval.ui.labels import PRIVATE, Labels
from medeval.ui.review import build_review
from medeval.ui.text import Lang
from medeval.ui.train import build_train

Build = Callable[[Desk, Labels, gr.Radio, gr.Tab], None]
TABS: tuple[tuple[str, Build], ...] = (
    ("evaluate", build_evaluate),
    ("review", build_review),
    ("train", build_train),
    ("adapters", build_adapters),
    ("data", build_data),
)
"""Tabs between Compare and About. A builder draws into the open tab and wires its own events: `switch.change`
re-renders in the other language, `tab.select` refreshes."""

LANGUAGES = [("中文", "zh"), ("English", "en")]
RETRY_JS = """
element.addEventListener('click', (event) => {
  if (event.target.closest('[data-do=retry]')) trigger('click', {});
});
"""
_WATCH_SECONDS = 1.0
_SETTLE_SECONDS = 3.0


def build_page(desk: Desk) -> gr.Blocks:
    """The whole page; nothing is computed at import."""
    lang: Lang = desk.services.settings.lang
    labels = Labels(lang)
    with gr.Blocks(
        title=labels.say("title"), fill_width=True, analytics_enabled=False, delete_cache=(600, 3600)
    ) as blocks:
        # Only ids and the language are remembered in the browser, never text of a question.
        memory = gr.BrowserState({"exchange": "", "lang": ""}, storage_key="medeval", secret="medeval-page-ids")
        with gr.Row(elem_classes="me-header"):
            brand = gr.HTML(looks.brand_html(lang))
            status = gr.HTML(looks.status_html(desk, lang), js_on_load=RETRY_JS, elem_id="me-status")
            switch = gr.Radio(
                LANGUAGES, value=lang, show_label=False, container=False, elem_id="me-lang", scale=0, min_width=170
            )
        with gr.Tabs(elem_classes="me-tabs"):
            with labels.add(gr.Tab(labels.say("tab_compare"), id="compare"), label="tab_compare") as compare_tab:
                tab = build_compare(desk, labels)
            for name, build in TABS:
                with labels.add(gr.Tab(labels.say(f"tab_{name}"), id=name), label=f"tab_{name}") as opened:
                    build(desk, labels, switch, opened)
            with labels.add(gr.Tab(labels.say("tab_about"), id="about"), label="tab_about"):
                about = gr.HTML(about_html(desk, lang), elem_id="me-about")
        line = gr.HTML(looks.line_html(desk, lang))
        events = CompareEvents(desk, tab, Wires(switch, memory))
        events.connect()
        fixed = [brand, line, tab.rail.keys, tab.rail.chips, tab.rail.profile]
        watched = [status, tab.rail.variants, tab.rail.refused, about]
        _connect(blocks, desk, events, labels, switch, memory, fixed, watched)
        _connect_columns(desk, compare_tab, switch, tab.rail.variants, watched)
    return blocks


def _connect_columns(
    desk: Desk, compare_tab: gr.Tab, switch: gr.Radio, variants: gr.CheckboxGroup, watched: list[Any]
) -> None:
    """Adapters that came while another tab was open become columns, ticked, when Compare is opened again.

    The event outlasts its answer, because a new page selects its first tab just before it sends its load: Gradio's
    server closes the stream of events when the last one it knows of ends, and what is sent in that instant joins a
    stream that the browser still takes for open. Its answer never arrived, measured in one page of fifteen.
    """

    async def arrive(lang: Lang, ticked: list[str]) -> AsyncIterator[list[Any]]:
        came = await asyncio.to_thread(desk.refresh)
        offered = looks.variant_choices(desk, lang)
        known = [name for _, name in offered]
        boxes = gr.update(choices=offered, value=[name for name in known if name in ticked or name in came])
        yield [looks.status_html(desk, lang), boxes, looks.refused_html(desk, lang), about_html(desk, lang)]
        await asyncio.sleep(_SETTLE_SECONDS)
        yield [gr.skip()] * len(watched)  # the last answer is sent again at the end

    connected = {**PRIVATE, "concurrency_limit": None, "trigger_mode": "multiple"}
    compare_tab.select(arrive, [switch, variants], watched, **connected)


def _connect(
    blocks: gr.Blocks, desk: Desk, events: CompareEvents, labels: Labels, switch: gr.Radio,
    memory: gr.BrowserState, fixed: list[Any], watched: list[Any],
) -> None:
    rail, shown = events.tab.rail, events.tab.shown

    def relabel(lang: Lang, picked: str, kept: dict[str, str] | None) -> list[Any]:
        profiles = gr.update(choices=looks.profile_choices(lang))
        pages = [looks.brand_html(lang), looks.line_html(desk, lang), looks.keys_html(lang)]
        chips = looks.chips_html(desk, lang, picked)
        return [{**(kept or {}), "lang": lang}, *pages, chips, profiles, *labels.updates(lang)]

    built = frozenset(desk.services.variants())

    def everything(lang: Lang, ticked: list[str], new: bool = False) -> list[Any]:
        offered = looks.variant_choices(desk, lang)
        known = [name for _, name in offered]
        # A server may have named its columns only after the page was built: a new page begins with all of them.
        came = set(known) - built if new and desk.services.server is not None else set()
        # The value is sent only where the gate refused a ticked variant: boxes ticked meanwhile are left alone.
        same = set(ticked) <= set(known) and not came
        kept = {} if same else {"value": [name for name in known if name in ticked or name in came]}
        boxes = gr.update(choices=offered, **kept)
        return [looks.status_html(desk, lang), boxes, looks.refused_html(desk, lang), about_html(desk, lang)]

    def retry(exchange_id: str) -> str:
        began = desk.startup_id
        desk.retry()
        return desk.startup_id if exchange_id in ("", began) else exchange_id

    async def watch(lang: Lang, ticked: list[str], new: bool = False) -> AsyncIterator[list[Any]]:
        waited = desk.loading().state == "loading"
        yield everything(lang, ticked, new)
        while desk.loading().state == "loading":
            await asyncio.sleep(_WATCH_SECONDS)
            yield [looks.status_html(desk, lang), gr.skip(), gr.skip(), gr.skip()]
        if waited:
            yield everything(lang, ticked, new)

    async def watch_new(lang: Lang, ticked: list[str]) -> AsyncIterator[list[Any]]:
        async for told in watch(lang, ticked, new=True):
            yield told

    async def tell(lang: Lang, ticked: list[str]) -> AsyncIterator[list[Any]]:
        if desk.loading().state == "ready":
            yield [looks.status_html(desk, lang), gr.skip(), gr.skip(), gr.skip()]
            return
        async for told in watch(lang, ticked):
            yield told

    def opening(kept: dict[str, str] | None) -> list[Any]:
        # The switch stands at its default already: sending that would undo a click made while the page opened.
        lang = (kept or {}).get("lang") or desk.services.settings.lang
        return [gr.skip() if lang == desk.services.settings.lang else lang, *events.resume(kept)]

    relabelled = [memory, *fixed, *labels.widgets]
    opened = blocks.load(opening, [memory], [switch, shown, rail.picked, rail.box], **PRIVATE)
    events.then_follow(opened)
    named = opened.then(relabel, [switch, rail.picked, memory], relabelled, **PRIVATE)
    named.then(watch_new, [switch, rail.variants], watched, concurrency_limit=None, **PRIVATE)
    switched = switch.input(relabel, [switch, rail.picked, memory], relabelled, **PRIVATE)
    events.then_follow(switched)
    switched.then(watch, [switch, rail.variants], watched, concurrency_limit=None, **PRIVATE)
    retried = watched[0].click(retry, [shown], [shown], **PRIVATE)
    events.then_follow(retried)
    retried.then(watch_new, [switch, rail.variants], watched, concurrency_limit=None, **PRIVATE)
    # a question asked of a model that failed to load tries again, so its state is told anew
    events.asked.then(tell, [switch, rail.variants], watched, concurrency_limit=None, **PRIVATE)
