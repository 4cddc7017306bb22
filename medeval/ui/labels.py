"""Labels of widgets in the current language: each widget names its text keys once, one call re-labels them all."""

from typing import Any, TypeVar

import gradio as gr
from gradio.blocks import Block

from medeval.ui.text import Lang, say

B = TypeVar("B", bound=Block)
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": True}
"""How every handler is connected: no endpoint for outsiders, our own progress."""


class Labels:
    """Widgets of a page with the text key of each labelled property."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self._keys: list[tuple[Block, dict[str, str]]] = []

    def say(self, key: str) -> str:
        """The text in the language in which the page is built."""
        return say(key, self.lang)

    def add(self, widget: B, **keys: str) -> B:
        """Registers `property=text key` pairs of a widget and returns it."""
        self._keys.append((widget, keys))
        return widget

    @property
    def widgets(self) -> list[Block]:
        """All registered widgets, as outputs of the language switch."""
        return [widget for widget, _ in self._keys]

    def updates(self, lang: Lang) -> list[dict[str, Any]]:
        """One update per widget, in the order of `widgets`."""
        return [gr.update(**{name: say(key, lang) for name, key in keys.items()}) for _, keys in self._keys]
