"""The Evaluate tab: its widgets. What they do is in `medeval.ui.evaluate_events`; no logic lives here."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from medeval.engines.contract import Decoding
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.metrics.score import all_metrics
from medeval.ui import looks
from medeval.ui.desk import Desk
from medeval.ui.evaluate_board import Board
from medeval.ui.labels import Labels
from medeval.ui.text import Lang, say

CLICKS_JS = """
element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-do],[data-run],[data-open]');
  if (!target || target.tagName !== 'BUTTON') return;
  trigger('click', {...target.dataset});
});
element.addEventListener('change', (event) => {
  if (!event.target.matches('[data-tick]')) return;
  const ticked = window.meTicked(element, event.target);
  if (ticked.length === 2 || document.querySelector('.me-ev-versus')) trigger('click', {ticked: ticked.join(' ')});
});
"""
"""What is clicked inside our HTML reaches the server as its data attributes."""


@dataclass(frozen=True)
class Form:
    """Widgets of the left side."""

    suite: gr.Dropdown
    variants: gr.CheckboxGroup
    repeats: gr.Slider
    same: gr.HTML
    """Says where repeats tell nothing new."""
    max_tokens: gr.Slider
    temperature: gr.Slider
    seed: gr.Number
    reuse: gr.Checkbox
    start: gr.Button
    runs: gr.HTML


@dataclass(frozen=True)
class Result:
    """Widgets of the centre."""

    progress: gr.HTML
    head: gr.HTML
    profile: gr.Dropdown
    metric: gr.Dropdown
    matrix: gr.HTML
    detail: gr.HTML


@dataclass(frozen=True)
class Evaluate:
    """The tab and what it shows: run, run to compare with, open case and repeat."""

    form: Form
    result: Result
    shown: gr.State
    opened: gr.State


def build_evaluate(desk: Desk, labels: Labels, switch: gr.Radio, tab: gr.Tab) -> None:
    """Lays the tab out inside the current Blocks and wires it."""
    from medeval.ui.evaluate_events import EvaluateEvents

    board = Board(desk.services)
    with gr.Row(elem_classes="me-columns"):
        with gr.Column(scale=0, min_width=290, elem_classes="me-rail"):
            form = _form(desk, board, labels)
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            result = _result(labels)
    built = Evaluate(form, result, gr.State(("", "")), gr.State(("", 0)))
    EvaluateEvents(desk, board, built, switch).connect(tab)


def _form(desk: Desk, board: Board, labels: Labels) -> Form:
    usual = Decoding()
    suites = board.suites()
    suite = gr.Dropdown(suites, value=suites[0], label=labels.say("ev_suite"), elem_id="me-ev-suite")
    variants = gr.CheckboxGroup(
        looks.variant_choices(desk, labels.lang), value=list(desk.services.variants()), label=labels.say("ev_variants"),
        elem_id="me-ev-variants",
    )  # fmt: skip
    repeats = gr.Slider(1, 10, 1, step=1, label=labels.say("ev_repeats"), elem_id="me-ev-repeats")
    same = gr.HTML(elem_id="me-ev-same")
    with labels.add(gr.Accordion(labels.say("settings"), open=False, elem_classes="me-fold"), label="settings"):
        tokens = gr.Slider(16, 2048, usual.max_tokens, step=16, label=labels.say("max_tokens"))
        heat = gr.Slider(0.0, 1.5, usual.temperature, step=0.1, label=labels.say("temperature"))
        seed = gr.Number(usual.seed, precision=0, minimum=0, label=labels.say("seed"))
        reuse = gr.Checkbox(True, label=labels.say("ev_reuse"), info=labels.say("ev_reuse_info"), elem_id="me-ev-reuse")
    start = gr.Button(labels.say("ev_start"), variant="primary", elem_id="me-ev-start")
    for widget, key in ((suite, "ev_suite"), (variants, "ev_variants"), (repeats, "ev_repeats")):
        labels.add(widget, label=key)
    for widget, key in ((tokens, "max_tokens"), (heat, "temperature"), (seed, "seed")):
        labels.add(widget, label=key)
    labels.add(reuse, label="ev_reuse", info="ev_reuse_info")
    labels.add(start, value="ev_start")
    runs = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ev-runs")
    return Form(suite, variants, repeats, same, tokens, heat, seed, reuse, start, runs)


def _result(labels: Labels) -> Result:
    progress = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ev-progress")
    head = gr.HTML(elem_id="me-ev-head")
    with gr.Row(elem_classes="me-ev-pick", elem_id="me-ev-pick"):
        profile = gr.Dropdown(
            looks.profile_choices(labels.lang), value=DEFAULT_PROFILE, label=labels.say("ev_profile"), scale=1
        )
        metric = gr.Dropdown(metric_choices(labels.lang), value="", label=labels.say("ev_shown"), scale=1)
    labels.add(profile, label="ev_profile")
    labels.add(metric, label="ev_shown")
    matrix = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ev-matrix")
    detail = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ev-detail")
    return Result(progress, head, profile, metric, matrix, detail)


def same_html(repeats: float, temperature: float, reuse: bool, known: bool, lang: Lang) -> str:
    """What is said beside the repeats where they are the same answer.

    Args:
        repeats: of every case.
        temperature: 0 is greedy.
        reuse: whether answers may be taken over.
        known: whether the engine knows its weights; a server does not, so it is always asked.
        lang: language of the page.
    """
    if repeats <= 1 or temperature > 0:
        return ""
    said = say("ev_same", lang, n=int(repeats) - 1) if reuse and known else say("ev_same_asked", lang)
    return f'<p class="me-ev-note">{escape(said)}</p>'


def metric_choices(lang: Lang) -> list[tuple[str, str]]:
    """What the matrix can show: the total, or one metric."""
    named = [(item.zh if lang == "zh" else item.en, name) for name, item in all_metrics().items()]
    return [(say("ev_shown_total", lang), ""), *named]
