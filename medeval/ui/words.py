"""Sentences that come in two languages at once: errors and reasons say "中文 / English"."""

import re

from medeval.ui.text import Lang

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def half(message: str, lang: Lang) -> str:
    """The half that the page speaks; the whole text where it is not Chinese / other."""
    left, slash, right = message.partition(" / ")
    if not slash or not CHINESE.search(left) or CHINESE.search(right):
        return message
    return (left if lang == "zh" else right).strip()
