"""An exchange as a file to keep: Markdown, JSON, or one self-contained HTML page."""

import json
from html import escape
from importlib.resources import files
from typing import Literal

from medeval.engines.contract import Receipt
from medeval.evaluation.records import to_plain
from medeval.ui.cards import Look, grid_of, hundred, value_of
from medeval.ui.exchange import Round, View
from medeval.ui.shelf import cell_of
from medeval.ui.tables import receipt_html, scores_table
from medeval.ui.text import say

Format = Literal["md", "json", "html"]
MEDIA: dict[Format, str] = {"md": "text/markdown", "json": "application/json", "html": "text/html"}


def exported(view: View, receipt: Receipt | None, fmt: Format, look: Look) -> str:
    """The exchange as text.

    Args:
        view: the exchange.
        receipt: what was loaded, where known.
        fmt: one of `MEDIA`.
        look: language, profile and labels.
    """
    if fmt == "json":
        return _json(view, receipt)
    return _markdown(view, look) if fmt == "md" else _html(view, receipt, look)


def _json(view: View, receipt: Receipt | None) -> str:
    rounds = [
        {
            "case": asked.case.model_dump(mode="json", exclude={"images"}) | {"images": list(asked.images)},
            "decoding": to_plain(asked.decoding),
            "cells": [to_plain(cell_of(asked.case.id, column)) for column in asked.columns],
        }
        for asked in view.rounds
    ]
    whole = {"id": view.id, "rounds": rounds, "receipt": None if receipt is None else to_plain(receipt)}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _markdown(view: View, look: Look) -> str:
    parts = [f"# {say('title', look.lang)}", f"> {say('not_a_device', look.lang)}"]
    for number, asked in enumerate(view.rounds, 1):
        parts.append(f"## {say('round', look.lang, n=number)}")
        parts.append(_quoted(asked.case.prompt))
        parts += [f"- {name}" for name in asked.images]
        for column in asked.columns:
            title = column.title.get(look.lang) or column.variant
            parts.append(f"### {title} · {hundred(value_of(column, look.profile))}")
            parts.append(_quoted(column.text or column.error or "–"))
        parts.append(_markdown_table(asked, look))
    return "\n\n".join(part for part in parts if part) + "\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _markdown_table(asked: Round, look: Look) -> str:
    columns = [c for c in asked.columns if c.sheet is not None]
    names = dict.fromkeys(name for c in columns if c.sheet for name in c.sheet.scores)
    rows = [["", *(c.variant for c in columns)], ["---"] * (len(columns) + 1)]
    for name in names:
        cells = [c.sheet.scores[name].value if c.sheet and name in c.sheet.scores else None for c in columns]
        rows.append([look.labels.get(name, name), *(hundred(value) for value in cells)])
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows) if columns else ""


def _html(view: View, receipt: Receipt | None, look: Look) -> str:
    style = (files("medeval.ui") / "style.css").read_text("utf-8")
    parts = []
    for asked in view.rounds:
        parts.append(f'<div class="me-prompt">{escape(asked.case.prompt)}</div>')
        parts.append(grid_of(asked, look) + scores_table(asked, look))
    last = view.rounds[-1].decoding if view.rounds else None
    parts.append(receipt_html(receipt, last, look))
    title, note = escape(say("title", look.lang)), escape(say("not_a_device", look.lang))
    body = "".join(parts)
    return (
        f'<!doctype html><html lang="{look.lang}"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>body{margin:2rem;background:#f5f9f8}'
        f'{style}</style><body class="me-page">{body}<p class="me-quiet">{note}</p></body></html>\n'
    )
