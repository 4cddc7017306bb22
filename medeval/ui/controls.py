"""Controls of the pages, by the words that the command line has for them.

An error is worded once, for both faces, with the option of the command line; on a page the control stands in its place.
"""

from __future__ import annotations

import re

from medeval.ui.text import Lang, say

CONTROLS = {
    "--allow-test-cases": "rv_export_allow",
    "--bits": "ad_bits",
    "--flagged leave_out|keep": "rv_flagged",
    "--lmstudio-home": "ad_lm_home",
    "--name": "tr_name",
    "--replace": "ad_replace",
    "--suite": "ev_suite",
    "--variants": "ev_variants",
    "medeval review export RUN --format dpo": "rv_export_dpo",
}
"""What the command line calls it -> key of the label on the page."""
KEPT = frozenset({"--adapters", "--base", "--engine", "--host", "--port", "--resume", "--server-models"})
"""Options that the app is started with, and resuming any run by its id: no page has a control, they keep their name."""
FIELDS = {
    "name": "tr_name", "data": "tr_data", "steps": "tr_steps", "learning_rate": "tr_lr", "batch_size": "tr_batch",
    "rank": "tr_rank", "suite": "tr_suite",
}  # fmt: skip
"""Fields of a training run whose control has a label of its own; the others are labelled with their name."""

_WORDS = re.compile(rf"({'|'.join(map(re.escape, sorted(CONTROLS, key=len, reverse=True)))})(?![\w-])")
_SET = re.compile(r"--set (?=\w+=)")
_FIELD = re.compile(rf"(?<![\w./=-])({'|'.join(FIELDS)})(?![\w./=-])")
_PLAIN = frozenset({"name", "data", "rank", "suite"})
"""Fields that are words of other sense too: only the one at the start of a sentence is surely meant."""


def with_controls(text: str, lang: Lang) -> str:
    """A sentence for the page: controls in place of options."""
    if "--" not in text:
        return text
    return _SET.sub("", _tight(_WORDS.sub(lambda found: _label(CONTROLS[found[1]], lang), text)))


def with_labels(text: str, lang: Lang) -> str:
    """A sentence about a training run for its form: the labels of fields in place of their names."""

    def label(found: re.Match[str]) -> str:
        field = found[1]
        heads = found.start() == 0 and text[found.end() :].startswith(":")
        meant = heads or (field not in _PLAIN and (lang == "zh" or "_" in field))
        return _label(FIELDS[field], lang) if meant else field

    return _tight(_FIELD.sub(label, with_controls(text, lang)))


def _label(key: str, lang: Lang) -> str:
    """The label as far as it names the control: a long bracket or what follows a comma explains it."""
    name = re.sub(r"\s*[（(].{5,}[）)]|[，,].*", "", say(key, lang))
    return f"「{name}」" if lang == "zh" else f"“{name}”"


def _tight(text: str) -> str:
    """Chinese has no space around its quotes, where the option had one."""
    return re.sub(r"(?<=[\u3000-\u9fff]) (?=「)|(?<=」) ", "", text)
