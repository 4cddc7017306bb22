"""The About tab: what this is, where data goes, which metrics and variants there are, what needs correcting."""

from html import escape

from medeval import __version__
from medeval.metrics.score import Metric, all_metrics
from medeval.metrics.status import status_of
from medeval.settings import ROOT
from medeval.ui.cards import Look
from medeval.ui.desk import Desk
from medeval.ui.tables import receipt_html
from medeval.ui.text import Lang, say

PAGES = ROOT / "docs" / "metrics"

def about_html(desk: Desk, lang: Lang) -> str:
    """The whole tab as HTML; everything from files is escaped."""
    settings = desk.services.settings
    parts = [_section("about_what", _paragraph(say("about_text", lang)), lang)]
    if settings.is_demo:
        parts.append(_paragraph(say("demo_note", lang)))
    server = desk.services.server
    privacy = say("about_privacy_text", lang, home=settings.home)
    if server is not None and not server.loopback:
        privacy = say("about_privacy_server", lang, home=settings.home, host=server.host)
    parts.append(_section("about_privacy", _paragraph(privacy), lang))
    parts.append(_section("about_variants", _variants(desk, lang), lang))
    parts.append(_section("about_metrics", _metrics(lang), lang))
    problems = desk.services.cases.problems
    if problems:
        items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        parts.append(_section("about_problems", f"<ul>{items}</ul>", lang))
    parts.append(_paragraph(say("about_version", lang, version=__version__)))
    return f'<div class="me-about">{"".join(parts)}</div>'


def _section(title: str, body: str, lang: Lang) -> str:
    return f"<section><h2>{escape(say(title, lang))}</h2>{body}</section>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _metrics(lang: Lang) -> str:
    keys = ("about_metric_name", "about_metric_seed", "about_metric_status")
    head = "".join(f"<th>{escape(say(key, lang))}</th>" for key in keys)
    rows = "".join(
        f'<tr><th scope="row">{escape(item.zh if lang == "zh" else item.en)}</th>'
        f"<td>{escape(_looks_at(name, item, lang))}</td><td>{_status(name, lang)}</td></tr>"
        for name, item in all_metrics().items()
    )
    return f'<table class="me-table me-wide"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _status(name: str, lang: Lang) -> str:
    """Rated or descriptive, and what was measured."""
    found = status_of(name)
    words = {"rated": "status_rated", "descriptive": "status_descriptive"}
    measured = escape(found.zh if lang == "zh" else found.en)
    if found.status == "unmeasured":
        return measured or f'<span class="me-quiet">{escape(say("status_unmeasured", lang))}</span>'
    return f"<b>{escape(say(words[found.status], lang))}</b> {measured}"


def _looks_at(name: str, item: Metric, lang: Lang) -> str:
    """What a metric computes, in one sentence: of its page in Chinese, of its code in English."""
    page = PAGES / f"{name}.md"
    if lang == "zh" and page.is_file():
        lines = page.read_text(encoding="utf-8").splitlines()
        return lines[2] if len(lines) > 2 else item.seed
    lines = (getattr(item.function, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else item.seed


def _variants(desk: Desk, lang: Lang) -> str:
    items, receipt = [], desk.loading().receipt
    models = {item.variant: item.model for item in receipt.variants} if receipt else {}
    for name, variant in desk.services.variants().items():
        note = variant.stack[-1].note.get(lang, "") if variant.stack else ""
        stack = models.get(name) or " + ".join(["base", *(adapter.name for adapter in variant.stack)])
        title = escape(variant.title(lang))
        items.append(f"<li><b>{title}</b> <code>{escape(name)} = {escape(stack)}</code> {escape(note)}</li>")
    return f"<ul>{''.join(items)}</ul>{receipt_html(receipt, None, Look(lang))}"
