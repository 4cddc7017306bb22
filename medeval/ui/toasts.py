"""Messages that appear over the page and go again, headed in the language of the page."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from medeval.errors import MedevalError
from medeval.ui.text import Lang, say
from medeval.ui.words import half

_SECONDS = 10.0
LANGS: tuple[Lang, ...] = ("zh", "en")


def warn(lang: Lang, *lines: str, stays: bool = False) -> None:
    """Says what is wrong, plain text line by line; with `stays` until it is closed."""
    gr.Warning(_html(lines), duration=None if stays else _SECONDS, title=say("toast_warning", lang))


def inform(lang: Lang, *lines: str) -> None:
    """Says what was done."""
    gr.Info(_html(lines), duration=_SECONDS, title=say("toast_info", lang))


def told(call: Callable[[], Any], lang: Lang, stays: bool = False) -> Any:
    """The result of `call`; an error becomes one sentence on the page, and None."""
    try:
        return call()
    except MedevalError as error:
        warn(lang, half(str(error), lang), stays=stays)
    return None


def headings_css() -> str:
    """Headings by language: Gradio 6 takes a title and shows the kind of the message, in English, all the same."""
    kinds = (("warning", "toast_warning"), ("info", "toast_info"))
    rules = [".toast-title.warning, .toast-title.info { font-size: 0; } .toast-title > * { font-size: .85rem; }"]
    for lang in LANGS:
        on_page = f'body:has(.me-brand[lang="{lang}"]) .toast-title'
        for kind, key in kinds:
            rules.append(f'{on_page}.{kind}::before {{ content: "{say(key, lang)} "; font-size: .95rem; }}')
    return "\n".join(rules)


def _html(lines: tuple[str, ...]) -> str:
    return "<br>".join(map(escape, lines))
