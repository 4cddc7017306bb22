"""What the pure HTML functions need to know about the desk: labels, badges, the state of the model."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from medeval.cases.schema import Case
from medeval.halves import NEXT
from medeval.metrics.profiles import Part, Profile, load_profiles
from medeval.metrics.score import all_metrics
from medeval.metrics.status import descriptive
from medeval.ui.cards import Look
from medeval.ui.desk import Desk, Loading
from medeval.ui.tables import badge
from medeval.ui.text import Lang, say
from medeval.ui.topics import by_topic
from medeval.ui.words import half

if TYPE_CHECKING:
    from medeval.engines.server.address import Address


def look_for(desk: Desk, lang: Lang, profile: str) -> Look:
    """How pages in `lang` show exchanges now."""
    loading = desk.loading()
    labels = {name: item.zh if lang == "zh" else item.en for name, item in all_metrics().items()}
    labels |= {name: f"{labels[name]} ({say('descriptive', lang)})" for name in descriptive() & labels.keys()}
    badges = {item.variant: badge(item, lang) for item in loading.receipt.variants} if loading.receipt else {}
    waiting = say("loading", lang, seconds=loading.seconds) if loading.state == "loading" else say("waiting", lang)
    falling = frozenset(name for name, item in all_metrics().items() if not item.higher_is_better)
    chosen = load_profiles().get(profile)
    return Look(
        lang, profile, labels, badges, desk.services.settings.is_demo, waiting,
        title_of(chosen, lang) if chosen else profile,
        {part.name: _part_title(part, labels, lang) for part in chosen.parts} if chosen else {},
        falling,
    )


def _part_title(part: Part, labels: Mapping[str, str], lang: Lang) -> str:
    """A part's name, with the metrics that make it up where they are several: one of them may bear its name."""
    title = part.zh if lang == "zh" else part.en
    if len(part.metrics) < 2:
        return title
    names = [labels.get(name, name) for name in part.metrics]
    return f"{title}（{'、'.join(names)}）" if lang == "zh" else f"{title} ({', '.join(names)})"


def title_of(profile: Profile, lang: Lang) -> str:
    """A profile's name for people."""
    return f"{profile.zh if lang == 'zh' else profile.en}"


def profile_choices(lang: Lang) -> list[tuple[str, str]]:
    """Choices of the profile box."""
    return [(title_of(profile, lang), name) for name, profile in load_profiles().items()]


def chips_html(desk: Desk, lang: Lang, picked: str) -> str:
    """The cases of the left rail as chips by topic; the red team and saved cases are folded."""
    groups = by_topic(desk.services.cases.cases.values())
    parts = []
    for topic, cases in groups.items():
        chips = "".join(_chip(case, lang, case.id == picked) for case in cases)
        label = escape(say(f"topic_{topic}", lang))
        if topic in ("redteam", "saved"):
            is_open = " open" if any(case.id == picked for case in cases) else ""
            parts.append(f'<details class="me-topic"{is_open}><summary>{label}</summary><div>{chips}</div></details>')
        else:
            parts.append(f'<div class="me-topic"><span>{label}</span><div>{chips}</div></div>')
    problems = len(desk.services.cases.problems)
    note = f'<p class="me-quiet">{escape(say("bad_cases", lang, n=problems))}</p>' if problems else ""
    body = "".join(parts) or f'<p class="me-quiet">{escape(say("no_cases", lang))}</p>'
    return f'<div class="me-cases"><h2>{escape(say("cases", lang))}</h2>{body}{note}</div>'


def chip_title(title: str) -> str:
    """A title without its topic, which the rail already says: "化验单：血常规" is "血常规" there."""
    short = title.replace("：", ":", 1).partition(":")[2].strip() or title
    return short[:1].upper() + short[1:]


def _chip(case: Case, lang: Lang, picked: bool) -> str:
    title = chip_title(case.title.text(lang)) or case.prompt[:18]
    name, state = escape(case.id, quote=True), "true" if picked else "false"
    return f'<button type="button" class="me-case" data-case="{name}" aria-pressed="{state}">{escape(title)}</button>'


def status_html(desk: Desk, lang: Lang) -> str:
    """One line on the model: what it is, where it is, and how far loading has come."""
    loading, server = desk.loading(), desk.services.server
    pill = _pill("demo_pill", say("demo_note", lang), lang) if desk.services.settings.is_demo else ""
    if server is not None and not server.loopback and not server.encrypted:
        pill = _pill("plain_pill", say("goes_plain", lang, host=server.host), lang)
    return f'<div class="me-status me-{loading.state}">{pill}{_state(loading, lang, server)}</div>'


def _pill(key: str, tip: str, lang: Lang) -> str:
    return f'<span class="me-pill" data-tip="{escape(tip, quote=True)}" tabindex="0">{escape(say(key, lang))}</span>'


def _state(loading: Loading, lang: Lang, server: "Address | None") -> str:
    if loading.state == "loading":
        text = escape(say("loading", lang, seconds=loading.seconds))
        return f'<i class="me-dot"></i><span>{text}</span><small>{escape(say("loading_hint", lang))}</small>'
    if loading.state == "failed":
        hint, why = escape(say("failed_hint", lang)), escape(half(loading.error, lang))
        again = f'<button type="button" class="me-again" data-do="retry">{escape(say("retry", lang))}</button>'
        return f'<b>{escape(say("failed", lang))}</b><span>{why}</span>{again}<small>{hint}</small>'
    receipt = loading.receipt
    facts = f"{receipt.engine} · {receipt.device} · {receipt.dtype}" if receipt else ""
    facts = facts if server is None else f"server · {server.host}"
    return f'<i class="me-ok"></i><span>{escape(say("ready", lang))}</span><small>{escape(facts)}</small>'


def brand_html(lang: Lang) -> str:
    """Name of the product with its one line."""
    return f'<div class="me-brand" lang="{lang}"><b>medeval</b><span>{escape(say("tagline", lang))}</span></div>'


def line_html(desk: Desk, lang: Lang) -> str:
    """The quiet line at the foot of every page; it also says where questions go, where they leave this machine."""
    server = desk.services.server
    sent = ""
    if server is not None and not server.loopback:
        sent = f" {say('goes_to' if server.encrypted else 'goes_plain', lang, host=server.host)}"
    return f'<p class="me-line">{escape(say("not_a_device", lang) + sent)}</p>'


def keys_html(lang: Lang) -> str:
    """The two keys, under the ask button."""
    return f'<p class="me-keys">{escape(say("keys", lang))}</p>'


def variant_choices(desk: Desk, lang: Lang) -> list[tuple[str, str]]:
    """Choices of the variant boxes with their truth badge; refused variants are left out."""
    receipt = desk.loading().receipt
    refused = receipt.refused if receipt else {}
    badges = {item.variant: badge(item, lang) for item in receipt.variants} if receipt else {}
    choices = []
    for name, variant in desk.services.variants().items():
        if name not in refused:
            title = variant.title(lang)
            label = title if name in title.lower().split() else f"{title} · {name}"
            choices.append((f"{label}  {badges.get(name, '')}".strip(), name))
    return choices


def refused_html(desk: Desk, lang: Lang) -> str:
    """Variants that the gate refused, each with its reasons."""
    receipt = desk.loading().receipt
    lines = []
    for name, reasons in (receipt.refused if receipt else {}).items():
        why = half(NEXT.join(reasons), lang)
        lines.append(f'<div class="me-error"><b>{escape(say("refused", lang, name=name))}</b> {escape(why)}</div>')
    return "".join(lines)


def exports_html(exchange_id: str, running: bool, lang: Lang, profile: str) -> str:
    """Links that download the exchange."""
    if running:
        return f'<div class="me-exports me-quiet">{escape(say("export_wait", lang))}</div>'
    links = "".join(
        f'<a href="export/{escape(exchange_id)}.{fmt}?lang={lang}&amp;profile={escape(profile)}" download>'
        f"{escape(say(f'exp_{fmt}', lang))}</a>"
        for fmt in ("md", "json", "html")
    )
    return f'<div class="me-exports"><span>{escape(say("export", lang))}</span>{links}</div>'
