"""The Train tab: its widgets. What they do is in `medeval.ui.train_events`; no logic lives here."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from medeval.training.presets import load_preset
from medeval.ui.controls import FIELDS as LABELS
from medeval.ui.desk import Desk
from medeval.ui.labels import Labels
from medeval.ui.text import Lang, say
from medeval.ui.train_board import Board, Opened
from medeval.ui.train_form import CHOICES, FIELDS, MAIN, note_html, preview_html, texts_of

FIRST_PRESET = "v3"
CLICKS_JS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-do],button[data-run]');
  if (!button || (button.dataset.ask && !window.confirm(button.dataset.ask))) return;
  trigger('click', {...button.dataset});
});
element.addEventListener('change', (event) => {
  if (!event.target.matches('[data-tick]')) return;
  const ticked = [...element.querySelectorAll('[data-tick]:checked')].map((box) => box.dataset.tick);
  trigger('click', {ticked: ticked.join(' ')});
});
"""
"""What is clicked inside our HTML reaches the server as its data attributes; deleting asks first."""


@dataclass(frozen=True)
class Form:
    """Widgets of the left side; `fields` in the order of `train_form.FIELDS`."""

    preset: gr.Dropdown
    note: gr.HTML
    fields: list[gr.Textbox | gr.Dropdown]
    further: gr.Textbox
    followed: gr.State
    """The alpha that follows from the rank; a field that holds another is the person's own."""
    plan: gr.HTML
    checked: gr.HTML
    check: gr.Button
    command: gr.HTML
    start: gr.Button
    asked: gr.Group
    ask: gr.HTML
    release: gr.Button
    keep: gr.Button


@dataclass(frozen=True)
class Shown:
    """Widgets of the right side."""

    runs: gr.HTML
    figures: gr.HTML
    curves: gr.HTML
    versus: gr.HTML
    kept: gr.HTML
    log: gr.HTML


@dataclass(frozen=True)
class Train:
    """The tab and which runs it shows."""

    form: Form
    shown: Shown
    opened: gr.State
    checked: gr.State
    """Id of the preflight whose rows are shown."""


def build_train(desk: Desk, labels: Labels, switch: gr.Radio, tab: gr.Tab) -> None:
    """Lays the tab out inside the current Blocks and wires it."""
    from medeval.ui.train_events import TrainEvents

    board = Board(desk.services)
    with gr.Row(elem_classes=["me-columns", "me-tr-columns"]):
        with gr.Column(scale=0, min_width=290, elem_classes=["me-rail", "me-tr-rail"]):
            if desk.services.server is not None:
                labels.add(gr.HTML(labels.say("tr_served"), elem_classes="me-ev-note"), value="tr_served")
            form = _form(board, labels)
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            shown = _shown(labels)
    built = Train(form, shown, gr.State(Opened()), gr.State(""))
    TrainEvents(desk, board, built, switch).connect(tab)


def preset_choices(board: Board, lang: Lang) -> list[tuple[str, str]]:
    """Titles and names of presets."""
    return [(load_preset(name).text(lang), name) for name in board.presets()]


def suite_choices(board: Board, lang: Lang) -> list[tuple[str, str]]:
    """Suites, and none."""
    return [*((name, name) for name in board.suites()), (say("tr_suite_none", lang), "")]


def _form(board: Board, labels: Labels) -> Form:
    lang = labels.lang
    first = next(name for name in board.presets() if name.startswith(FIRST_PRESET))
    texts = dict(zip(FIELDS, texts_of(load_preset(first).config), strict=True))
    preset = gr.Dropdown(
        preset_choices(board, lang),
        value=first,
        label=labels.say("tr_preset"),
        elem_id="me-tr-preset",
        filterable=False,
    )
    labels.add(preset, label="tr_preset")
    note = gr.HTML(note_html(first, lang))
    main = _main_fields(board, labels, texts)
    with labels.add(gr.Accordion(labels.say("tr_rest"), open=False, elem_classes="me-fold"), label="tr_rest"):
        rest = _rest_fields(texts)
        further = gr.Textbox(
            label=labels.say("tr_extra"), placeholder=labels.say("tr_extra_hint"), lines=2, max_lines=8,
            elem_id="me-tr-extra",
        )  # fmt: skip
        labels.add(further, label="tr_extra", placeholder="tr_extra_hint")
    fields = [{**main, **rest}[name] for name in FIELDS]
    drawn, line = preview_html(first, texts_of(load_preset(first).config), "", None, lang)
    followed = gr.State(texts["alpha"])
    plan = gr.HTML(drawn, elem_id="me-tr-plan")
    check = labels.add(gr.Button(labels.say("tr_check"), size="sm", elem_id="me-tr-check"), value="tr_check")
    checked = gr.HTML(elem_id="me-tr-checked")
    command = gr.HTML(line, elem_id="me-tr-command")
    start = labels.add(gr.Button(labels.say("tr_start"), variant="primary", elem_id="me-tr-start"), value="tr_start")
    with gr.Group(visible=False, elem_classes="me-tr-asked") as asked:
        ask = gr.HTML()
        release = gr.Button(labels.say("tr_keep_train"), variant="primary", size="sm", elem_id="me-tr-release")
        keep = gr.Button(labels.say("tr_keep_chat"), size="sm")
    labels.add(release, value="tr_keep_train")
    labels.add(keep, value="tr_keep_chat")
    return Form(
        preset, note, fields, further, followed, plan, checked, check, command, start, asked, ask, release, keep
    )


def _main_fields(board: Board, labels: Labels, texts: dict[str, str]) -> dict[str, gr.Textbox | gr.Dropdown]:
    made: dict[str, gr.Textbox | gr.Dropdown] = {}

    def box(name: str, **further: str) -> None:
        key = LABELS[name]
        widget = gr.Textbox(
            texts[name], label=labels.say(key), max_lines=1, min_width=100, elem_id=f"me-tr-{name}",
            info=labels.say(further["info"]) if further else None,
        )  # fmt: skip
        made[name] = labels.add(widget, label=key, **further)

    box("name")
    box("data", info="tr_data_info")
    with gr.Row(elem_classes="me-tr-two"):
        box("steps")
        box("learning_rate")
    with gr.Row(elem_classes="me-tr-two"):
        box("batch_size")
        box("rank")
    suite = gr.Dropdown(
        suite_choices(board, labels.lang), value=texts["suite"], label=labels.say("tr_suite"), elem_id="me-tr-suite"
    )
    made["suite"] = labels.add(suite, label="tr_suite")
    assert set(made) == set(MAIN)
    return made


def _rest_fields(texts: dict[str, str]) -> dict[str, gr.Textbox | gr.Dropdown]:
    """Fields under the names that files and `--set` use, two in a row."""
    made: dict[str, gr.Textbox | gr.Dropdown] = {}
    names = [name for name in FIELDS if name not in MAIN]
    for start in range(0, len(names), 2):
        with gr.Row(elem_classes="me-tr-two"):
            for name in names[start : start + 2]:
                if name in CHOICES:
                    made[name] = gr.Dropdown(
                        list(CHOICES[name]), value=texts[name], label=name, min_width=100, filterable=False
                    )
                else:
                    made[name] = gr.Textbox(
                        texts[name], label=name, max_lines=1, min_width=100, elem_id=f"me-tr-{name}"
                    )
    return made


def _shown(labels: Labels) -> Shown:
    runs = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-tr-runs")
    figures = gr.HTML(elem_id="me-tr-figures")
    curves = gr.HTML(elem_id="me-tr-curves")
    versus = gr.HTML(elem_id="me-tr-versus")
    kept = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-tr-kept")
    with labels.add(
        gr.Accordion(labels.say("tr_log"), open=False, elem_classes=["me-fold", "me-tr-logfold"]), label="tr_log"
    ):
        log = gr.HTML(elem_id="me-tr-log")
    return Shown(runs, figures, curves, versus, kept, log)
