"""What the handlers of the Adapters tab share: errors said on the page, one painter per page, notes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from html import escape
from typing import Any, Literal

import gradio as gr

from medeval.errors import AdapterError, MedevalError
from medeval.ui.text import Lang
from medeval.ui.toasts import warn
from medeval.ui.words import half

_SESSIONS = 500
_SHOWN_REASONS = 12


class Newest:
    """Only the newest painter of a page goes on; older ones end at their next look."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, int] = OrderedDict()

    def take(self, request: gr.Request) -> tuple[str, int]:
        """The turn of a new painter of the page that `request` came from."""
        page = str(request.session_hash)
        turn = self._turns.pop(page, 0) + 1
        self._turns[page] = turn
        while len(self._turns) > _SESSIONS:
            self._turns.popitem(last=False)
        return page, turn

    def holds(self, turn: tuple[str, int]) -> bool:
        """Whether nobody took a later turn."""
        return self._turns.get(turn[0]) == turn[1]


def told(call: Callable[[], Any], lang: Lang) -> Any:
    """The result of `call`; an error becomes sentences on the page, and None."""
    try:
        return call()
    except AdapterError as error:
        warn(lang, *(half(problem, lang) for problem in error.problems[:_SHOWN_REASONS]))
    except MedevalError as error:
        warn(lang, half(str(error), lang))
    return None


def note_html(text: str, kind: Literal["note", "warn"]) -> str:
    """One sentence in a pill."""
    return f'<p class="me-hint me-ad-said me-{kind}">{escape(text)}</p>'
