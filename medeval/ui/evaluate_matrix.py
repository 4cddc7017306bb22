"""The matrix of the Evaluate tab (cases × variants) and the answers behind one of its cells, as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from medeval.cases.schema import Case
from medeval.evaluation.records import Cell, RunCase
from medeval.evaluation.statistics import by_case
from medeval.evaluation.tables import RunTables
from medeval.metrics.composite import ScoreSheet
from medeval.ui import cards
from medeval.ui.exchange import Column, Round, View
from medeval.ui.tables import badge
from medeval.ui.text import Lang, say

DIFFERS = 0.1
"""Best and worst of a case this far apart count as different."""


@dataclass(frozen=True)
class Place:
    """One cell of the matrix: the shown value (mean over repeats) and what is wrong with it."""

    value: float | None
    asked: int
    failed: int
    vetoed: int


def _say(key: str, lang: Lang, **values: object) -> str:
    return escape(say(key, lang, **values), quote=True)


def places(tables: RunTables, metric: str) -> dict[tuple[str, str], Place]:
    """(case, variant) → place; `metric` empty is the profile's number."""
    if not metric:
        return {key: Place(m.value, m.asked, m.failed, m.vetoed) for key, m in tables.marks.items()}
    values: dict[str, dict[str, float]] = {}
    for name in tables.variants:
        scored = ((c.case_id, _of(c, metric)) for c in tables.cells if c.variant == name)
        values[name] = by_case((case_id, value) for case_id, value in scored if value is not None)
    vetoes = {(c.case_id, c.variant) for c in tables.cells if metric in c.scores and c.scores[metric].veto}
    return {
        (case_id, name): Place(values[name].get(case_id), m.asked, m.failed, int((case_id, name) in vetoes))
        for (case_id, name), m in tables.marks.items()
    }


def _of(cell: Cell, metric: str) -> float | None:
    return cell.scores[metric].value if metric in cell.scores else None


def matrix_html(tables: RunTables, metric: str, open_case: str, lang: Lang) -> str:
    """The filter bar and the table; filtering and sorting happen in the browser (evaluate.js)."""
    found = places(tables, metric)
    rows = "".join(_row(item, place, tables, found, open_case, lang) for place, item in enumerate(tables.cases))
    heads = "".join(
        f'<th scope="col"><button type="button" data-sort="{place}">{escape(name)}</button></th>'
        for place, name in enumerate(tables.variants)
    )
    means = "".join(f"<td>{_mean(found, tables, name)}</td>" for name in tables.variants)
    return (
        f'<section class="me-ev-matrix"><h2>{_say("ev_matrix", lang)}</h2>{_filters(tables.cases, found, lang)}'
        f'<div class="me-scroll"><table class="me-table me-ev-table"><thead><tr><th scope="col">'
        f'<button type="button" data-sort="case">{_say("ev_case", lang)}</button></th>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody><tfoot><tr class="me-sum"><th scope="row">{_say("ev_mean", lang)}</th>{means}</tr>'
        f'</tfoot></table></div><p class="me-quiet me-ev-none" hidden>{_say("ev_none_left", lang)}</p>'
        f'<p class="me-keys me-ev-help">{_say("ev_click", lang)}</p></section>'
    )


def _filters(cases: Sequence[RunCase], found: Mapping[tuple[str, str], Place], lang: Lang) -> str:
    tags = sorted({tag for item in cases for tag in item.case.suite})
    options = "".join(f'<option value="{escape(tag, quote=True)}">{escape(tag)}</option>' for tag in tags)
    pick = (
        f'<select data-tag aria-label="{_say("ev_filter_tag", lang)}"><option value="">{_say("ev_all_tags", lang)}'
        f"</option>{options}</select>"
    )
    counts = {
        "differs": sum(_differs([found[k] for k in found if k[0] == item.case.id]) for item in cases),
        "vetoed": len({case_id for (case_id, _), place in found.items() if place.vetoed}),
        "errors": len({case_id for (case_id, _), place in found.items() if place.failed}),
    }
    labels = {"differs": say("ev_differs", lang), "vetoed": say("ev_vetoed", lang), "errors": say("ev_errors", lang)}
    tips = {"differs": f' data-tip="{_say("ev_differs_tip", lang)}"'}
    chips = "".join(
        f'<button type="button" class="me-case" data-filter="{name}" aria-pressed="false"{tips.get(name, "")}>'
        f"{escape(labels[name])} {count}</button>"
        for name, count in counts.items()
    )
    return f'<div class="me-ev-filters">{pick}{chips}</div>'


def _differs(row: Sequence[Place]) -> bool:
    values = [place.value for place in row if place.value is not None]
    return len(values) > 1 and max(values) - min(values) >= DIFFERS - 1e-9


def _row(
    item: RunCase, place: int, tables: RunTables, found: Mapping[tuple[str, str], Place], open_case: str, lang: Lang
) -> str:
    case = item.case
    row = [found[case.id, name] for name in tables.variants]
    flags = {"differs": _differs(row), "vetoed": any(p.vetoed for p in row), "errors": any(p.failed for p in row)}
    said = "".join(f' data-{name}="1"' for name, there in flags.items() if there)
    title = case.title.text(lang) or case.id
    cells = "".join(_cell(p, case.id, lang) for p in row)
    current = ' aria-current="true"' if case.id == open_case else ""
    tags = escape(" ".join(case.suite), quote=True)
    name = escape(case.id, quote=True)
    return (
        f'<tr data-place="{place}" data-tags="{tags}" data-case="{name}"{said}{current}>'
        f'<th scope="row" title="{name}">{escape(title)}</th>{cells}</tr>'
    )


def _cell(place: Place, case_id: str, lang: Lang) -> str:
    shade = _shade(place)
    text = cards.hundred(place.value)
    if not place.asked:
        text = say("ev_not_asked", lang)
    elif place.failed == place.asked:
        text = f"⚠ {say('ev_error', lang)}"
    notes = [f"⚠ {say('ev_veto', lang)}"] if place.vetoed else []
    notes += [f"⚠ {say('ev_error', lang)}"] if 0 < place.failed < place.asked else []
    value = "" if place.value is None else f"{place.value:.4f}"
    more = f"<small>{escape(' '.join(notes))}</small>" if notes else ""
    return (
        f'<td data-value="{value}"><button type="button" class="me-ev-cell me-ev-{shade}" '
        f'data-open="{escape(case_id, quote=True)}"{"" if place.asked else " disabled"}>{escape(text)}{more}</button>'
        "</td>"
    )


def _shade(place: Place) -> str:
    if place.asked and place.failed == place.asked:
        return "error"
    if place.vetoed:
        return "low"
    if place.value is None:
        return "none"
    return "high" if place.value >= 0.75 else "mid" if place.value >= 0.4 else "low"


def _mean(found: Mapping[tuple[str, str], Place], tables: RunTables, name: str) -> str:
    values = [place.value for (_, variant), place in found.items() if variant == name and place.value is not None]
    return cards.hundred(sum(values) / len(values)) if values else "–"


def detail_html(
    tables: RunTables, cells: Sequence[Cell], repeat: int, images: tuple[str, ...],
    titles: Mapping[str, dict[str, str]], look: cards.Look, says: str = "",
) -> str:
    """The answers of one case side by side, as the Compare tab shows them, with where each came from.

    Args:
        tables: of the run.
        cells: of one case and one repeat, at least one.
        repeat: which, from 0.
        images: names of the cleaned images of the case.
        titles: variant → title by language.
        look: language, profile and labels.
        says: HTML of what the images say.
    """
    case = next(item.case for item in tables.cases if item.case.id == cells[0].case_id)
    badges = {item.variant: badge(item, look.lang) for item in tables.run.spec.receipt.variants}
    look = replace(look, badges=badges, demo=tables.run.spec.demo)
    shown = Round(case, tuple(_column(cell, titles) for cell in cells), tables.run.spec.decoding, "case", images)
    notes = _notes(tables.run.id, cells, look.lang)
    lines = f'<p class="me-quiet me-ev-notes">{escape(" · ".join(notes))}</p>' if notes else ""
    question = cards.question(View("", (shown,)), look, says)
    return f'<section class="me-ev-detail">{_repeats(tables, case, repeat, look.lang)}{question}{lines}' \
           f"{cards.grid_of(shown, look)}</section>"


def _repeats(tables: RunTables, case: Case, repeat: int, lang: Lang) -> str:
    count = tables.run.spec.repeats
    if count < 2:
        return ""
    name = escape(case.id, quote=True)
    return '<div class="me-ev-repeats">' + "".join(
        f'<button type="button" class="me-case" data-open="{name}" data-repeat="{number}" '
        f'aria-pressed="{"true" if number == repeat else "false"}">{_say("ev_repeat", lang, n=number + 1)}</button>'
        for number in range(count)
    ) + "</div>"


def _column(cell: Cell, titles: Mapping[str, dict[str, str]]) -> Column:
    title = titles.get(cell.variant, {})
    if cell.answer is None:
        return Column(cell.variant, title, "failed", error=cell.error or "")
    sheet = ScoreSheet(cell.scores, cell.profiles) if cell.scores else None
    return Column(cell.variant, title, "done", cell.answer.text, cell.answer, sheet, cell.error or "")


def _notes(run_id: str, cells: Sequence[Cell], lang: Lang) -> list[str]:
    """Which answers were taken over from where, and which needed more than one attempt."""
    origins: dict[str, list[str]] = {}
    for cell in cells:
        if cell.origin:
            origins.setdefault(cell.origin, []).append(cell.variant)
    sources = {run: say("ev_origin", lang, run=run) for run in origins} | {run_id: say("ev_origin_here", lang)}
    notes = [f"{', '.join(names)}: {sources[run]}" for run, names in origins.items()]
    return [*notes, *(f"{c.variant}: {say('ev_attempts', lang, n=c.attempts)}" for c in cells if c.attempts > 1)]
