"""The panel for a batch of images with one question: the same in Compare and Review, over one batch of the server."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from medeval.errors import MedevalError, UsageError
from medeval.ui.batch import Batch, BatchState
from medeval.ui.labels import PRIVATE, Labels
from medeval.ui.text import Lang, say
from medeval.ui.toasts import warn
from medeval.ui.words import half

_POLL_SECONDS = 1.0


class BatchPanel:
    """Widgets and handlers. `name` keeps element ids of two panels apart."""

    def __init__(self, batch: Batch, labels: Labels, name: str) -> None:
        self.batch = batch
        with labels.add(gr.Accordion(labels.say("images"), open=False, elem_classes="me-fold"), label="images"):
            self.files = gr.File(
                label=labels.say("images_files"), file_count="directory", height=150, elem_id=f"me-{name}-files"
            )
            self.prompt = gr.Textbox(label=labels.say("images_prompt"), lines=2, elem_id=f"me-{name}-prompt")
            self.begin = gr.Button(labels.say("images_start"), elem_id=f"me-{name}-start")
            self.state = gr.HTML(elem_id=f"me-{name}-batch")
        labels.add(self.files, label="images_files")
        labels.add(self.prompt, label="images_prompt")
        labels.add(self.begin, value="images_start")
        self.timer = gr.Timer(_POLL_SECONDS, active=False)

    def connect(self, switch: Any, variants: gr.CheckboxGroup | None = None) -> None:
        """Connects the widgets; all variants answer where there is no choice of `variants` here."""
        asked = [self.files, self.prompt, switch, *([variants] if variants else [])]
        self.begin.click(self.start, asked, [self.state, self.timer], **PRIVATE)
        self.timer.tick(self.look, [switch], [self.state, self.timer], **PRIVATE)

    def start(
        self, files: list[str] | None, prompt: str, lang: Lang, variants: list[str] | None = None
    ) -> tuple[Any, Any]:
        """Begins a batch."""
        try:
            if not files:
                raise UsageError(say("images_none", lang))
            paths = [Path(name) for name in files]
            self.batch.start(paths, prompt or "", tuple(variants or ()), say("images_busy", lang))
        except MedevalError as error:
            warn(lang, half(str(error), lang))
        return self.look(lang)

    def look(self, lang: Lang) -> tuple[Any, Any]:
        """How far it is; looking ends with the batch."""
        return batch_html(self.batch.state, lang), gr.Timer(active=self.batch.state.busy)


def batch_html(state: BatchState, lang: Lang) -> str:
    """How far a batch of images is, and what could not be used."""
    if state.step == "idle":
        return ""
    steps = {"intake": "images_intake", "asking": "images_asking"}
    lines = [say("images_skipped", lang, why=half(problem, lang)) for problem in state.problems]
    if state.busy:
        count = f"{state.done}/{state.total}" if state.total else ""
        lines.insert(0, f"{say(steps[state.step], lang)} {count}")
    elif state.step == "done":
        lines.insert(0, say("images_done", lang, run=state.run_id))
    else:
        lines.insert(0, say("images_failed", lang, why=half(state.error, lang)))
    return "".join(f'<p class="me-quiet">{escape(line)}</p>' for line in lines)
