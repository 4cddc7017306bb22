"""The Compare tab: its widgets. What they do is in `medeval.ui.compare_events`; no logic lives here."""

from dataclasses import dataclass

import gradio as gr

from medeval.engines.contract import Decoding
from medeval.metrics.profiles import DEFAULT_PROFILE
from medeval.ui import looks
from medeval.ui.batch_panel import BatchPanel
from medeval.ui.desk import FIRST_CASE, Desk
from medeval.ui.labels import Labels
from medeval.ui.text import Lang

CHIPS_JS = """
element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-case]');
  if (!chip) return;
  element.querySelectorAll('[data-case]').forEach((c) => c.setAttribute('aria-pressed', String(c === chip)));
  trigger('click', {case: chip.dataset.case});
});
"""


@dataclass(frozen=True)
class Rail:
    """Widgets of the left rail."""

    chips: gr.HTML
    picked: gr.State
    box: gr.MultimodalTextbox
    variants: gr.CheckboxGroup
    refused: gr.HTML
    max_tokens: gr.Slider
    temperature: gr.Slider
    seed: gr.Number
    profile: gr.Dropdown
    ask: gr.Button
    stop: gr.Button
    keys: gr.HTML
    images: BatchPanel


@dataclass(frozen=True)
class Centre:
    """Widgets of the centre."""

    question: gr.HTML
    earlier: gr.HTML
    grid: gr.HTML
    table: gr.HTML
    receipt: gr.HTML
    exports: gr.HTML
    stop: gr.Button
    follow_up: gr.Textbox
    send: gr.Button
    save_name: gr.Textbox
    save_must_have: gr.Textbox
    save_must_not: gr.Textbox
    save: gr.Button
    saved: gr.HTML


@dataclass(frozen=True)
class Compare:
    """The tab: its two halves and the exchange it shows."""

    rail: Rail
    centre: Centre
    shown: gr.State


def build_compare(desk: Desk, labels: Labels) -> Compare:
    """Lays the tab out inside the current Blocks."""
    with gr.Row(elem_classes="me-columns"):
        with gr.Column(scale=0, min_width=290, elem_classes="me-rail"):
            rail = _rail(desk, labels)
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            centre = _centre(labels)
    return Compare(rail, centre, gr.State(""))


def _rail(desk: Desk, labels: Labels) -> Rail:
    lang: Lang = labels.lang
    chips = gr.HTML(looks.chips_html(desk, lang, FIRST_CASE), js_on_load=CHIPS_JS, elem_id="me-chips")
    box = gr.MultimodalTextbox(
        label=labels.say("question"), placeholder=labels.say("question_hint"), file_count="multiple",
        sources=["upload"], lines=2, max_lines=10, submit_btn=False, max_plain_text_length=20000, elem_id="me-box",
    )
    labels.add(box, label="question", placeholder="question_hint")
    ask = labels.add(gr.Button(labels.say("ask"), variant="primary", elem_id="me-ask"), value="ask")
    stop = labels.add(gr.Button(labels.say("stop"), variant="stop", visible=False, elem_id="me-stop"), value="stop")
    keys = gr.HTML(looks.keys_html(lang))
    names = list(desk.services.variants())
    variants = gr.CheckboxGroup(
        looks.variant_choices(desk, lang), value=names, label=labels.say("variants"), elem_id="me-variants"
    )
    labels.add(variants, label="variants")
    refused = gr.HTML(looks.refused_html(desk, lang), elem_id="me-refused")
    settings = _settings(labels)
    images = BatchPanel(desk.batch, labels, "cmp")
    return Rail(chips, gr.State(FIRST_CASE), box, variants, refused, *settings, ask, stop, keys, images)


def _settings(labels: Labels) -> tuple[gr.Slider, gr.Slider, gr.Number, gr.Dropdown]:
    usual = Decoding()
    with labels.add(gr.Accordion(labels.say("settings"), open=False, elem_classes="me-fold"), label="settings"):
        tokens = gr.Slider(16, 2048, usual.max_tokens, step=16, label=labels.say("max_tokens"))
        heat = gr.Slider(0.0, 1.5, usual.temperature, step=0.1, label=labels.say("temperature"))
        seed = gr.Number(usual.seed, precision=0, minimum=0, label=labels.say("seed"))
        choices = looks.profile_choices(labels.lang)
        profile = gr.Dropdown(choices, value=DEFAULT_PROFILE, label=labels.say("profile"))
    labels.add(tokens, label="max_tokens")
    labels.add(heat, label="temperature")
    labels.add(seed, label="seed")
    return tokens, heat, seed, labels.add(profile, label="profile")


def _centre(labels: Labels) -> Centre:
    question = gr.HTML(elem_id="me-question")
    earlier = gr.HTML(elem_id="me-earlier")
    grid = gr.HTML(elem_id="me-cards", min_height=220)
    with gr.Row(elem_classes="me-follow"):
        follow_up = gr.Textbox(
            show_label=False, placeholder=labels.say("follow_up_hint"), lines=1, max_lines=6, scale=1,
            container=False, elem_id="me-follow-box",
        )
        send = labels.add(gr.Button(labels.say("send"), scale=0, min_width=110, elem_id="me-send"), value="send")
        stop = labels.add(
            gr.Button(labels.say("stop"), variant="stop", scale=0, min_width=90, visible=False), value="stop"
        )
    labels.add(follow_up, placeholder="follow_up_hint")
    table = gr.HTML(elem_id="me-scores")
    with labels.add(gr.Accordion(labels.say("receipt"), open=False, elem_classes="me-fold"), label="receipt"):
        receipt = gr.HTML(elem_id="me-receipt")
    with labels.add(gr.Accordion(labels.say("save_title"), open=False, elem_classes="me-fold"), label="save_title"):
        saving = _saving(labels)
    exports = gr.HTML(elem_id="me-exports")
    return Centre(question, earlier, grid, table, receipt, exports, stop, follow_up, send, *saving)


def _saving(labels: Labels) -> tuple[gr.Textbox, gr.Textbox, gr.Textbox, gr.Button, gr.HTML]:
    name = gr.Textbox(
        label=labels.say("save_name"), info=labels.say("save_info"), max_lines=1, elem_id="me-save-name"
    )
    with gr.Row():
        have = gr.Textbox(label=labels.say("save_must_have"), lines=3)
        avoid = gr.Textbox(label=labels.say("save_must_not"), lines=3)
    save = labels.add(gr.Button(labels.say("save"), size="sm", elem_id="me-save"), value="save")
    labels.add(name, label="save_name", info="save_info")
    labels.add(have, label="save_must_have")
    labels.add(avoid, label="save_must_not")
    return name, have, avoid, save, gr.HTML(elem_id="me-saved")
