"""What the image says: the rows that OCR read, beside the answers, with what must be looked at again marked."""

from collections.abc import Sequence
from html import escape
from typing import Any

from medeval.halves import NEXT
from medeval.services.images import ImageDesk
from medeval.ui.cards import Look
from medeval.ui.text import say
from medeval.ui.words import half

COLUMNS = ("says_name", "says_value", "says_flag", "says_unit", "says_range")


def says_html(images: ImageDesk, names: Sequence[str], reading: bool, look: Look) -> str:
    """A folded table per image that is a lab report; a quiet line while it is being read, and where none is one."""
    if reading:
        return f'<div class="me-hint me-note me-says-wait">{escape(say("says_reading", look.lang))}</div>'
    found = [says for name in names if (says := images.says(name)) is not None]
    reports = "".join(_table(says, look) for says in found if says["is_lab_report"])
    none = f'<div class="me-hint me-says-none">{escape(say("says_none", look.lang))}</div>' if found else ""
    return reports or none


def _table(says: dict[str, Any], look: Look) -> str:
    rows = says["rows"]
    doubtful = sum(row["low_confidence"] for row in rows)
    title = say("says_title", look.lang, n=len(rows))
    doubt = f' · <b class="me-unsure">{escape(say("says_doubtful", look.lang, n=doubtful))}</b>' if doubtful else ""
    head = "".join(f"<th>{escape(say(key, look.lang))}</th>" for key in COLUMNS)
    body = "".join(_row(row, look) for row in rows)
    warnings = "".join(f"<li>{escape(half(text, look.lang))}</li>" for text in says["warnings"])
    listed = f'<ul class="me-says-warnings">{warnings}</ul>' if warnings else ""
    return (
        f'<details class="me-says" open><summary>{escape(title)}{doubt}</summary>'
        f'<div class="me-scroll"><table class="me-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f'{listed}<div class="me-hint">{escape(say("says_note", look.lang))}</div></details>'
    )


def _row(row: dict[str, Any], look: Look) -> str:
    unsure = bool(row["low_confidence"])
    why = half(NEXT.join(row["doubts"]), look.lang) or say("says_unsure", look.lang)
    value = f'<td class="me-unsure" title="{escape(why, quote=True)}">{escape(row["value"])} ?</td>' if unsure else (
        f"<td>{escape(row['value'])}</td>"
    )  # fmt: skip
    name = row["name"] + (f" {row['abbr']}" if row["abbr"] else "")
    flag = {"↑": "me-high", "↓": "me-low"}.get(row["flag"], "")
    limits = f"{row['low']}–{row['high']}" if row["low"] and row["high"] else ""
    limits = limits or (f"<{row['high']}" if row["high"] else f">{row['low']}" if row["low"] else "")
    return (
        f'<tr><th scope="row">{escape(name)}</th>{value}<td class="{flag}">{escape(row["flag"])}</td>'
        f"<td>{escape(row['unit'])}</td><td>{escape(limits)}</td></tr>"
    )
