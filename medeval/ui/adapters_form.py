"""The fuse form of the Adapters tab: an order from its fields, and what is said of it before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from medeval.services.fuse_checks import free_bytes
from medeval.services.fusing import FuseOrder, Width
from medeval.training.disk import size_text
from medeval.ui.adapters_board import command_of, needed_bytes
from medeval.ui.adapters_view import line_html
from medeval.ui.text import Lang, say
from medeval.ui.words import half


def order_of(form: Sequence[Any], found: Sequence[Width]) -> FuseOrder | None:
    """The order that the fields name, in the order of the form; None where no variant is chosen."""
    variant, target, bits, measure, out, replace, deploy, home, publisher, name = form
    if not variant:
        return None
    kept = 16 if target == "transformers" or bits not in (16, 8, 4) else int(bits)
    others = (width.bits for width in found if width.bits not in (16, kept) and not width.missing)
    folder, chosen_home, chosen_publisher, chosen_name = (str(t or "").strip() for t in (out, home, publisher, name))
    return FuseOrder(
        str(variant), out=str(Path(folder).expanduser()) if folder else "", bits=kept,
        measure=tuple(others) if measure else (), replace=bool(replace), lmstudio=bool(deploy),
        lmstudio_home=chosen_home if deploy else "", publisher=chosen_publisher or FuseOrder("").publisher,
        name=chosen_name,
    )  # fmt: skip


def estimate_html(order: FuseOrder, default: Path, found: Sequence[Width], lang: Lang) -> tuple[str, bool]:
    """Size of the model and room on the disk; and whether it can be started."""
    if not found:
        return f'<p class="me-hint me-warn">{escape(say("ad_no_base", lang))}</p>', False
    sizes = " · ".join(say("ad_size_of", lang, bits=width.bits, size=size_text(width.bytes)) for width in found)
    need, free = needed_bytes(found, order.bits, order.measure), free_bytes(Path(order.out) if order.out else default)
    room = say("ad_space", lang, need=size_text(need), free=size_text(free))
    short = say("ad_no_space", lang) if need > free else ""
    missing = next((width.missing for width in found if width.bits == order.bits), "")
    warned = f'<p class="me-hint me-warn">{escape(half(missing, lang))}</p>' if missing else ""
    kind = "me-ad-short" if short else "me-quiet"
    said = f'<p class="me-quiet">{escape(sizes)}</p><p class="{kind}">{escape(short + room)}</p>'
    return f"{said}{warned}", not short and not missing


def command_html(order: FuseOrder, default: Path, lang: Lang) -> str:
    """The same order as a line to type."""
    line = line_html(command_of(order, Path(order.out) if order.out else default), lang)
    return f'<div class="me-ad-command"><span>{escape(say("ad_command", lang))}</span>{line}</div>'
