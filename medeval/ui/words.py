"""Sentences that come in two languages at once, as a page says them: errors and reasons say "中文 / English"."""

import re

from medeval.halves import CHINESE
from medeval.halves import half as plain_half
from medeval.ui.controls import with_controls, with_labels
from medeval.ui.text import Lang

__all__ = ["CHINESE", "fault_text", "half"]


def half(message: str, lang: Lang) -> str:
    """The half that the page speaks, with its controls for options of the command line."""
    return with_controls(plain_half(message, lang), lang)


def fault_text(problem: str, lang: Lang) -> str:
    """A fault of a training run as its form says it: "steps: 应不小于 1 / must be at least 1", the label in front."""
    said = half(problem, lang)
    field = re.match(r"[a-z_.]+: ", problem)
    return with_labels(said if field is None or said.startswith(field[0]) else field[0] + said, lang)
