"""The Evaluate tab as HTML: pure functions; every text passes `html.escape`, the charts escape their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from medeval.evaluation import charts
from medeval.evaluation.against import Against
from medeval.evaluation.records import RunRecord
from medeval.evaluation.report import losses, metric_label, metric_verdicts
from medeval.evaluation.statistics import Comparison
from medeval.evaluation.tables import RunTables
from medeval.evaluation.verdicts import firmness, verdict, winners_first
from medeval.evaluation.wording import facts, history
from medeval.ui.evaluate_board import Work
from medeval.ui.text import Lang, say
from medeval.ui.words import half

FORMATS = ("html", "xlsx", "md", "csv", "json")


@dataclass(frozen=True)
class Shown:
    """What a page shows: a run, perhaps another to compare with, and the cell that is open."""

    run: str = ""
    against: str = ""
    case: str = ""
    repeat: int = 0


def _say(key: str, lang: Lang, **values: object) -> str:
    return escape(say(key, lang, **values), quote=True)


def progress_html(works: Sequence[Work], lang: Lang, note: str = "") -> str:
    """One line per evaluation that runs, waits, or ended before it was complete."""
    said = f'<p class="me-ev-note">{escape(note)}</p>' if note else ""
    return said + "".join(_line(work, lang) for work in works)


def _line(work: Work, lang: Lang) -> str:
    job = work.job
    share = f"{100 * work.done / work.total:.1f}" if work.total else "0"
    parts = [f'<b class="me-ev-state">{escape(_state(work, lang))}</b>', f"<span>{escape(job.title)}</span>"]
    if work.total:
        parts.append(f"<span>{_say('ev_progress', lang, done=work.done, total=work.total)}</span>")
    if work.failed:
        parts.append(f'<span class="me-ev-bad">{_say("ev_failed_n", lang, n=work.failed)}</span>')
    if job.state == "running" and work.eta is not None and work.done < work.total:
        parts.append(f"<span>{_say('ev_left', lang, time=duration(work.eta, lang))}</span>")
    action = "stop" if job.state in ("queued", "running") else "resume" if not job.active else ""
    button = ""
    if action:
        label = say("ev_stop", lang) if action == "stop" else say("ev_resume", lang)
        button = f'<button type="button" class="me-ev-do" data-do="{action}" data-job="{escape(job.id, quote=True)}">' \
                 f"{escape(label)}</button>"
    why = f'<p class="me-ev-why">{escape(half(job.error, lang))}</p>' if job.error and not job.active else ""
    return (
        f'<div class="me-ev-line me-ev-{job.state}" data-state="{job.state}" '
        f'data-run="{escape(work.run_id, quote=True)}">'
        f'<div class="me-ev-row">{"".join(parts)}{button}</div>'
        f'<div class="me-ev-bar" role="progressbar" aria-valuenow="{work.done}" aria-valuemin="0" '
        f'aria-valuemax="{work.total}"><i style="width:{share}%"></i></div>{why}</div>'
    )


def _state(work: Work, lang: Lang) -> str:
    job = work.job
    if job.state == "queued":
        return say("ev_queued", lang, n=job.place)
    if job.state == "running":
        return say("ev_running" if work.total else "ev_loading", lang)
    keys = {"stopping": "ev_stopping", "stopped": "ev_stopped", "failed": "ev_failed", "interrupted": "ev_interrupted"}
    return say(keys.get(job.state, "ev_done"), lang)


def duration(seconds: float, lang: Lang) -> str:
    """A time left in words, no finer than people need."""
    if seconds < 90:
        return say("ev_seconds", lang, n=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 90:
        return say("ev_minutes", lang, n=minutes)
    return say("ev_hours", lang, h=minutes // 60, m=minutes % 60)


def runs_html(runs: Sequence[RunRecord], shown: Shown, lang: Lang) -> str:
    """The history on the left; a box beside each run chooses two to compare."""
    items = "".join(_run(run, shown, lang) for run in runs)
    if not runs:
        items = f'<p class="me-quiet">{_say("ev_no_runs", lang)}</p>'
    hint = f'<small>{_say("ev_runs_hint", lang)}</small>' if len(runs) > 1 else ""
    return f'<div class="me-ev-runs"><h2>{_say("ev_runs", lang)} {hint}</h2>{items}</div>'


def _run(run: RunRecord, shown: Shown, lang: Lang) -> str:
    spec, name = run.spec, escape(run.id, quote=True)
    ticked = " checked" if shown.against and run.id in (shown.run, shown.against) else ""
    pressed = "true" if run.id == shown.run else "false"
    when = f"{run.created[5:10]} {run.created[11:16]}"
    marks = [say("ev_demo", lang)] if spec.demo else []
    marks += [say("ev_rescored", lang)] if spec.rescored_from else []
    size = say("ev_cases_n", lang, n=len(spec.cases)) + (f" × {spec.repeats}" if spec.repeats > 1 else "")
    count = "" if run.answered == spec.total else f" · {run.answered}/{spec.total}"
    note = escape(" · ".join([when, size, *marks]) + count)
    return (
        f'<div class="me-ev-run" aria-current="{pressed}"><button type="button" data-run="{name}">'
        f"<b>{escape(spec.suite)}</b> <span>{escape(', '.join(spec.variants))}</span><small>{note}</small></button>"
        f'<input type="checkbox" data-tick="{name}" aria-label="{_say("ev_tick", lang)} {name}"{ticked}></div>'
    )


def head_html(tables: RunTables, against: Against | str | None, lang: Lang) -> str:
    """Verdicts on top, then what is folded: differences by metric, firmness, charts, record, exports."""
    run = tables.run
    parts = [_versus(run.id, against, lang)] if against is not None else []
    parts.append(f"<h2>{_say('ev_verdicts', lang)}</h2>")
    if run.missing:
        parts.append(f'<p class="me-ev-note">{_say("ev_partial", lang)}</p>')
    parts.append(_verdicts(tables.comparisons, lang) or f'<p class="me-quiet">{escape(half(ONE, lang))}</p>')
    if tables.metric_comparisons:
        parts.append(_folded("ev_more", metric_verdicts(tables.metric_comparisons, lang), lang))
    if tables.sensitivity is not None:
        parts.append(_folded("ev_firm", firmness(tables.sensitivity, lang), lang))
    parts.append(_charts(tables, lang))
    record = [f"{label}: {text}" for label, text in (*facts(run, lang), *history(tables, lang))]
    parts.append(_folded("ev_facts", record, lang))
    parts.append(exports_html(tables, against, lang))
    return f'<section class="me-ev-head" data-run="{escape(run.id, quote=True)}">{"".join(parts)}</section>'


ONE = "只有一个版本，没有可比较的对象。 / Only one variant: nothing to compare."


def _verdicts(comparisons: Sequence[Comparison], lang: Lang) -> str:
    ordered = winners_first(comparisons)
    items = "".join(f'<li class="me-ev-{item.verdict}">{escape(verdict(item, lang))}</li>' for item in ordered)
    return f'<ul class="me-ev-verdicts">{items}</ul>' if items else ""


def _folded(key: str, lines: Sequence[str], lang: Lang) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<details class="me-ev-fold"><summary>{escape(say(key, lang))}</summary><ul>{items}</ul></details>'


def _charts(tables: RunTables, lang: Lang) -> str:
    labels = {name: metric_label(name, lang, short=True) for name in tables.metrics}
    title = say("ev_charts", lang)
    shown = [draw(tables.metrics, tables.variants, labels, title) for draw in (charts.radar, charts.bars)]
    if not any(shown):
        return ""
    key = charts.legend(tables.variants)
    return (
        f'<details class="me-ev-fold"><summary>{escape(title)}</summary>{key}'
        f'<div class="me-ev-charts">{"".join(shown)}</div></details>'
    )


def _versus(mine: str, against: Against | str, lang: Lang) -> str:
    if isinstance(against, str):
        return f'<div class="me-ev-versus"><p class="me-error">{escape(half(against, lang))}</p></div>'
    other = against.other
    title = _say("ev_against", lang, run=f"{other.created[5:10]} {other.created[11:16]} · {other.id}")
    flags = losses(against, lang)
    lost = "".join(f"<li>⚠ {escape(text)}</li>" for text in flags)
    none = f'<p class="me-quiet">{_say("ev_no_losses", lang)}</p>'
    warned = f'<ul class="me-ev-losses">{lost}</ul>' if lost else none
    body = (
        f"{_verdicts(against.comparisons, lang)}"
        f"{_folded('ev_more', metric_verdicts(against.metric_comparisons, lang), lang)}"
        f"<h3>{_say('ev_losses', lang)}</h3>{warned}"
    )
    for run_id, words in ((mine, "ev_this_run"), (other.id, "ev_that_run")):  # ids differ in a letter or two
        body = body.replace(f"@{escape(run_id)}", escape(say(words, lang)))
    return f'<div class="me-ev-versus"><h2>{title}</h2>{body}</div>'


def exports_html(tables: RunTables, against: Against | str | None, lang: Lang) -> str:
    """Links that download the report."""
    other = f"&amp;against={escape(against.other.id, quote=True)}" if isinstance(against, Against) else ""
    query = f"lang={lang}&amp;profile={escape(tables.profile, quote=True)}{other}"
    names = {
        "html": say("ev_exp_html", lang), "xlsx": say("ev_exp_xlsx", lang), "md": say("ev_exp_md", lang),
        "csv": say("ev_exp_csv", lang), "json": say("ev_exp_json", lang),
    }
    links = "".join(
        f'<a href="report/{escape(tables.run.id, quote=True)}.{fmt}?{query}" download>{escape(names[fmt])}</a>'
        for fmt in FORMATS
    )
    return f'<div class="me-exports"><span>{_say("ev_report", lang)}</span>{links}</div>'
