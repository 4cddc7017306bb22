"""The Data tab as HTML: what data holds, lengths, problems line by line, overlap with the suites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from medeval.services.datasets import CheckState
from medeval.training.data import Problem
from medeval.training.data_check import DataReport
from medeval.training.data_overlap import Overlap
from medeval.training.data_prepare import Prepared
from medeval.ui import train_plot as plot
from medeval.ui.text import TEXT, Lang, say
from medeval.ui.train_csv import csv_link
from medeval.ui.words import half

SHOWN = 200


def state_html(state: CheckState | None, lang: Lang) -> str:
    """A check or a preparation as it stands."""
    if state is None:
        return f'<p class="me-tr-empty">{escape(say("da_none", lang))}</p>'
    if state.state == "running":
        return _running(state, lang)
    if state.state == "failed":
        lines = "".join(f"<p>{escape(half(line, lang))}</p>" for line in state.error.splitlines()[:20])
        return f'<div class="me-error">{escape(say("da_failed", lang, name=state.name))}{lines}</div>'
    if state.prepared is not None:
        return prepared_html(state.name, state.prepared, lang)
    return report_html(state, lang) if state.report is not None else ""


def _running(state: CheckState, lang: Lang) -> str:
    if not state.total:
        words = say("da_reading", lang, name=state.name)
    elif state.kind == "prepare":
        words = say("da_preparing", lang, name=state.name, done=state.done, total=state.total)
    else:
        words = say("da_running", lang, name=state.name, done=state.done, total=state.total)
    share = 100 * state.done / state.total if state.total else 0
    return (
        f'<div class="me-ev-line"><p class="me-tr-wait"><i class="me-dot"></i>{escape(words)}</p>'
        f'<div class="me-ev-bar"><i style="width:{share:.0f}%"></i></div></div>'
    )


def report_html(state: CheckState, lang: Lang) -> str:
    """A whole report."""
    report = state.report
    assert report is not None
    parts = [_verdict(state.name, report, lang)]
    parts.append(f'<div class="me-da-two">{_holds(report, lang)}{_lengths(report, lang)}</div>')
    parts += [problems_html(report.problems, lang), overlap_html(report.overlaps, lang)]
    return f'<div class="me-da">{"".join(parts)}</div>'


def _verdict(name: str, report: DataReport, lang: Lang) -> str:
    errors = sum(problem.level == "error" for problem in report.problems)
    warnings = len(report.problems) - errors
    look = "me-da-good" if report.ok else "me-da-bad"
    words = say("da_fine", lang) if report.ok else say("da_bad", lang, n=errors)
    counts = [say("da_samples", lang, n=sum(report.sizes.values())), say("da_images", lang, n=report.images)]
    if report.pairs:
        counts.append(say("da_pairs", lang, n=report.pairs))
    if warnings:
        counts.append(say("da_warnings", lang, n=warnings))
    notes = "".join(f'<p class="me-quiet">{escape(half(note, lang))}</p>' for note in report.notes)
    return (
        f'<section class="me-da-verdict {look}"><h2>{escape(name)}</h2><p><b>{escape(words)}</b> '
        f"{escape(' · '.join(counts))}</p>{notes}"
        f'<p class="me-quiet">{escape(say("da_use", lang))} <code>{escape(report.source)}</code></p></section>'
    )


def _holds(report: DataReport, lang: Lang) -> str:
    tables = [(say("da_split", lang), report.sizes)]
    titles = {
        "modality": say("da_modality", lang), "pool": say("da_pool", lang), "dimension": say("da_dimension", lang),
        "risk_level": say("da_risk_level", lang), "specialty": say("da_specialty", lang),
    }  # fmt: skip
    tables += [(titles.get(name, name), table) for name, table in report.kinds.items()]
    most = max((count for _, table in tables for count in table.values()), default=1)
    body = "".join(_bars(title, table, most, lang) for title, table in tables)
    return f'<section class="me-da-box"><h2>{escape(say("da_holds", lang))}</h2>{body}</section>'


def _bars(title: str, table: Mapping[str, int], most: int, lang: Lang) -> str:
    rows = "".join(
        f"<dt>{escape(say('da_undeclared', lang) if name == '-' else name)}</dt>"
        f'<dd><i style="width:{100 * count / max(1, most):.1f}%"></i><span>{count}</span></dd>'
        for name, count in table.items()
    )
    return f'<h3>{escape(title)}</h3><dl class="me-da-bars">{rows}</dl>'


def _lengths(report: DataReport, lang: Lang) -> str:
    if not report.lengths:
        return ""
    last, most = report.lengths[-1][1], max(count for *_, count in report.lengths)
    panel = plot.Panel(40, 12, 470, 170, (0, float(last)), (0.0, most * 1.08))
    bars = ""
    for low, high, count in report.lengths:
        left, top = panel.at((low, count))
        right, _ = panel.at((high, 0))
        over = " me-da-over" if low >= report.max_length else ""
        tip = escape(say("da_bar", lang, low=low, high=high - 1, n=count), quote=True)
        size = f'width="{max(1.0, right - left - 1.5):.1f}" height="{panel.bottom - top:.1f}"'
        bars += f'<rect class="me-da-hist{over}" x="{left:.1f}" y="{top:.1f}" {size} data-tip="{tip}"/>'
    if report.max_length <= last:
        x, _ = panel.at((report.max_length, 0))
        words = plot.text(x - 4, 22, say("da_limit", lang, n=report.max_length), "me-axis", "end")
        bars += f'<line class="me-da-limit" x1="{x:.1f}" x2="{x:.1f}" y1="12" y2="{panel.bottom}"/>{words}'
    drawing = plot.svg(
        520, 206, plot.grid(panel, 4) + bars + plot.steps_axis(panel), say("da_lengths", lang), "me-tr-svg me-tr-small"
    )
    longest = escape(say("da_longest", lang, n=report.longest, limit=report.max_length))
    title = escape(say("da_lengths", lang))
    return f'<section class="me-da-box"><h2>{title}</h2><p class="me-quiet">{longest}</p>{drawing}</section>'


def problems_html(problems: Sequence[Problem], lang: Lang) -> str:
    """Every problem with its place, the kinds counted on top."""
    title = f"<h2>{escape(say('da_problems', lang))}</h2>"
    if not problems:
        return _empty(title, say("da_no_problems", lang))
    counted = Counter(problem.kind for problem in problems)
    chips = "".join(
        f'<span class="me-chip me-mid">{escape(_kind(kind, lang))} <b>{n}</b></span>'
        for kind, n in counted.most_common()
    )
    rows = "".join(
        f'<tr class="me-da-{problem.level}"><th scope="row">{escape(problem.file)}'
        f"{f':{problem.line}' if problem.line else ''}</th><td>{escape(half(problem.text, lang))}</td></tr>"
        for problem in problems[:SHOWN]
    )
    more = f'<p class="me-quiet">{escape(say("da_more", lang, n=SHOWN))}</p>' if len(problems) > SHOWN else ""
    head = f"<tr><th>{escape(say('da_line', lang))}</th><th>{escape(say('da_what', lang))}</th></tr>"
    return (
        f'<section class="me-da-box">{title}<div class="me-chips">{chips}</div><div class="me-scroll me-da-tall">'
        f'<table class="me-table me-wide"><thead>{head}</thead><tbody>{rows}</tbody></table></div>{more}'
        f"{_export(problems, lang)}</section>"
    )


def _kind(kind: str, lang: Lang) -> str:
    key = f"da_k_{kind}"
    return say(key, lang) if key in TEXT else kind


def _empty(title: str, words: str) -> str:
    return f'<section class="me-da-box">{title}<p class="me-quiet">{escape(words)}</p></section>'


def _export(problems: Sequence[Problem], lang: Lang) -> str:
    rows = [(p.file, p.line, p.level, p.kind, p.text) for p in problems]
    return csv_link("problems.csv", ("file", "line", "level", "kind", "text"), rows, say("da_export", lang))


def overlap_html(overlaps: Sequence[Overlap], lang: Lang) -> str:
    """Samples that ask what a test case asks."""
    title = f"<h2>{escape(say('da_overlap', lang))}</h2>"
    if not overlaps:
        return _empty(title, say("da_no_overlap", lang))
    heads = (say("da_line", lang), say("da_case", lang), say("da_suites", lang), say("da_similar", lang))
    head = "".join(f"<th>{escape(words)}</th>" for words in heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(o.sample)}</th><td>{escape(o.case)}</td><td>{escape(", ".join(o.suites))}</td>'
        f"<td>{escape(say('da_by_image', lang) if o.by == 'image' else f'{o.similarity:.2f}')}</td></tr>"
        for o in overlaps[:SHOWN]
    )
    return (
        f'<section class="me-da-box">{title}<div class="me-scroll me-da-tall"><table class="me-table me-wide">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def prepared_html(name: str, done: Prepared, lang: Lang) -> str:
    """What a preparation wrote and left out."""
    reasons = {
        "bad_line": say("da_why_bad_line", lang), "duplicate": say("da_why_duplicate", lang),
        "identifier": say("da_why_identifier", lang), "overlap": say("da_why_overlap", lang),
        "image": say("da_why_image", lang), "mix": say("da_why_mix", lang),
    }  # fmt: skip
    left = {reasons.get(reason, reason): count for reason, count in done.left_out.items() if count}
    most = max([*done.sizes.values(), *left.values()], default=1)
    bars = _bars(say("da_split", lang), done.sizes, most, lang)
    if left:
        bars += _bars(say("da_left_out", lang), left, most, lang)
    title = f"<h2>{escape(say('da_prepared', lang, name=name))}</h2>"
    return (
        f'<div class="me-da"><section class="me-da-verdict me-da-good">{title}'
        f'<p class="me-quiet">{escape(say("da_use", lang))} <code>{escape(str(done.folder))}</code></p></section>'
        f'<section class="me-da-box">{bars}</section></div>'
    )
