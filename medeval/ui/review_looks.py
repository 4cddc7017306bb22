"""The Review tab as HTML: pure functions, everything from people and files escaped."""

from collections.abc import Sequence
from html import escape

from medeval.metrics.score import all_metrics
from medeval.review.agreement import Agreement, Correlation
from medeval.review.disagreement import Disagreement
from medeval.review.ranking import Ranked
from medeval.review.records import DIMENSIONS, Review, ReviewItem, ReviewSpec, Seat
from medeval.review.results import Progress, Summary, VariantMeans
from medeval.review.slots import places_for
from medeval.services.reviewing import ONLY_HERE, Plan
from medeval.ui.cards import hundred
from medeval.ui.text import Lang, say
from medeval.ui.words import half

_SCALES = {**{name: f"rv_{name}" for name in (*DIMENSIONS, "rank", "danger")}, "preference": "rv_preference"}
_KINDS = {
    "danger_missed": "rv_q_danger_missed", "danger_split": "rv_q_danger_split", "veto_only": "rv_q_veto_only",
    "rules_high": "rv_q_rules_high", "rules_low": "rv_q_rules_low", "reviewers": "rv_q_reviewers",
}  # fmt: skip
_QUEUE_SHOWN = 40
_NAMED_SHOWN = 20


def intro_html(lang: Lang, runs: bool) -> str:
    """The line on top of the tab, and what to do first where there is no run to review."""
    hint = "" if runs else f'<div class="me-hint me-note">{escape(say("rv_run_hint", lang))}</div>'
    return f'<div class="me-cases"><h2>{escape(say("rv_new", lang))}</h2></div>{_p(say("rv_intro", lang))}{hint}'


def plan_html(plan: Plan, lang: Lang) -> str:
    """What a review would hold and what its owner has to decide."""
    spec = plan.spec
    each = len(places_for(spec, spec.reviewers[0] if spec.reviewers else "·"))
    parts = [_p(say("rv_plan", lang, cases=len(spec.items), columns=len(spec.variants), each=each))]
    if plan.left_out:
        parts.append(_p(say("rv_plan_out", lang, cases=", ".join(plan.left_out))))
    if not plan.named:
        parts.append(_p(say("rv_plan_clean", lang)))
    else:
        parts.append(_p(say("rv_plan_named", lang, n=len(plan.named))))
        items = []
        for found in plan.named[:_NAMED_SHOWN]:
            answer = spec.item(found.case_id).cell(found.variant).answer
            text = "" if answer is None else answer.text
            before, after = text[max(0, found.start - 12) : found.start], text[found.end : found.end + 12]
            quote = f"…{escape(before)}<q>{escape(found.words)}</q>{escape(after)}…"
            items.append(f"<li>{escape(found.case_id)} · {escape(found.variant)}：{quote}</li>")
        parts.append(f"<ul>{''.join(items)}</ul>")
    return f'<div class="me-rv-plan">{"".join(parts)}</div>'


def list_html(
    found: Sequence[tuple[Review, Sequence[Seat], Sequence[Progress]]], lang: Lang, only_here: bool = False
) -> str:
    """Every review with its links and how far each reviewer is; `only_here` says that no other machine opens them."""
    if not found:
        return f'<p class="me-quiet">{escape(say("rv_none", lang))}</p>'
    head = f"<h2>{escape(say('rv_list', lang))}</h2>"
    if only_here:
        head += f'<p class="me-quiet" id="me-rv-here-only">{escape(half(ONLY_HERE, lang))}</p>'
    return f'<div class="me-rv-list">{head}{"".join(_review(*item, lang) for item in found)}</div>'


def _review(review: Review, seats: Sequence[Seat], progress: Sequence[Progress], lang: Lang) -> str:
    spec = review.spec
    facts = f"{review.id} · {len(spec.items)} × {', '.join(spec.variants)}"
    head = f"<h3>{escape(spec.title)}<small>{escape(facts)}</small></h3>"
    join = ""
    if not spec.reviewers:
        url, label = f"review/join/{escape(review.join, quote=True)}?lang={lang}", escape(say("rv_link_all", lang))
        join = f'<p><a href="{url}" target="_blank" rel="noreferrer" data-join="{escape(review.id)}">{label}</a> ' \
               f"{_copy(url, lang)}</p>"
    rows = "".join(_seat(seat, state, lang) for seat, state in zip(seats, progress, strict=True))
    return f'<div data-review="{escape(review.id)}">{head}{join}<ul>{rows}</ul></div>'


def _copy(url: str, lang: Lang) -> str:
    """A button that copies the whole link, to be sent to its reviewer (adapters.js)."""
    return f'<button type="button" class="me-ad-copy" data-copy="{url}">{escape(say("rv_copy", lang))}</button>'


def _seat(seat: Seat, state: Progress, lang: Lang) -> str:
    done = f" · {say('rv_finished', lang)}" if state.finished else ""
    url = f"review/{escape(seat.token, quote=True)}?lang={lang}"
    link = f'<a href="{url}" target="_blank" rel="noreferrer">{escape(say("rv_link", lang))}</a>{_copy(url, lang)}'
    return (
        f"<li><span>{escape(seat.reviewer)}</span><code>{state.done}/{state.total}{escape(done)}</code>{link}</li>"
    )


def results_html(summary: Summary, spec: ReviewSpec, lang: Lang) -> str:
    """The results of a review with names."""
    head = _p(say("rv_of_cases", lang, cases=summary.cases, ratings=summary.ratings))
    open_seats = [state.reviewer for state in summary.reviewers if not state.finished]
    if open_seats:
        note = say("rv_open_seats", lang, n=len(open_seats), names=", ".join(open_seats[:6]))
        head += f'<div class="me-hint me-note">{escape(note)}</div>'
    parts = [
        head,
        _section("rv_ranking", _ranking(summary.ranking, summary.variants, lang), lang),
        _section("rv_verdicts", _verdicts(summary, lang), lang),
        _section("rv_agreement", _agreements(summary.between, True, lang), lang),
    ]
    if summary.within:
        parts.append(_section("rv_within", _agreements(list(summary.within.values()), False, lang), lang))
    if summary.rules:
        note = _p(say("rv_rules_note", lang))
        parts.append(_section("rv_rules_title", note + _rules(summary.rules, lang), lang))
    parts.append(_section("rv_queue", _queue(summary, spec, lang), lang))
    return f'<div class="me-rv-results">{"".join(parts)}</div>'


def _ranking(ranked: Sequence[Ranked], means: Sequence[VariantMeans], lang: Lang) -> str:
    by_name = {item.variant: item for item in means}
    head = ["", "Elo", say("rv_h_wtl", lang), *(say(f"rv_{name}", lang) for name in DIMENSIONS),
            say("rv_h_danger", lang)]  # fmt: skip
    rows = []
    for item in ranked:
        mine = by_name[item.variant]
        scales = [found.means[name] for found in (mine,) for name in DIMENSIONS]
        cells = [_ranged(item.elo, item.low, item.high, 0), f"{item.wins} / {item.ties} / {item.losses}"]
        cells += [_ranged(s.mean, s.low, s.high, 1) if s else "–" for s in scales]
        rows.append((escape(item.variant), [*cells, f"{mine.dangers}/{mine.judged}"]))
    return _table(head, rows)


def _verdicts(summary: Summary, lang: Lang) -> str:
    lines = []
    for item in summary.verdicts:
        values: dict[str, object] = {"a": item.a, "b": item.b, "n": item.n}
        if item.verdict == "tied" or item.difference is None or item.low is None or item.high is None:
            lines.append(say("rv_tied", lang, **values))
        elif item.verdict == "better":
            values |= {"d": f"{item.difference:.2f}", "low": f"{item.low:.2f}", "high": f"{item.high:.2f}"}
            lines.append(say("rv_better", lang, **values))
        else:
            values |= {"d": f"{-item.difference:.2f}", "low": f"{-item.high:.2f}", "high": f"{-item.low:.2f}"}
            lines.append(say("rv_worse", lang, **values))
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _agreements(found: Sequence[Agreement], scales: bool, lang: Lang) -> str:
    head = [say("rv_h_scale", lang) if scales else "", "α", say("rv_h_units", lang)]
    rows = []
    for item in found:
        name = say(_SCALES[item.scale], lang) if scales else item.scale
        value = _ranged(item.alpha, item.low, item.high, 2)
        note = f" <small>{escape(half(item.note, lang))}</small>" if item.note else ""
        rows.append((escape(name), [value + note, f"{item.units} / {item.cases} / {item.raters}"]))
    return _table(head, rows)


def _rules(found: Sequence[Correlation], lang: Lang) -> str:
    against = list(dict.fromkeys(item.against for item in found))
    labels = {name: item.zh if lang == "zh" else item.en for name, item in all_metrics().items()}
    by_metric: dict[str, dict[str, Correlation]] = {}
    for item in found:
        by_metric.setdefault(item.metric, {})[item.against] = item
    rows = []
    for metric, mine in by_metric.items():
        if all(item.rho is None for item in mine.values()):  # one value everywhere: nothing to correlate
            continue
        name = say("rv_rules", lang) if metric.startswith("profile:") else labels.get(metric, metric)
        first = next(iter(mine.values()))
        rows.append((escape(name), [*(_rho(mine.get(key)) for key in against), f"{first.n} / {first.cases}"]))
    head = [say("rv_h_metric", lang), *(say(_SCALES[key], lang) for key in against), "n"]
    return _table(head, rows)


def _rho(item: Correlation | None) -> str:
    if item is None or item.rho is None:
        return "–"
    text = _ranged(item.rho, item.low, item.high, 2)
    sure = item.low is not None and item.high is not None and (item.low > 0 or item.high < 0)
    return text if sure else f'<span class="me-rv-grey">{text}</span>'


def _queue(summary: Summary, spec: ReviewSpec, lang: Lang) -> str:
    found: Sequence[Disagreement] = summary.disagreements
    if not found:
        return _p(say("rv_queue_none", lang))
    head = [say(key, lang) for key in ("rv_case", "rv_name", "rv_h_what", "rv_h_rules", "rv_h_people")]
    rows = []
    for item in found[:_QUEUE_SHOWN]:
        scale = say(_SCALES[item.dimension], lang) if item.dimension else ""
        what = say(_KINDS[item.kind], lang, scale=scale)
        shares = [hundred(item.rules), hundred(item.clinicians)]
        title = summary.titles[item.case_id][lang] or item.case_id
        opened = _opened(title, spec.item(item.case_id), item.variant)
        rows.append((opened, [escape(item.variant), escape(what), *shares]))
    return _table(head, rows)


def _opened(title: str, item: ReviewItem, variant: str) -> str:
    """The title of a case; pressed it shows the question and what that variant answered."""
    answer = item.cell(variant).answer
    images = "".join(f'<img src="image/{escape(name, quote=True)}" alt="" loading="lazy">' for name in item.images)
    return (
        f'<details><summary title="{escape(item.case.id, quote=True)}">{escape(title)}</summary>'
        f'<p class="me-quiet">{escape(item.case.prompt)}</p>{images}'
        f'<div class="me-text">{escape("" if answer is None else answer.text.strip())}</div></details>'
    )


def _ranged(value: float | None, low: float | None, high: float | None, digits: int) -> str:
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text if low is None or high is None else f"{text} <small>[{low:.{digits}f}, {high:.{digits}f}]</small>"


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A table; heads are escaped here, row names and cells are HTML already."""
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    table = f'<table class="me-table"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="me-scroll">{table}</div>'


def _section(key: str, body: str, lang: Lang) -> str:
    return f"<section><h2>{escape(say(key, lang))}</h2>{body}</section>"


def _p(text: str) -> str:
    return f'<p class="me-quiet">{escape(text)}</p>'
