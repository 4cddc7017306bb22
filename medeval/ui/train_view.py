"""The right side of the Train tab as HTML: runs with their state, live figures, comparison, checkpoints, log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from medeval.services.training import Run
from medeval.store.jobs import JobState
from medeval.training.checkpoints import Checkpoint
from medeval.training.disk import size_text
from medeval.training.history import Summary
from medeval.training.presets import DEMO_SUFFIX, load_preset, preset_names
from medeval.ui.text import Lang, say
from medeval.ui.train_board import Opened
from medeval.ui.train_charts import COLOURS, Curve
from medeval.ui.train_csv import csv_link
from medeval.ui.words import fault_text

NONE = "–"
_HELD = {"accuracy": "val_accuracy", "margin": "val_margin"}
"""Figures of preference pairs, and what they are called where held-out pairs were measured."""


def curve_of(run: Run, colour: int) -> Curve:
    """A run as it is drawn."""
    return Curve(run.config.name, run.history, run.config, colour % COLOURS, run.job.state in ("running", "stopping"))


def runs_html(runs: Sequence[Run], opened: Opened, colours: Sequence[int], note: str, lang: Lang) -> str:
    """The list of runs, each a line with its state, progress and what can be done."""
    said = f'<p class="me-ev-note">{escape(note)}</p>' if note else ""
    if not runs:
        return f'{said}<p class="me-tr-empty">{escape(say("tr_no_runs", lang))}</p>'
    lines = "".join(_line(run, opened, colour % COLOURS, lang) for run, colour in zip(runs, colours, strict=True))
    title = f"<h2>{escape(say('tr_runs', lang))} <small>{escape(say('tr_runs_hint', lang))}</small></h2>"
    return f'{said}<div class="me-tr-runs">{title}{lines}</div>'


def _line(run: Run, opened: Opened, colour: int, lang: Lang) -> str:
    job, name = run.job, escape(run.config.name)
    current = "true" if job.id == opened.job else "false"
    ticked = " checked" if job.id in opened.others or job.id == opened.job else ""
    over = escape(say("tr_overlay", lang, name=run.config.name), quote=True)
    tick = f'<input type="checkbox" data-tick="{job.id}" aria-label="{over}"{ticked}>'
    head = (
        f'<button type="button" class="me-tr-name" data-run="{job.id}"><i class="me-run-{colour}"></i><b>{name}</b>'
        f" <small>{escape(run.config.preset)}</small></button>"
    )
    state = f'<span class="me-tr-state me-tr-{job.state}">{escape(_state(run, lang))}</span>'
    error = f'<p class="me-tr-why">{escape(fault_text(job.error, lang))}</p>' if job.error else ""
    row = f'<div class="me-tr-row">{tick}{head}{state}{_doing(run, lang)}</div>'
    return f'<div class="me-tr-run" aria-current="{current}">{row}{_bar(run)}{error}{_column(run, lang)}</div>'


def state_word(state: JobState, place: int, lang: Lang) -> str:
    """A job's state in words."""
    words: dict[JobState, str] = {
        "queued": say("tr_queued", lang, n=place), "running": say("tr_running", lang),
        "stopping": say("tr_stopping", lang), "stopped": say("tr_stopped", lang), "done": say("tr_done", lang),
        "failed": say("tr_failed", lang), "interrupted": say("tr_interrupted", lang),
    }  # fmt: skip
    return words[state]


def _state(run: Run, lang: Lang) -> str:
    history = run.history
    parts = [state_word(run.job.state, run.job.place, lang)]
    if history.total:
        parts.append(say("tr_of_steps", lang, done=history.done, total=history.total))
    elif run.job.state == "running":
        parts.append(say("tr_loading", lang))
    if run.job.state == "running" and history.seconds_left is not None:
        parts.append(say("tr_left", lang, time=duration(history.seconds_left, lang)))
    return " · ".join(parts)


def duration(seconds: float, lang: Lang) -> str:
    """A time for people, one unit."""
    if seconds < 90:
        return say("tr_seconds", lang, n=round(seconds))
    if seconds < 5400:
        return say("tr_minutes", lang, n=round(seconds / 60))
    return say("tr_hours", lang, n=f"{seconds / 3600:.1f}")


def _doing(run: Run, lang: Lang) -> str:
    state = run.job.state
    offered: list[tuple[str, str]] = []
    if state in ("queued", "running"):
        offered.append(("stop", say("tr_stop", lang)))
    if state in ("stopped", "failed", "interrupted"):
        offered.append(("resume", say("tr_resume", lang)))
    offered.append(("clone", say("tr_clone", lang)))
    if not run.job.active:
        offered.append(("delete", say("tr_delete", lang)))
    ask = escape(say("tr_delete_ask", lang, name=run.config.name), quote=True)
    buttons = "".join(
        f'<button type="button" data-do="{what}" data-job="{run.job.id}"'
        f"{f' data-ask={chr(34)}{ask}{chr(34)}' if what == 'delete' else ''}>{escape(words)}</button>"
        for what, words in offered
    )
    return f'<span class="me-tr-do">{buttons}</span>'


def _bar(run: Run) -> str:
    if run.job.state == "queued" or not run.history.total:
        return ""
    share = 100 * run.history.done / run.history.total
    return f'<div class="me-ev-bar"><i style="width:{share:.1f}%"></i></div>'


def _column(run: Run, lang: Lang) -> str:
    notes = []
    if run.history.result.get("adapter"):
        notes.append(say("tr_column", lang, name=str(run.history.result["adapter"])))
    if run.history.resumed:
        notes.append(say("tr_resumed", lang, steps=", ".join(map(str, run.history.resumed))))
    if run.history.warm:
        notes.append(say("tr_warm", lang))
    return f'<p class="me-quiet me-tr-column">{escape(" · ".join(notes))}</p>' if notes else ""


def figures_html(run: Run, lang: Lang) -> str:
    """The latest figures of the open run, each with its name."""
    last = run.history.steps[-1] if run.history.steps else {}
    held = run.history.evals[-1] if run.history.evals else {}
    asked = run.history.clinical[-1] if run.history.clinical else {}
    shown = [
        (say("tr_loss", lang), _text(last.get("loss"), ".4f")),
        (say("tr_valid", lang), _text(held.get("val_loss"), ".4f")),
        (say("tr_score", lang), _score(asked.get("score"))),
        (say("tr_rate", lang), _text(last.get("lr"), ".2e")),
        (say("tr_norm", lang), _text(last.get("grad_norm"), ".3f")),
        (say("tr_speed", lang), _text(last.get("tokens_per_second"), ".0f")),
        (say("tr_memory", lang), size_text(float(last["memory_bytes"])) if last.get("memory_bytes") else NONE),
    ]
    learned = held if held.get("accuracy") is not None else last
    if learned.get("accuracy") is not None:
        shown.insert(3, (say("tr_accuracy", lang), _text(learned["accuracy"], ".0%")))
        shown.insert(4, (say("tr_margin", lang), _text(learned.get("margin"), "+.3f")))
    phase = last.get("phase")
    if isinstance(phase, int) and phase < len(run.config.phases):
        title = run.config.phases[phase].title.get(lang) or str(phase + 1)
        shown.append((say("tr_phase_now", lang), title))
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in shown)
    return f'<dl class="me-tr-figures">{cells}</dl>'


def _text(value: object, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else NONE


def _score(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, int | float) else NONE


def versus_html(runs: Sequence[Run], lang: Lang) -> str:
    """The comparison table of the open run and those laid over it; nothing for fewer than two."""
    if len(runs) < 2:
        return ""
    reported = [_reported(run) for run in runs]
    heads = "".join(f"<th>{escape(run.config.name)}</th>" for run in runs)
    table = [(title, [form(run.summary) for run in runs]) for title, form in _figures(lang)]
    if any(reported):
        table.append((say("tr_reported", lang), [text or NONE for text in reported]))
    rows = "".join(_versus_row(title, cells) for title, cells in table)
    head = ("", *(run.config.name for run in runs))
    note = f'<p class="me-quiet">{escape(say("tr_versus_note", lang))}</p>'
    link = csv_link("runs.csv", head, [(title, *cells) for title, cells in table], say("tr_export", lang))
    return (
        f'<section class="me-tr-versus"><h2>{escape(say("tr_versus", lang))}</h2><div class="me-scroll">'
        f'<table class="me-table"><thead><tr><th>{escape(say("tr_figure", lang))}</th>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div>{note}{link}</section>'
    )


def _figures(lang: Lang) -> list[tuple[str, Callable[[Summary], str]]]:
    return [
        (say("tr_final_loss", lang), lambda s: _text(s.final_loss, ".4f")),
        (say("tr_best_loss", lang), lambda s: _text(s.best_loss, ".4f")),
        (say("tr_final_valid", lang), lambda s: _text(s.final_val_loss, ".4f")),
        (say("tr_best_valid", lang), lambda s: _text(s.best_val_loss, ".4f")),
        (say("tr_gap", lang), lambda s: _text(s.gap, "+.4f")),
        (say("tr_norm_mean", lang), lambda s: _text(s.grad_norm_mean, ".3f")),
        (say("tr_norm_deviation", lang), lambda s: _text(s.grad_norm_deviation, ".3f")),
        (say("tr_final_score", lang), lambda s: _score(s.final_clinical)),
        (say("tr_best_score", lang), lambda s: _score(s.best_clinical)),
    ]


def _versus_row(title: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{escape(title)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _reported(run: Run) -> str:
    """Losses that the document behind a recipe reports; none for the demo form of one."""
    name = run.config.preset
    if name not in preset_names() or name.endswith(DEMO_SUFFIX):
        return ""
    found = load_preset(name).reported
    losses = [found.get("final_train_loss"), found.get("final_val_loss")]
    return " / ".join(_text(value, ".4f") for value in losses) if any(losses) else ""


def checkpoints_html(run: Run, found: Sequence[Checkpoint], lang: Lang) -> str:
    """Complete checkpoints, each usable as a column at once."""
    title = f"<h2>{escape(say('tr_kept', lang))}</h2>"
    if not found:
        return (
            f'<section class="me-tr-kept">{title}<p class="me-quiet">{escape(say("tr_kept_none", lang))}</p></section>'
        )
    heads = [say("tr_steps_axis", lang), say("tr_valid", lang), say("tr_score", lang), say("tr_size", lang), ""]
    head = "".join(f"<th>{escape(words)}</th>" for words in heads)
    rows = "".join(_checkpoint_row(run, item, lang) for item in reversed(found))
    return (
        f'<section class="me-tr-kept">{title}<div class="me-scroll"><table class="me-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _checkpoint_row(run: Run, item: Checkpoint, lang: Lang) -> str:
    use = (
        f'<button type="button" data-do="use" data-job="{run.job.id}" data-step="{item.step}">'
        f"{escape(say('tr_use', lang))}</button>"
        if run.config.method != "full"
        else NONE
    )
    cells = [_text(item.facts.get("val_loss"), ".4f"), _score(item.facts.get("clinical")), size_text(item.size)]
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{item.step}</th>{shown}<td><span class="me-tr-do">{use}</span></td></tr>'


def curves_link(runs: Sequence[Run], lang: Lang) -> str:
    """The curves as one table, once nothing is added to them any more."""
    if any(run.job.active for run in runs):
        return ""
    rows: list[tuple[object, ...]] = []
    for run in runs:
        found: dict[int, dict[str, object]] = {}
        history = run.history
        held = [{_HELD.get(key, key): value for key, value in event.items()} for event in history.evals]
        for event in (*history.steps, *held, *history.clinical):
            found.setdefault(int(event["step"]), {}).update(event)
        names = ("loss", "val_loss", "score", "lr", "grad_norm", *_HELD, *_HELD.values())
        rows += [(run.config.name, step, *(found[step].get(name) for name in names)) for step in sorted(found)]
    head = ("run", "step", "loss", "val_loss", "clinical", "lr", "grad_norm", *_HELD, *_HELD.values())
    return csv_link("curves.csv", head, rows, say("tr_export_curves", lang)) if rows else ""


def log_html(text: str) -> str:
    """The end of the log, as it is."""
    return f'<pre class="me-tr-log">{escape(text)}</pre>' if text.strip() else ""
