"""The Adapters tab: its widgets. What they do is in `medeval.ui.adapters_events`; no logic lives here."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from medeval.services.fuse_checks import lmstudio_place
from medeval.ui.adapters_board import Board
from medeval.ui.adapters_view import Opened
from medeval.ui.desk import Desk
from medeval.ui.labels import Labels
from medeval.ui.text import Lang, say

CLICKS_JS = """
element.addEventListener('click', (event) => {
  if (event.target.closest('.me-ad-copy, code, input')) return;
  const button = event.target.closest('[data-do]');
  if (!button || (button.dataset.ask && !window.confirm(button.dataset.ask))) return;
  const field = button.closest('[data-form]')?.querySelector('[data-field]');
  trigger('click', {...button.dataset, ...(field ? {value: field.value} : {})});
});
"""
"""What is clicked inside our HTML reaches the server as its data attributes and the field beside it."""


@dataclass(frozen=True)
class Adding:
    """Widgets that add an adapter."""

    drop: gr.File
    path: gr.Textbox
    name: gr.Textbox
    add: gr.Button
    added: gr.HTML


@dataclass(frozen=True)
class Fusing:
    """Widgets of the fuse form."""

    variant: gr.Dropdown
    target: gr.Radio
    bits: gr.Radio
    measure: gr.Checkbox
    out: gr.Textbox
    replace: gr.Checkbox
    deploy: gr.Checkbox
    place: gr.Group
    home: gr.Textbox
    publisher: gr.Textbox
    name: gr.Textbox
    estimate: gr.HTML
    start: gr.Button
    command: gr.HTML


@dataclass(frozen=True)
class Tab:
    """The tab and what a page has open."""

    adding: Adding
    fusing: Fusing
    head: gr.HTML
    refresh: gr.Button
    table: gr.HTML
    jobs: gr.HTML
    opened: gr.State


def build_adapters(desk: Desk, labels: Labels, switch: gr.Radio, tab: gr.Tab) -> None:
    """Lays the tab out inside the current Blocks and wires it."""
    from medeval.ui.adapters_events import AdapterEvents

    board = Board(desk.services)
    with gr.Row(elem_classes=["me-columns", "me-ad-columns"]):
        with gr.Column(scale=0, min_width=290, elem_classes=["me-rail", "me-ad-rail"]):
            fusing = _fusing(labels)
            with labels.add(
                gr.Accordion(labels.say("ad_add_title"), open=False, elem_classes=["me-fold", "me-ad-add"]),
                label="ad_add_title",
            ):
                adding = _adding(labels)
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            with gr.Row(elem_classes="me-ad-top"):
                head = gr.HTML(elem_id="me-ad-head")
                refresh = gr.Button(labels.say("ad_refresh"), size="sm", scale=0, min_width=90, elem_id="me-ad-refresh")
            labels.add(refresh, value="ad_refresh")
            table = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ad-table", min_height=120)
            jobs = gr.HTML(js_on_load=CLICKS_JS, elem_id="me-ad-jobs")
    built = Tab(adding, fusing, head, refresh, table, jobs, gr.State(Opened()))
    AdapterEvents(desk, board, built, switch).connect(tab)


def _adding(labels: Labels) -> Adding:
    drop = gr.File(
        label=labels.say("ad_drop"), file_count="multiple", type="filepath", height=150, elem_id="me-ad-drop"
    )
    labels.add(drop, label="ad_drop")
    note = gr.HTML(labels.say("ad_drop_info"), elem_classes="me-quiet")
    labels.add(note, value="ad_drop_info")
    path = gr.Textbox(
        label=labels.say("ad_from"), placeholder=labels.say("ad_from_hint"), info=labels.say("ad_from_info"),
        max_lines=1, elem_id="me-ad-path",
    )
    labels.add(path, label="ad_from", placeholder="ad_from_hint", info="ad_from_info")
    name = gr.Textbox(
        label=labels.say("ad_name_box"), placeholder=labels.say("ad_name_hint"), max_lines=1, elem_id="me-ad-name"
    )
    labels.add(name, label="ad_name_box", placeholder="ad_name_hint")
    add = labels.add(gr.Button(labels.say("ad_add"), elem_id="me-ad-install"), value="ad_add")
    return Adding(drop, path, name, add, gr.HTML(elem_id="me-ad-added"))


def target_choices(lang: Lang) -> list[tuple[str, str]]:
    """What the fused model is for."""
    return [(say("ad_for_transformers", lang), "transformers"), (say("ad_for_mlx", lang), "mlx")]


def bit_choices(target: str, lang: Lang) -> list[tuple[str, int]]:
    """Widths that the target can open: MLX's quantised forms are read by MLX alone."""
    return [(say("ad_bit", lang, n=n), n) for n in ((16,) if target == "transformers" else (16, 8, 4))]


def place_info(home: str | None, lang: Lang) -> str:
    """Whether LM Studio's folder is there."""
    place = lmstudio_place(home or "")
    return say("ad_lm_found" if place.found else "ad_lm_missing", lang, path=place.models)


def _fusing(labels: Labels) -> Fusing:
    lang = labels.lang
    title = gr.HTML(labels.say("ad_fuse_title"), elem_classes="me-ad-title")
    labels.add(title, value="ad_fuse_title")
    variant = gr.Dropdown([], label=labels.say("ad_variant"), filterable=False, elem_id="me-ad-variant")
    labels.add(variant, label="ad_variant")
    target = gr.Radio(target_choices(lang), value="transformers", label=labels.say("ad_target"), elem_id="me-ad-target")
    labels.add(target, label="ad_target")
    bits = gr.Radio(bit_choices("transformers", lang), value=16, label=labels.say("ad_bits"), elem_id="me-ad-bits")
    labels.add(bits, label="ad_bits")
    deploy = gr.Checkbox(False, label=labels.say("ad_deploy"), elem_id="me-ad-deploy")
    labels.add(deploy, label="ad_deploy")
    with gr.Group(visible=False, elem_classes="me-ad-place") as place:
        home, publisher, name = _place(labels)
    estimate = gr.HTML(elem_id="me-ad-estimate")
    start = labels.add(gr.Button(labels.say("ad_start"), variant="primary", elem_id="me-ad-start"), value="ad_start")
    with labels.add(gr.Accordion(labels.say("ad_more"), open=False, elem_classes="me-fold"), label="ad_more"):
        measure, out, replace, command = _more(labels)
    return Fusing(
        variant, target, bits, measure, out, replace, deploy, place, home, publisher, name, estimate, start, command
    )  # fmt: skip


def _more(labels: Labels) -> tuple[gr.Checkbox, gr.Textbox, gr.Checkbox, gr.HTML]:
    """What few people change: further widths to measure, where to, what stands there; and the command line."""
    out = gr.Textbox(label=labels.say("ad_out"), lines=1, max_lines=1, elem_id="me-ad-out")
    labels.add(out, label="ad_out")
    replace = gr.Checkbox(False, label=labels.say("ad_replace"), elem_id="me-ad-replace")
    labels.add(replace, label="ad_replace")
    measure = gr.Checkbox(
        False, label=labels.say("ad_measure"), info=labels.say("ad_measure_info"), elem_id="me-ad-measure"
    )
    labels.add(measure, label="ad_measure", info="ad_measure_info")
    return measure, out, replace, gr.HTML(elem_id="me-ad-command")


def _place(labels: Labels) -> tuple[gr.Textbox, gr.Textbox, gr.Textbox]:
    home = gr.Textbox(
        label=labels.say("ad_lm_home"), info=place_info("", labels.lang), max_lines=1, elem_id="me-ad-lm-home"
    )
    publisher = gr.Textbox("medeval", label=labels.say("ad_publisher"), max_lines=1, elem_id="me-ad-publisher")
    name = gr.Textbox(label=labels.say("ad_lm_name"), max_lines=1, elem_id="me-ad-lm-name")
    labels.add(home, label="ad_lm_home")
    labels.add(publisher, label="ad_publisher")
    labels.add(name, label="ad_lm_name")
    return home, publisher, name
