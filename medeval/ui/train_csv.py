"""Tables as links that download them as CSV, made on the page itself."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from html import escape


def csv_link(file: str, head: Sequence[str], rows: Iterable[Sequence[object]], words: str) -> str:
    """A link `words` that saves the table as `file`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    # the mark at the start makes Excel read UTF-8
    coded = base64.b64encode(("\ufeff" + out.getvalue()).encode()).decode()
    name = escape(file, quote=True)
    return f'<p class="me-exports"><a download="{name}" href="data:text/csv;base64,{coded}">{escape(words)}</a></p>'


def _cell(value: object) -> object:
    """Text that a spreadsheet takes for text and not for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "@", "+", "-") and not _number(value) else value


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
