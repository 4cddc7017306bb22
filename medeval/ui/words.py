"""Sentences that come in two languages at once: errors and reasons say "中文 / English"."""

import re

from medeval.ui.text import Lang

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def half(message: str, lang: Lang) -> str:
    """The half that the page speaks; the whole text where it is not Chinese / other.

    What follows a colon in the other half belongs to both: "要点 / key point: 复诊".
    """
    left, slash, right = message.partition(" / ")
    if not slash or not CHINESE.search(left):
        return message
    if CHINESE.search(right):
        head, colon, tail = right.partition(": ")
        if not colon or CHINESE.search(head):
            return message
        return f"{left.strip()}：{tail}" if lang == "zh" else right.strip()
    return (left if lang == "zh" else right).strip()
