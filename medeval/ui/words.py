"""Sentences that come in two languages at once: errors and reasons say "中文 / English"."""

import re

from medeval.ui.controls import with_controls, with_labels
from medeval.ui.text import Lang

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def half(message: str, lang: Lang) -> str:
    """The half that the page speaks, with its controls for options; the whole text where it is not Chinese / other.

    What follows a colon in the other half belongs to both: "要点 / key point: 复诊".
    """
    return with_controls(_half(message, lang), lang)


def fault_text(problem: str, lang: Lang) -> str:
    """A fault of a training run as its form says it: "steps: 应不小于 1 / must be at least 1", the label in front."""
    said = half(problem, lang)
    field = re.match(r"[a-z_.]+: ", problem)
    return with_labels(said if field is None or said.startswith(field[0]) else field[0] + said, lang)


def _half(message: str, lang: Lang) -> str:
    left, slash, right = message.partition(" / ")
    if not slash or not CHINESE.search(left):
        return message
    if CHINESE.search(right):
        head, colon, tail = right.partition(": ")
        if not colon or CHINESE.search(head):
            return message
        return f"{left.strip()}：{tail}" if lang == "zh" else right.strip()
    return (left if lang == "zh" else right).strip()
