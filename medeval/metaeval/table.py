"""The terminal table: one line per row, wide characters counted as two."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from medeval.cases.schema import Language
from medeval.metaeval.wording import word

_MARK = {"met": "✓", "not met": "✗", "not enough data": "?", "reported": "·"}


def text_table(document: Mapping[str, Any], lang: Language) -> str:
    """Rows and metric standings as plain text.

    Args:
        document: of `document_of`.
        lang: of the words.
    """
    head = [word(key, lang) for key in ("row", "status", "measured", "interval", "n", "ties", "bar")]
    lines = _grid([head, *(_line(row, lang) for row in document["rows"])])
    rated = [
        f"{word(status, lang)}: {', '.join(names)}"
        for status in ("rated", "descriptive", "unmeasured")
        if (names := [m["metric"] for m in document["metrics"] if m["status"] == status])
    ]
    data = document["data"]
    counts = ", ".join(f"{data[key]} {word(key, lang)}" for key in ("answers", "claims", "notes"))
    return "\n".join([counts, "", *lines, "", *rated])


def _line(row: Mapping[str, Any], lang: Language) -> list[str]:
    low, high = row["low"], row["high"]
    interval = "" if low is None or row["kind"] == "speed" else f"{low:.3f}-{high:.3f}"
    return [
        row[lang], f"{_MARK[row['status']]} {word(row['status'], lang)}", number(row["value"], row["kind"]), interval,
        f"{row['n']}/{row['clusters']}", number(row["ties"]), bar(row),
    ]  # fmt: skip


def number(value: float | None, kind: str = "") -> str:
    """Three places; whole numbers for the speed; a dash for nothing."""
    if value is None:
        return "-"
    return f"{value:.0f}" if kind == "speed" else f"{value:.3f}"


def bar(row: Mapping[str, Any]) -> str:
    """The bar with its direction; empty where there is none."""
    if row["bar"] is None:
        return ""
    return f"{'≤' if row['at_most'] else '≥'} {row['bar']:g}"


def width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (space - width(cell)) for cell, space in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
