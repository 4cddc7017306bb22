"""The Data tab: drop training data and see what it holds, what is wrong line by line, and how it overlaps the suites.

Checks go on in the background (`services.datasets.Checks`); a page only looks at them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from medeval.services.datasets import CheckOptions, Checks, demo_style, keep_upload
from medeval.training.presets import DEMO_SUFFIX, load_preset, preset_names
from medeval.ui.data_view import state_html
from medeval.ui.desk import Desk
from medeval.ui.labels import PRIVATE, Labels
from medeval.ui.text import Lang, say
from medeval.ui.toasts import told, warn

_UNLIMITED: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
_LOOK_SECONDS = 0.4


@dataclass(frozen=True)
class Data:
    """Widgets of the tab; `shown` is the id of the check on the right."""

    drop: gr.File
    path: gr.Textbox
    preset: gr.Dropdown
    check: gr.Button
    mix: gr.Textbox
    gold: gr.Number
    prepare: gr.Button
    report: gr.HTML
    shown: gr.State


def build_data(desk: Desk, labels: Labels, switch: gr.Radio, tab: gr.Tab) -> None:
    """Lays the tab out inside the current Blocks and wires it."""
    with gr.Row(elem_classes=["me-columns", "me-tr-columns"]):
        with gr.Column(scale=0, min_width=290, elem_classes=["me-rail", "me-tr-rail"]):
            form = _form(desk, labels)
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            report = gr.HTML(state_html(None, labels.lang), elem_id="me-da-report")
    DataEvents(desk, Data(*form, report, gr.State("")), switch).connect(tab)


def _form(
    desk: Desk, labels: Labels
) -> tuple[gr.File, gr.Textbox, gr.Dropdown, gr.Button, gr.Textbox, gr.Number, gr.Button]:
    drop = gr.File(
        label=labels.say("da_drop"),
        file_types=[".jsonl", ".json", ".csv"],
        type="filepath",
        height=120,
        elem_id="me-da-drop",
    )
    labels.add(drop, label="da_drop")
    path = gr.Textbox(
        "demo:both", label=labels.say("da_path"), info=labels.say("da_path_info"), max_lines=1, elem_id="me-da-path"
    )
    labels.add(path, label="da_path", info="da_path_info")
    names = [name for name in preset_names() if name.endswith(DEMO_SUFFIX) == desk.services.settings.is_demo]
    preset = gr.Dropdown(
        names, value=next(n for n in names if n.startswith("v3")), label=labels.say("da_preset"), filterable=False
    )
    labels.add(preset, label="da_preset")
    check = gr.Button(labels.say("da_check"), variant="primary", elem_id="me-da-check")
    labels.add(check, value="da_check")
    with labels.add(gr.Accordion(labels.say("da_prepare"), open=False, elem_classes="me-fold"), label="da_prepare"):
        mix = gr.Textbox(
            label=labels.say("da_mix"),
            info=labels.say("da_prepare_info"),
            placeholder="image=0.6,text=0.4",
            max_lines=1,
        )
        gold = gr.Number(0, precision=0, minimum=0, label=labels.say("da_gold"))
        prepare = gr.Button(labels.say("da_prepare_run"), size="sm", elem_id="me-da-prepare")
    labels.add(mix, label="da_mix", info="da_prepare_info")
    labels.add(gold, label="da_gold")
    labels.add(prepare, value="da_prepare_run")
    return drop, path, preset, check, mix, gold, prepare


class DataEvents:
    """Handlers of the tab."""

    def __init__(self, desk: Desk, tab: Data, switch: gr.Radio) -> None:
        self.settings, self.tab, self.switch = desk.services.settings, tab, switch
        self.checks = Checks(self.settings)

    def connect(self, tab: gr.Tab) -> None:
        """Connects every widget; called once while the page is built."""
        mine = self.tab
        dropped = mine.drop.upload(
            self.dropped, [mine.drop, mine.preset, self.switch], [mine.shown, mine.path], **PRIVATE
        )
        checked = mine.check.click(self.check, [mine.path, mine.preset, self.switch], [mine.shown], **PRIVATE)
        told = [mine.path, mine.mix, mine.gold, self.switch]
        prepared = mine.prepare.click(self.prepare, told, [mine.shown], **PRIVATE)
        switched = self.switch.change(lambda: None, None, None, **PRIVATE)
        opened = tab.select(lambda: None, None, None, **PRIVATE)
        for event in (dropped, checked, prepared, switched, opened):
            event.then(self.follow, [mine.shown, self.switch], [mine.report], **_UNLIMITED)

    def dropped(self, file: str | None, preset: str, lang: Lang) -> tuple[Any, Any]:
        """A file was dropped: it is kept in the private home and checked."""
        if not file:
            return gr.skip(), gr.skip()
        kept = told(lambda: keep_upload(self.settings, Path(file)), lang)
        if kept is None:
            return gr.skip(), gr.skip()
        return self.checks.start(str(kept), _options(preset), kept.name), str(kept)

    def check(self, path: str, preset: str, lang: Lang) -> Any:
        """A path is checked."""
        if not _given(path, lang):
            return gr.skip()
        found = told(lambda: demo_style(path.strip()), lang)
        if found is None and path.strip().startswith("demo:"):
            return gr.skip()
        return self.checks.start(path.strip(), _options(preset))

    def prepare(self, path: str, mix: str, gold: float | None, lang: Lang) -> Any:
        """The data is made ready in a folder of the private home."""
        if not _given(path, lang):
            return gr.skip()
        started = told(lambda: self.checks.start_prepare(path.strip(), mix.strip(), int(gold or 0)), lang)
        return gr.skip() if started is None else started

    async def follow(self, check_id: str, lang: Lang) -> AsyncIterator[Any]:
        """Paints a check until it is over."""
        before = ""
        while True:
            state = self.checks.state(check_id)
            now = await asyncio.to_thread(state_html, state, lang)
            if now != before:
                before = now
                yield now
            if state is None or state.state != "running":
                return
            await asyncio.sleep(_LOOK_SECONDS)


def _given(path: str | None, lang: Lang) -> bool:
    """Whether there is something to look at; else the page says what to enter."""
    if not (path or "").strip():
        warn(lang, say("da_no_path", lang))
        return False
    return True


def _options(preset: str) -> CheckOptions:
    config = load_preset(preset).config
    return CheckOptions(config.max_length, config.image_size, config.system)
