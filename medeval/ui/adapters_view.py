"""The folder of adapters as HTML: the base on top, one row per adapter with its badge, details of the open one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from medeval.adapters.card import BaseMatch, Card
from medeval.engines.contract import Receipt
from medeval.fusion.serve import Command
from medeval.services.adapters import Examined
from medeval.ui.text import Lang, say
from medeval.ui.words import half

NONE = "–"
_MANY = 4


@dataclass(frozen=True)
class Opened:
    """What a page has open: an adapter, and a fuse job."""

    adapter: str = ""
    job: str = ""


@dataclass(frozen=True)
class Head:
    """What is said of the base."""

    base: str
    demo: bool
    folder: str
    fingerprint: str
    receipt: Receipt | None
    busy: bool = False
    served: bool = False
    """Whether a server holds the base."""


def head_html(head: Head, lang: Lang) -> str:
    """The base that every adapter is compared with."""
    pill = f'<span class="me-pill">{escape(say("demo_pill", lang))}</span>' if head.demo else ""
    facts = []
    if head.fingerprint:
        facts.append(f"{say('ad_print', lang)} {head.fingerprint.removeprefix('sha256:')[:12]}")
    if head.receipt is not None:
        known = (head.receipt.engine, head.receipt.device, head.receipt.dtype)
        facts.append(" · ".join(filter(None, known)))
    words = escape(say("ad_checking", lang))
    busy = f'<span class="me-ad-busy"><i class="me-dot"></i>{words}</span>' if head.busy else ""
    why = escape(say("ad_served" if head.served else "ad_no_base", lang))
    missing = "" if head.fingerprint else f'<p class="me-ev-note">{why}</p>'
    return (
        f'<div class="me-ad-head"><p><span>{escape(say("ad_base", lang))}</span> <b>{escape(head.base)}</b> {pill}'
        f" <small>{escape(' · '.join(facts))}</small>{busy}</p>"
        f'<p class="me-quiet">{escape(say("ad_folder", lang, path=head.folder))}</p>{missing}</div>'
    )


def table_html(
    rows: Sequence[Examined], opened: str, commands: Sequence[Command], folder: str, lang: Lang
) -> str:
    """One row per adapter; the open one is followed by its details, a refused one by every reason."""
    if not rows:
        return f'<p class="me-tr-empty">{escape(say("ad_none", lang, path=folder))}</p>'
    heads = [
        say("ad_name", lang), say("ad_gate", lang), say("ad_rank", lang), say("ad_dialect", lang),
        say("ad_lineage", lang), say("ad_size", lang), say("ad_for_base", lang), say("ad_change", lang),
    ]  # fmt: skip
    head = "".join(f'<th scope="col">{escape(words)}</th>' for words in heads)
    body = "".join(_row(row, heads, row.name == opened, commands, lang) for row in rows)
    table = f'<table class="me-table me-ad-table"><thead><tr>{head}</tr></thead>{body}</table>'
    return f'<div class="me-scroll">{table}</div>'


def _row(row: Examined, heads: Sequence[str], is_open: bool, commands: Sequence[Command], lang: Lang) -> str:
    name, card = escape(row.name, quote=True), row.card
    title = escape(title_of(row, lang))
    expanded = "true" if is_open else "false"
    cells = [
        badge_html(row, lang),
        NONE if card is None else f"{card.rank} × {card.scale:g}",
        NONE if card is None else escape(card.dialect),
        escape(lineage_text(row)),
        NONE if card is None else f"{card.megabytes:.1f} MB",
        _match(card, lang),
        _change(row, lang),
    ]
    labels = (escape(head, quote=True) for head in heads[1:])
    told = "".join(f'<td data-label="{label}">{cell}</td>' for label, cell in zip(labels, cells, strict=True))
    small = f"<small>{title}</small>" if title != name else ""
    first = (
        f'<th scope="row"><button type="button" aria-expanded="{expanded}"><i></i><b>{name}</b>{small}</button></th>'
    )
    reasons = _reasons(row, len(heads), lang) if row.problems else ""
    more = _details(row, len(heads), commands, lang) if is_open else ""
    return (
        f'<tbody class="me-ad-{row.state}" data-adapter="{name}">'
        f'<tr class="me-ad-row" data-do="open" data-name="{name}">{first}{told}</tr>{reasons}{more}</tbody>'
    )


def badge_html(row: Examined, lang: Lang) -> str:
    """The gate's result in one pill with its explanation."""
    if row.problems:
        words, tip = say("ad_refused", lang), say("ad_refused_tip", lang, n=len(row.problems))
    elif row.checked:
        words = say("ad_ok", lang, matched=row.matched, expected=row.expected)
        tip = say("ad_ok_tip", lang, matched=row.matched)
    elif row.probe is not None:
        words = say("ad_ok", lang, matched=row.probe.tensors_matched, expected=row.probe.tensors_expected)
        tip = say("ad_ok_tip", lang, matched=row.probe.tensors_matched)
    else:
        words, tip = say("ad_unknown", lang), say("ad_no_base", lang)
    return f'<span class="me-ad-badge" data-tip="{escape(tip, quote=True)}" tabindex="0">{escape(words)}</span>'


def title_of(row: Examined, lang: Lang) -> str:
    """What a person calls it, else its folder's name."""
    return (row.adapter.title.get(lang) if row.adapter is not None else "") or row.name


def offered(rows: Sequence[Examined], chosen: str | None, lang: Lang) -> dict[str, Any]:
    """Choices of the fuse form: usable variants, and which of them is chosen."""
    choices = [(f"{row.name} · {title_of(row, lang)}", row.name) for row in rows if row.usable]
    names = [name for _, name in choices]
    return {"choices": choices, "value": chosen if chosen in names else names[-1] if names else None}


def lineage_text(row: Examined) -> str:
    """`v3 ← v2`: what it was trained on, nearest first; the base where nothing is below."""
    if row.adapter is None:
        return NONE
    below = [name for name in reversed(row.stack) if name != row.name] or list(row.adapter.trained_on)
    return " ← ".join([row.name, *below]) if below else "base"


def match_words(match: BaseMatch, lang: Lang) -> str:
    """How sure it is that it was trained on this base, in two words."""
    words: dict[BaseMatch, str] = {
        "proven": say("ad_proven", lang), "other": say("ad_other", lang), "name agrees": say("ad_agrees", lang),
        "name differs": say("ad_differs", lang), "not recorded": say("ad_not_recorded", lang),
    }  # fmt: skip
    return words[match]


def _match(card: Card | None, lang: Lang) -> str:
    from medeval.adapters.card import BASE_WORDS

    if card is None:
        return NONE
    kind = card.base_match.replace(" ", "-")
    tip = escape(half(BASE_WORDS[card.base_match], lang), quote=True)
    words = escape(match_words(card.base_match, lang))
    return f'<span class="me-ad-base-{kind}" data-tip="{tip}" tabindex="0">{words}</span>'


def _change(row: Examined, lang: Lang) -> str:
    if row.problems:
        return NONE
    if row.probe is None or row.probe.logit_change is None:
        return f'<span class="me-none">{escape(say("ad_not_loaded", lang))}</span>'
    return f"{row.probe.logit_change:.3g}"


def reasons_html(problems: Sequence[str], lang: Lang) -> str:
    """Every reason of a refusal, in the language of the page; one that holds for many tensors is said once."""
    groups: dict[str, list[str]] = {}
    for problem in problems:
        said = half(problem, lang)
        place, _, reason = said.rpartition(": ")
        groups.setdefault(reason if place else said, []).append(said)
    listed = "".join(_reason(reason, lines, lang) for reason, lines in groups.items())
    return f'<ul class="me-ad-reasons">{listed}</ul>'


def _reason(reason: str, lines: Sequence[str], lang: Lang) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    if len(lines) < _MANY:
        return items
    title = escape(say("ad_same_reason", lang, reason=reason, n=len(lines)))
    return f"<li><details><summary>{title}</summary><ul>{items}</ul></details></li>"


def _reasons(row: Examined, span: int, lang: Lang) -> str:
    return f'<tr class="me-ad-why"><td colspan="{span}">{reasons_html(row.problems, lang)}</td></tr>'


def _details(row: Examined, span: int, commands: Sequence[Command], lang: Lang) -> str:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(row, lang) if value)
    return (
        f'<tr class="me-ad-more"><td colspan="{span}"><dl class="me-facts">{facts}</dl>'
        f"{_doing(row, lang)}{commands_html(commands, lang)}</td></tr>"
    )


def _facts(row: Examined, lang: Lang) -> list[tuple[str, str]]:
    adapter, card, probe = row.adapter, row.card, row.probe
    facts: list[tuple[str, str]] = []
    if adapter is not None:
        facts.append((say("ad_note", lang), adapter.note.get(lang, "")))
    if card is not None:
        facts += _card_facts(card, lang)
    if probe is not None and probe.logit_change is not None:
        stack, value = " + ".join(["base", *row.stack]), f"{probe.logit_change:.3g}"
        facts.append((say("ad_probe", lang), say("ad_probe_text", lang, value=value, stack=stack)))
        runs = say("ad_switched", lang, why=probe.why_switched) if probe.mode == "switched" else say("ad_batched", lang)
        facts.append((say("ad_mode", lang), runs))
    if card is not None:
        facts += [
            (say("ad_labels", lang), ", ".join(card.labels)),
            (say("ad_generation", lang), _settings(card.generation)),
            *((say("ad_note", lang), half(note, lang)) for note in card.notes),
            (say("ad_hash", lang), card.sha256.removeprefix("sha256:")),
            (say("ad_path", lang), card.path),
        ]
    elif adapter is not None:
        facts.append((say("ad_path", lang), str(adapter.path)))
    return facts


def _card_facts(card: Card, lang: Lang) -> list[tuple[str, str]]:
    from medeval.adapters.card import BASE_WORDS

    finite = "" if card.finite is None else say("ad_yes", lang) if card.finite else say("ad_no", lang)
    norm = "" if card.norm_b is None else say("ad_norm_text", lang, value=f"{card.norm_b:.3g}")
    base = half(BASE_WORDS[card.base_match], lang)
    several = len(card.ranks) > 1
    return [
        (say("ad_targets", lang), ", ".join(f"{name} ×{count}" for name, count in card.targets.items())),
        (say("ad_whole", lang), ", ".join(card.whole)),
        (say("ad_producer", lang), f"{card.producer} · {card.dialect}"),
        (say("ad_ranks", lang), ", ".join(map(str, card.ranks)) if several else ""),
        (say("ad_scales", lang), ", ".join(f"{scale:g}" for scale in card.scales)),
        (say("ad_parameters", lang), f"{card.parameters:,}"),
        (say("ad_recorded", lang), f"{card.base} · {base}" if card.base else base),
        (say("ad_finite", lang), finite),
        (say("ad_norm", lang), norm),
    ]


def _settings(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())


def _doing(row: Examined, lang: Lang) -> str:
    if not row.usable or row.card is None:
        return ""
    name, parts = escape(row.name, quote=True), []
    parts.append(
        f'<button type="button" class="me-ad-main" data-do="choose" data-name="{name}">'
        f"{escape(say('ad_fuse_this', lang))}</button>"
    )
    if row.card.targets:
        to = "mlx" if row.card.dialect == "peft" else "peft"
        label, words = escape(say("ad_convert_name", lang)), escape(say("ad_convert", lang, to=to))
        parts.append(
            f'<span class="me-ad-form" data-form><input type="text" data-field="value" maxlength="64"'
            f' value="{name}-{to}" aria-label="{label}">'
            f'<button type="button" data-do="convert" data-name="{name}" data-to="{to}">{words}</button></span>'
        )
    return f'<div class="me-ad-do">{"".join(parts)}</div>'


def commands_html(commands: Sequence[Command], lang: Lang) -> str:
    """Lines to copy, one per tool, or why there is none."""
    if not commands:
        return ""
    tools = {"mlx": "MLX", "vllm": "vLLM", "transformers": "transformers", "gguf": "GGUF"}
    items = []
    for command in commands:
        kind = say("ad_tool_adapter", lang) if command.what == "adapter" else ""
        tool = escape(" · ".join(filter(None, (tools.get(command.tool, command.tool), kind))))
        words = escape(command.zh if lang == "zh" else command.en)
        told = line_html(command.line, lang) if command.line else f'<p class="me-quiet">{words}</p>'
        items.append(f"<dt>{tool}</dt><dd>{told}</dd>")
    return (
        f'<div class="me-ad-serve"><h4>{escape(say("ad_serve", lang))}</h4>'
        f'<dl class="me-facts">{"".join(items)}</dl></div>'
    )


def line_html(line: str, lang: Lang) -> str:
    """One command with a button that copies it."""
    return (
        f'<span class="me-ad-line"><code>{escape(line)}</code><button type="button" class="me-ad-copy">'
        f"{escape(say('ad_copy', lang))}</button></span>"
    )
