"""The centre of the Compare tab as HTML: pure functions from a `View` to text in which everything is escaped.

Text of models, people and files passes `html.escape` (or `marks.marked`, which does) before it enters a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from medeval.halves import NEXT
from medeval.metrics.score import Score
from medeval.services.images import BLURRED
from medeval.ui.exchange import Column, Round, View
from medeval.ui.marks import marked, part, pieces_of
from medeval.ui.text import Lang, say
from medeval.ui.words import half

_THINK_END = "</think>"
_LEVELS = ((0.8, "high"), (0.5, "mid"), (0.0, "low"))


@dataclass(frozen=True)
class Look:
    """How to show: language, the profile that gives the big number, labels of metrics, badges of variants."""

    lang: Lang = "zh"
    profile: str = "v3"
    labels: Mapping[str, str] = field(default_factory=dict)
    badges: Mapping[str, str] = field(default_factory=dict)
    demo: bool = False
    waiting: str = ""
    profile_title: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Labels of the profile's parts."""
    falling: frozenset[str] = frozenset()
    """Metrics of which less is better."""


def question(view: View, look: Look, says: str = "") -> str:
    """The question on top: images, text, the notes that belong to it, and `says`, HTML of what the images say."""
    now = view.rounds[-1]
    pictures = "".join(
        f'<button type="button" class="me-pic" aria-label="{_say("zoom", look)}">'
        f'<img src="image/{escape(name, quote=True)}" alt="" loading="lazy"></button>'
        for name in now.images
    )
    title = "" if now.kind == "follow" else now.case.title.text(look.lang)
    head = f'<div class="me-title">{escape(title)}</div>' if title else ""
    notes = "".join(f'<div class="me-hint me-{kind}">{escape(text)}</div>' for kind, text in _notes(view, now, look))
    body = f'<div class="me-prompt">{escape(now.case.prompt)}</div>'
    side = f'<div class="me-pics">{pictures}</div>' if pictures else ""
    return f'<section class="me-question">{side}<div class="me-asked">{head}{body}{notes}{says}</div></section>'


def _notes(view: View, now: Round, look: Look) -> list[tuple[str, str]]:
    notes = [("note" if text == BLURRED else "warn", half(text, look.lang)) for text in now.notes]
    if view.startup:
        notes.append(("note", say("startup_note" if look.demo else "startup_note_real", look.lang)))
    if now.images and look.demo and now.kind != "case":
        notes.append(("note", say("real_image", look.lang)))
    if now.kind == "free":
        notes.append(("note", say("free_note", look.lang)))
        if rows := now.case.expect.lab_rows:
            notes.append(("note", say("says_scored", look.lang, n=len(rows))))
    if now.kind == "follow":
        notes.append(("note", say("follow_note", look.lang)))
    return notes


def earlier(view: View, look: Look) -> str:
    """Earlier rounds, folded: question and the plain answers in columns."""
    parts = []
    for number, past in enumerate(view.rounds[:-1], 1):
        label = escape(f"{say('round', look.lang, n=number)} · {past.case.prompt}")
        parts.append(f'<details class="me-past"><summary>{label}</summary>{grid_of(past, look)}</details>')
    return "".join(parts)


def grid(view: View, look: Look) -> str:
    """One card per variant of the newest round."""
    return grid_of(view.rounds[-1], look)


def grid_of(shown: Round, look: Look) -> str:
    """One card per variant of one round."""
    base = next((c for c in shown.columns if c.variant == "base"), None)
    cards = "".join(card(column, base, look) for column in shown.columns)
    return f'<div class="me-grid" style="--n:{len(shown.columns)}">{cards}</div>'


def card(column: Column, base: Column | None, look: Look) -> str:
    """One variant: name and badge, score, answer with evidence, chips, speed."""
    title = column.title.get(look.lang) or column.variant
    badge = look.badges.get(column.variant, "")
    plain = "" if badge else " me-plain"
    unadapted = say("no_adapter", look.lang) if column.variant == "base" else ""
    mark = f'<span class="me-badge{plain}">{escape(badge or unadapted)}</span>'
    named = column.variant in title.lower().split()
    code = "" if named else f'<span class="me-code">{escape(column.variant)}</span>'
    head = f"<header><h3>{escape(title)}</h3>{code}{mark}</header>"
    vetoed = _vetoed(column, look)
    kind = f"me-card me-{column.status}" + (" me-vetoed" if vetoed else "")
    parts = [head, _total(column, base, look), _veto(column, look) if vetoed else "", _answer(column, look)]
    parts += [_chips(column, look), _foot(column, look)]
    variant = escape(column.variant, quote=True)
    return f'<article class="{kind}" data-variant="{variant}">{"".join(parts)}</article>'


def _vetoed(column: Column, look: Look) -> bool:
    if column.sheet is None:
        return False
    profile = column.sheet.profiles.get(look.profile)
    return any(score.veto for score in column.sheet.scores.values()) or bool(profile and profile.vetoed)


def _veto(column: Column, look: Look) -> str:
    assert column.sheet is not None
    reasons = [s.reason for s in column.sheet.scores.values() if s.veto]
    text = half(NEXT.join(dict.fromkeys(reasons)), look.lang) or say("danger_note", look.lang)
    return f'<div class="me-danger" role="alert"><b>⚠ {_say("danger", look)}</b> {escape(text)}</div>'


def value_of(column: Column | None, profile: str) -> float | None:
    """The profile score of a column in [0, 1], or None."""
    if column is None or column.sheet is None or profile not in column.sheet.profiles:
        return None
    return column.sheet.profiles[profile].value


def _total(column: Column, base: Column | None, look: Look) -> str:
    if column.status != "done":
        state = "streaming" if column.status == "streaming" else "waiting"
        text = "" if column.status == "failed" else _say(state, look)
        dot = "" if column.status == "failed" else '<i class="me-dot"></i>'
        return f'<div class="me-total me-pending">{dot}{text}</div>'
    value = value_of(column, look.profile)
    if value is None:
        return f'<div class="me-total"><span class="me-none">–</span><small>{_say("not_scored", look)}</small></div>'
    tip = _profile_tip(column, look)
    number = f'<span class="me-big" data-tip="{tip}" tabindex="0">{hundred(value)}</span>'
    relevance = column.sheet.scores.get("relevance") if column.sheet else None
    aside = relevance is not None and relevance.keeps < 1
    off_topic = f'<small class="me-down">{_say("off_topic", look)}</small>' if aside else ""
    return f'<div class="me-total">{number}{_delta(column, base, value, look)}{off_topic}</div>'


def _delta(column: Column, base: Column | None, value: float, look: Look) -> str:
    other = value_of(base, look.profile)
    if base is None or other is None or column.variant == base.variant:
        return ""
    change = _points(value) - _points(other)
    if change == 0:
        return f'<small class="me-same">{_say("same_as_base", look)}</small>'
    kind, sign = ("me-up", "+") if change > 0 else ("me-down", "−")
    text = escape(say("against_base", look.lang, delta=f"{sign}{abs(change)}"))
    return f'<small class="{kind}">{text}</small>'


def _profile_tip(column: Column, look: Look) -> str:
    assert column.sheet is not None
    found = column.sheet.profiles[look.profile]
    lines = [f"{look.parts.get(name, name)} {hundred(value)}" for name, value in found.parts.items()]
    return escape("\n".join([look.profile_title, *lines, half(found.note, look.lang)]).strip(), quote=True)


def _answer(column: Column, look: Look) -> str:
    if column.status == "failed":
        text = f'<div class="me-text">{escape(column.text)}</div>' if column.text else ""
        reason = escape(half(column.error, look.lang))
        return f'{text}<div class="me-error"><b>{_say("answer_failed", look)}</b> {reason}</div>'
    if column.status == "waiting":
        return f'<div class="me-text me-skeleton"><i></i><i></i><i></i><span>{escape(look.waiting)}</span></div>'
    if column.status == "streaming":
        return f'<div class="me-text">{escape(column.text)}<span class="me-caret"></span></div>'
    if not column.text.strip():
        return f'<div class="me-text me-none">{_say("empty_answer", look)}</div>'
    return _finished(column, look)


def _finished(column: Column, look: Look) -> str:
    text = column.text
    found = pieces_of(text, column.sheet.scores if column.sheet else {}, look.labels, look.lang)
    end = text.find(_THINK_END)
    if not text.lstrip().startswith("<think>") or end < 0:
        return f'<div class="me-text">{marked(found)}</div>'
    start = text.index("<think>") + len("<think>")
    said = end + len(_THINK_END)
    said += len(text[said:]) - len(text[said:].lstrip())
    thought = f'<details class="me-think"><summary>{_say("thinking", look)}</summary>'
    thought += f'<div class="me-text">{marked(part(found, start, end))}</div></details>'
    return f'{thought}<div class="me-text">{marked(part(found, said))}</div>'


def _chips(column: Column, look: Look) -> str:
    """Metrics that lost points as chips, full marks folded into one, so that trouble stands out."""
    if column.sheet is None:
        return ""
    lost: list[str] = []
    full: list[str] = []
    for name, score in dangers_first({n: s for n, s in column.sheet.scores.items() if s.value is not None}):
        perfect = hundred(score.value) == ("0" if name in look.falling else "100") and not score.veto
        (full if perfect else lost).append(_chip(name, score, look))
    folded = ""
    if full:
        label = escape(say("full_marks", look.lang, n=len(full)))
        folded = f'<details class="me-full"><summary class="me-chip me-high">{label}</summary>'
        folded += f'<div class="me-chips">{"".join(full)}</div></details>'
    return f'<div class="me-chips">{"".join(lost)}{folded}</div>' if lost or full else ""


def dangers_first(scores: Mapping[str, Score]) -> list[tuple[str, Score]]:
    """Scores in the order of the chips: dangers first, otherwise as the metrics come."""
    return sorted(scores.items(), key=lambda item: not item[1].veto)


def _chip(name: str, score: Score, look: Look) -> str:
    tip = escape(half(score.reason, look.lang), quote=True)
    label, kind = escape(look.labels.get(name, name)), _level(score, name in look.falling)
    return f'<span class="me-chip me-{kind}" data-tip="{tip}" tabindex="0">{label} <b>{hundred(score.value)}</b></span>'


def _level(score: Score, falling: bool) -> str:
    if score.veto:
        return "low"
    value = score.value or 0.0
    value = 1 - value if falling else value
    return next(name for floor, name in _LEVELS if value >= floor)


def _foot(column: Column, look: Look) -> str:
    answer = column.answer
    if answer is None:
        return ""
    parts = []
    if answer.finish_reason == "recorded":
        parts.append(say("recorded", look.lang))
    elif answer.seconds > 0:
        key = "tokens_s_about" if answer.tokens_estimated else "tokens_s"
        parts.append(say(key, look.lang, n=answer.tokens, speed=f"{answer.tokens / answer.seconds:.0f}"))
    if answer.finish_reason == "cancelled":
        parts.append(say("stopped", look.lang))
    if answer.finish_reason == "length":
        parts.append(say("cut", look.lang))
    return f"<footer>{escape(' · '.join(parts))}</footer>"


def hundred(value: float | None) -> str:
    """A value in [0, 1] as 0–100; – for unscored."""
    return "–" if value is None else str(_points(value))


def _points(value: float) -> int:
    return round(value * 100)


def _say(key: str, look: Look) -> str:
    return escape(say(key, look.lang), quote=True)
