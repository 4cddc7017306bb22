"""Fuse jobs as HTML: progress with its step, the parity table, where the model lies, and what to do with it next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from medeval.fusion.report import COLUMNS, table_rows
from medeval.fusion.serve import Command
from medeval.store.jobs import JobState
from medeval.ui.adapters_board import MODEL, FuseWork
from medeval.ui.adapters_view import commands_html, line_html
from medeval.ui.text import Lang, say
from medeval.ui.words import half


def jobs_html(works: Sequence[FuseWork], opened: str, commands: Sequence[Command], note: str, lang: Lang) -> str:
    """Every fuse job as a line, the open one with its result.

    Args:
        works: jobs, those at work first.
        opened: id of the open one.
        commands: how the open one's model is served elsewhere.
        note: one sentence above, where something happened.
        lang: language of the page.
    """
    title = f"<h2>{escape(say('ad_jobs', lang))}</h2>"
    if not works:
        empty = f'<p class="me-tr-empty">{escape(say("ad_no_jobs", lang))}</p>'
        return f'<section class="me-tr-runs">{title}{empty}</section>'
    said = f'<p class="me-ev-note">{escape(note)}</p>' if note else ""
    lines = "".join(_job(work, work.job.id == opened, commands, lang) for work in works)
    return f'<section class="me-tr-runs">{title}{said}{lines}</section>'


def _job(work: FuseWork, is_open: bool, commands: Sequence[Command], lang: Lang) -> str:
    job = work.job
    current = "true" if is_open else "false"
    head = (
        f'<button type="button" class="me-tr-name" data-do="job" data-job="{job.id}" aria-expanded="{current}">'
        f"<b>{_mark(work)}{escape(job.title)}</b> <small>{escape(_when(job.created))}</small></button>"
    )
    state = f'<span class="me-tr-state me-tr-{job.state}">{escape(_state(work, lang))}</span>'
    row = f'<div class="me-tr-row">{head}{state}{_doing(work, lang)}</div>'
    # a proof that failed says so itself; what failed after a passed one (deploying) is said besides
    said = is_open and work.result is not None and not work.result["ok"]
    error = _error(job.error, lang) if job.error and not said else ""
    result = result_html(work, commands, lang) if is_open and work.result is not None else ""
    inner = f"{row}{_bar(work)}{step_html(work, lang)}{error}{result}"
    return f'<div class="me-tr-run" aria-current="{current}" data-state="{job.state}">{inner}</div>'


def _mark(work: FuseWork) -> str:
    return "" if work.result is None else "✓ " if work.result.get("ok") else "✗ "


def _error(error: str, lang: Lang) -> str:
    return f'<p class="me-tr-why">{escape(half(error, lang))}</p>'


def _when(created: str) -> str:
    return created[:16].replace("T", " ")


def _state(work: FuseWork, lang: Lang) -> str:
    words: dict[JobState, str] = {
        "queued": say("ad_queued", lang, n=work.job.place), "running": say("ad_running", lang),
        "stopping": say("ad_stopping", lang), "stopped": say("ad_stopped", lang), "done": say("ad_done", lang),
        "failed": say("ad_failed", lang), "interrupted": say("ad_interrupted", lang),
    }  # fmt: skip
    parts = [words[work.job.state]]
    if work.job.state == "running":
        parts.append(f"{100 * work.share:.0f} %")
        if work.seconds_left is not None and work.share < 1:
            parts.append(say("ad_left", lang, time=_duration(work.seconds_left, lang)))
    return " · ".join(parts)


def _duration(seconds: float, lang: Lang) -> str:
    if seconds < 90:
        return say("ad_seconds", lang, n=max(1, round(seconds)))
    return say("ad_minutes", lang, n=round(seconds / 60))


def _bar(work: FuseWork) -> str:
    if work.job.state not in ("running", "stopping"):
        return ""
    percent = 100 * work.share
    return (
        f'<div class="me-ev-bar" role="progressbar" aria-valuenow="{percent:.0f}" aria-valuemin="0"'
        f' aria-valuemax="100"><i style="width:{percent:.1f}%"></i></div>'
    )


def step_html(work: FuseWork, lang: Lang) -> str:
    """What a running job does now."""
    step = work.step(lang) or say("ad_starting", lang)
    return f'<p class="me-quiet me-ad-step">{escape(step)}</p>' if work.job.state in ("running", "stopping") else ""


def _doing(work: FuseWork, lang: Lang) -> str:
    state, offered = work.job.state, []
    if work.job.id.startswith(MODEL):
        return ""  # no record of ours: the model is the user's to keep or remove
    if state in ("queued", "running"):
        offered.append(_button(work, "stop", say("ad_stop", lang)))
    if state in ("stopped", "failed", "interrupted"):
        offered.append(_button(work, "again", say("ad_again", lang)))
    if not work.job.active:
        offered.append(_button(work, "delete", say("ad_delete", lang), say("ad_delete_ask", lang)))
    return f'<span class="me-tr-do">{"".join(offered)}</span>'


def _button(work: FuseWork, what: str, words: str, ask: str = "") -> str:
    asked = f' data-ask="{escape(ask, quote=True)}"' if ask else ""
    return f'<button type="button" data-do="{what}" data-job="{work.job.id}"{asked}>{escape(words)}</button>'


def result_html(work: FuseWork, commands: Sequence[Command], lang: Lang) -> str:
    """How fusing went: verdict, parity table per bit width, places, and what to do next."""
    assert work.result is not None
    result, report = work.result, work.result["report"]
    path = str(result["path"])
    if result["ok"]:
        verdict = f'<p class="me-ad-verdict me-ad-good">{escape(say("ad_passed", lang))}</p>'
    else:
        words = say("ad_not_passed", lang, name=Path(path).name)
        verdict = f'<p class="me-ad-verdict me-ad-bad">{escape(words)}</p>'
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _places(result, report, lang) if value
    )
    following = _next(work, path, commands, lang) if result["ok"] else ""
    link = f'<a href="fused/{escape(work.job.id, quote=True)}.html" download>{escape(say("ad_report", lang))}</a>'
    links = f'<div class="me-exports">{link}</div>'
    inner = f'{verdict}{parity_html(report, lang)}{links}<dl class="me-facts">{facts}</dl>{following}'
    return f'<div class="me-ad-result">{inner}</div>'


def parity_html(report: Mapping[str, Any], lang: Lang) -> str:
    """The parity table, one row per bit width."""
    head = "".join(f'<th scope="col">{escape(zh if lang == "zh" else en)}</th>' for _, zh, en in COLUMNS)
    body = "".join(_parity_row(cells, row["ok"]) for cells, row in zip(table_rows(report), report["rows"], strict=True))
    note = say("ad_parity_note", lang, cases=len(report["cases"]), tokens=report["rows"][0]["tokens"])
    return (
        f"<h4>{escape(say('ad_parity', lang))}</h4>"
        f'<div class="me-scroll"><table class="me-table me-ad-parity"><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="me-quiet">{escape(note)}</p>'
    )


def _parity_row(cells: Sequence[str], passed: bool) -> str:
    kind = "me-ad-pass" if passed else "me-ad-fail"
    told = [f'<th scope="row">{escape(cells[0])}</th>']
    for (name, _, _), cell in zip(COLUMNS[1:], cells[1:], strict=True):
        mark = ' class="me-ad-verdict-cell"' if name == "verdict" else ""
        told.append(f"<td{mark}>{escape(cell)}</td>")
    return f'<tr class="{kind}">{"".join(told)}</tr>'


def _places(result: Mapping[str, Any], report: Mapping[str, Any], lang: Lang) -> list[tuple[str, str]]:
    written, deployed = report["written"], result.get("deployed")
    facts = [
        (say("ad_model", lang), str(result["path"])),
        (say("ad_tensors", lang), say(
            "ad_tensors_text", lang, before=written["tensors_before"], after=written["tensors_after"],
            vision_before=written["vision_before"], vision_after=written["vision_after"], changed=written["changed"],
        )),
        (say("ad_backup", lang), str(result.get("backup") or "")),
    ]  # fmt: skip
    if deployed:
        said = say("ad_deployed_text", lang, path=deployed["path"], files=deployed["files"])
        facts += [(say("ad_deployed", lang), said), (say("ad_backup", lang), str(deployed.get("backup") or ""))]
        facts.append((say("ad_smoke", lang), _smoke(result.get("smoke") or {}, lang)))
    return facts


def _smoke(smoke: Mapping[str, Any], lang: Lang) -> str:
    words = {
        "not running": say("ad_smoke_off", lang), "not listed": say("ad_smoke_unlisted", lang),
        "answered": str(smoke.get("text", "")), "failed": say("ad_smoke_failed", lang),
    }  # fmt: skip
    return words.get(str(smoke.get("state")), "")


def _next(work: FuseWork, path: str, commands: Sequence[Command], lang: Lang) -> str:
    from shlex import join

    name = escape(f"{work.order.variant}-fused{work.order.bits}", quote=True)
    label, tip = escape(say("ad_column_name", lang)), escape(say("ad_column_tip", lang), quote=True)
    column = (
        f'<span class="me-ad-form" data-form><input type="text" data-field="value" maxlength="64" value="{name}"'
        f' aria-label="{label}"><button type="button" data-do="column" data-job="{work.job.id}" data-tip="{tip}">'
        f"{escape(say('ad_column', lang))}</button></span>"
    )
    deploy = "" if work.result and work.result.get("deployed") else _deploy(work, lang)
    # MLX's quantised form is read by MLX alone
    engine = ["--engine", "mlx"] if work.order.bits < 16 else []
    opening = line_html(join(["medeval", "ui", "--base", path, *engine]), lang)
    return (
        f'<h4>{escape(say("ad_next", lang))}</h4><div class="me-ad-do">{column}{deploy}</div>'
        f'<dl class="me-facts"><dt>{escape(say("ad_open_base", lang))}</dt><dd>{opening}</dd></dl>'
        f"{commands_html([c for c in commands if c.what != 'adapter'], lang)}"
    )


def _deploy(work: FuseWork, lang: Lang) -> str:
    label, hint = escape(say("ad_lm_home", lang)), escape(say("ad_lm_home_hint", lang), quote=True)
    return (
        f'<span class="me-ad-form" data-form><input type="text" data-field="value" placeholder="{hint}"'
        f' aria-label="{label}"><button type="button" data-do="deploy" data-job="{work.job.id}">'
        f"{escape(say('ad_deploy_now', lang))}</button></span>"
    )
