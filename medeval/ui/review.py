"""The Review tab: the owner makes reviews from runs, hands out links, and sees results. Judging has its own page."""

import gradio as gr

from medeval.ui.batch_panel import BatchPanel
from medeval.ui.desk import Desk
from medeval.ui.labels import Labels
from medeval.ui.review_events import Making, Results, ReviewEvents, Shared
from medeval.ui.review_looks import intro_html
from medeval.ui.text import Lang, say


def build_review(desk: Desk, labels: Labels, switch: gr.Radio, tab: gr.Tab) -> None:
    """Lays the tab out and connects it."""
    with gr.Row(elem_classes="me-columns"):
        with gr.Column(scale=0, min_width=290, elem_classes="me-rail"):
            intro = gr.HTML(intro_html(labels.lang, True), elem_id="me-rv-intro")
            making = _making(labels)
            images = BatchPanel(desk.batch, labels, "rv")
        with gr.Column(scale=1, min_width=320, elem_classes="me-centre"):
            results = _results(labels)
    ReviewEvents(desk, making, images, results, Shared(intro, switch, tab)).connect()


def _making(labels: Labels) -> Making:
    run = gr.Dropdown([], label=labels.say("rv_run"), elem_id="me-rv-run")
    variants = gr.CheckboxGroup([], label=labels.say("rv_variants"), elem_id="me-rv-variants")
    reviewers = gr.Textbox(
        label=labels.say("rv_reviewers"), info=labels.say("rv_reviewers_info"), lines=2, max_lines=8,
        elem_id="me-rv-reviewers",
    )
    with gr.Row():
        overlap = gr.Number(0, label=labels.say("rv_overlap"), precision=0, minimum=0, min_width=110)
        repeated = gr.Number(0, label=labels.say("rv_repeated"), precision=0, minimum=0, min_width=110)
    check = labels.add(gr.Button(labels.say("rv_check"), elem_id="me-rv-check"), value="rv_check")
    plan = gr.HTML(elem_id="me-rv-plan")
    flagged = gr.Radio(
        flag_choices(labels.lang), value="leave_out", label=labels.say("rv_flagged"), visible=False,
        elem_id="me-rv-flagged",
    )
    create = gr.Button(labels.say("rv_create"), variant="primary", visible=False, elem_id="me-rv-create")
    labels.add(run, label="rv_run")
    labels.add(variants, label="rv_variants")
    labels.add(reviewers, label="rv_reviewers", info="rv_reviewers_info")
    labels.add(overlap, label="rv_overlap")
    labels.add(repeated, label="rv_repeated")
    labels.add(flagged, label="rv_flagged")
    labels.add(create, value="rv_create")
    return Making(run, variants, reviewers, overlap, repeated, check, plan, flagged, create)


def flag_choices(lang: Lang) -> list[tuple[str, str]]:
    """What may become of cases whose answers tell who they are."""
    return [(say("rv_flag_leave", lang), "leave_out"), (say("rv_flag_keep", lang), "keep")]


def _results(labels: Labels) -> Results:
    with gr.Row(elem_classes="me-follow"):
        pick = gr.Dropdown(
            [], label=labels.say("rv_pick"), info=labels.say("rv_results_info"), scale=1, elem_id="me-rv-pick",
            min_width=300,  # a line of its own on a phone
        )
        show = gr.Button(labels.say("rv_results"), scale=0, min_width=190, elem_id="me-rv-show")
        refresh = gr.Button(labels.say("rv_refresh"), scale=0, min_width=80, elem_id="me-rv-refresh")
    listed = gr.HTML(elem_id="me-rv-list")
    shown = gr.HTML(elem_id="me-rv-results")
    with labels.add(gr.Accordion(labels.say("rv_export"), open=False, elem_classes="me-fold"), label="rv_export"):
        with gr.Row():
            dpo = gr.Button(labels.say("rv_export_dpo"), size="sm", elem_id="me-rv-dpo")
            sft = gr.Button(labels.say("rv_export_sft"), size="sm", elem_id="me-rv-sft")
        allow = gr.Checkbox(False, label=labels.say("rv_export_allow"), elem_id="me-rv-allow")
        exported = gr.HTML(elem_id="me-rv-exported")
    labels.add(pick, label="rv_pick", info="rv_results_info")
    labels.add(show, value="rv_results")
    labels.add(refresh, value="rv_refresh")
    labels.add(dpo, value="rv_export_dpo")
    labels.add(sft, value="rv_export_sft")
    labels.add(allow, label="rv_export_allow")
    return Results(listed, refresh, pick, show, shown, dpo, sft, allow, exported)
