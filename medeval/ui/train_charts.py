"""Curves of runs: loss and clinical score over the same steps, phases behind them; rate and gradient norm small.

Drawn here as SVG and not by a chart library: phases, intervals and several runs share one x axis, it works offline
and the drawing stays readable without script (design/training.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from medeval.training.config import TrainConfig
from medeval.training.curriculum import learning_rate
from medeval.training.history import History
from medeval.training.phases import Phase
from medeval.ui import train_plot as plot
from medeval.ui.text import Lang, say

WIDTH = 760.0
_LEFT, _RIGHT = 46.0, 12.0
_INNER = WIDTH - _LEFT - _RIGHT
COLOURS = 6
_SMOOTH_FROM = 40
_DOT = '<circle class="me-mark" cx="13" cy="4" r="3"/>'


@dataclass(frozen=True)
class Curve:
    """One run to draw; `colour` is an index into the style sheet's run colours."""

    name: str
    history: History
    config: TrainConfig | None
    colour: int
    active: bool = False


def curves_html(curves: Sequence[Curve], lang: Lang) -> str:
    """Everything that is drawn for the chosen runs; a sentence where nothing was reported yet."""
    drawn = [curve for curve in curves if curve.history.steps or curve.history.clinical or curve.history.evals]
    if not drawn:
        return f'<p class="me-tr-empty">{escape(say("tr_no_curve", lang))}</p>'
    return (
        f'<div class="me-tr-charts">{_legend(drawn, lang)}<div class="me-scroll">{_main(drawn, lang)}</div>'
        f'<div class="me-tr-pair">{_preference(drawn, lang)}{_small(drawn, "lr", say("tr_rate", lang), lang)}'
        f"{_small(drawn, 'grad_norm', say('tr_norm', lang), lang)}</div></div>"
    )


def _preference(curves: Sequence[Curve], lang: Lang) -> str:
    """How often and by how much preferred answers win, where runs learn from pairs; held-out pairs as marks."""
    keys = (("accuracy", say("tr_accuracy", lang)), ("margin", say("tr_margin", lang)))
    learn = [c for c in curves if any(e.get("margin") is not None for e in (*c.history.steps, *c.history.evals))]
    return "".join(_small(learn, key, title, lang) for key, title in keys) if learn else ""


def _legend(curves: Sequence[Curve], lang: Lang) -> str:
    names = "".join(f'<span class="me-tr-key me-run-{c.colour}"><i></i>{escape(c.name)}</span>' for c in curves)
    kinds = "".join(
        f'<span class="me-tr-key"><svg class="me-tr-swatch" viewBox="0 0 26 8">{mark}</svg>{escape(words)}</span>'
        for mark, words in (
            ('<line class="me-curve" x1="0" x2="26" y1="4" y2="4"/>', say("tr_loss", lang)),
            ('<line class="me-curve me-valid" x1="0" x2="26" y1="4" y2="4"/>' + _DOT, say("tr_valid", lang)),
        )
    )
    return f'<div class="me-tr-legend">{names}{kinds}</div>'


def series(events: Sequence[Mapping[str, Any]], key: str) -> list[plot.Point]:
    """Steps and values of one figure; events without it are left out."""
    return [(float(e["step"]), float(e[key])) for e in events if e.get(key) is not None]


def _last_step(curves: Sequence[Curve]) -> int:
    return max(max(c.history.total, c.history.done, 1) for c in curves)


def _main(curves: Sequence[Curve], lang: Lang) -> str:
    last = _last_step(curves)
    scored = any(curve.history.clinical for curve in curves)
    losses = [v for c in curves for _, v in (*series(c.history.steps, "loss"), *series(c.history.evals, "val_loss"))]
    low, high = plot.span_of(losses, floor=0.0)
    # room above the curves for the names of the phases
    upper = plot.Panel(_LEFT, 26, _INNER, 190, (0, last), (low, high + 0.1 * (high - low)))
    body = _phases(curves, upper, 190 + (150 if scored else 0), lang)
    body += plot.grid(upper) + plot.text(_LEFT, 20, say("tr_loss_axis", lang), "me-axis")
    body += "".join(_loss(curve, upper, lang) for curve in curves)
    lowest = upper
    if scored:
        lowest = plot.Panel(_LEFT, 256, _INNER, 110, (0, last), _score_range(curves))
        body += plot.grid(lowest, 4, 100) + plot.text(_LEFT, 248, say("tr_score_axis", lang), "me-axis")
        body += "".join(_clinical(curve, lowest, lang) for curve in curves)
    body += "".join(_now(curve, upper, lowest) for curve in curves if curve.active)
    body += plot.steps_axis(lowest, say("tr_steps_axis", lang))
    return plot.svg(WIDTH, lowest.bottom + 34, body, say("tr_chart_label", lang), "me-tr-svg")


def _score_range(curves: Sequence[Curve]) -> tuple[float, float]:
    events = [event for curve in curves for event in curve.history.clinical]
    values = [float(v) for e in events for v in (e.get("score"), *(e.get("interval") or ())) if v is not None]
    low, high = plot.span_of(values, floor=0.0)
    return low, min(1.0, high) if max(values) < 1 else 1.02


def _loss(curve: Curve, panel: plot.Panel, lang: Lang) -> str:
    run = f"me-run-{curve.colour}"
    raw = plot.thinned(series(curve.history.steps, "loss"))
    if len(raw) >= _SMOOTH_FROM:
        lines = plot.path(panel, raw, f"me-curve me-raw {run}") + plot.path(panel, plot.smooth(raw), f"me-curve {run}")
    else:
        lines = plot.path(panel, raw, f"me-curve {run}")
    if len(raw) == 1:
        lines += plot.dots(panel, raw, f"me-mark {run}", [_tip(curve, "tr_loss", f"{raw[0][1]:.4f}", raw[0][0], lang)])
    held = series(curve.history.evals, "val_loss")
    tips = [_tip(curve, "tr_valid", f"{y:.4f}", x, lang) for x, y in held]
    return lines + plot.path(panel, held, f"me-curve me-valid {run}") + plot.dots(panel, held, f"me-mark {run}", tips)


def _tip(curve: Curve, key: str, value: str, step: float, lang: Lang) -> str:
    return f"{curve.name} · {say(key, lang)} {value} · {say('tr_step', lang, n=int(step))}"


def _clinical(curve: Curve, panel: plot.Panel, lang: Lang) -> str:
    run = f"me-run-{curve.colour}"
    found = series(curve.history.clinical, "score")
    bars, tips = "", []
    for (step, score), event in zip(
        found, (e for e in curve.history.clinical if e.get("score") is not None), strict=True
    ):
        said = f"{100 * score:.1f}"
        if event.get("interval"):
            low, high = (float(v) for v in event["interval"])
            x, top = panel.at((step, high))
            _, bottom = panel.at((step, low))
            bars += f'<line class="me-bar {run}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
            said += f" [{100 * low:.0f}–{100 * high:.0f}]"
        tips.append(_tip(curve, "tr_score", said, step, lang))
    return bars + plot.path(panel, found, f"me-curve {run}") + plot.dots(panel, found, f"me-mark {run}", tips)


def _now(curve: Curve, upper: plot.Panel, lower: plot.Panel) -> str:
    x, _ = upper.at((curve.history.done, 0))
    return (
        f'<line class="me-now me-run-{curve.colour}" x1="{x:.1f}" x2="{x:.1f}" y1="{upper.top}" y2="{lower.bottom}"/>'
    )


def _phases(curves: Sequence[Curve], panel: plot.Panel, height: float, lang: Lang) -> str:
    """Bands of the first run that has phases: with several schedules bands would only confuse."""
    phases = next((c.config.phases for c in curves if c.config is not None and c.config.phases), ())
    return "".join(_band(phase, number, panel, height, lang) for number, phase in enumerate(phases))


def _band(
    phase: Phase, number: int, panel: plot.Panel, height: float, lang: Lang, named: bool = True
) -> str:
    left, _ = panel.at((phase.start, 0))
    right, _ = panel.at((min(phase.end, panel.x[1]), 0))
    if right - left < 1:
        return ""
    title = phase.title.get(lang) or say("tr_phase", lang, n=number + 1)
    # about six pixels a Latin letter and eleven a Chinese one; what does not fit is said on hover
    wide = sum(11 if ord(letter) > 0x2000 else 6 for letter in title)
    shown = title if named and wide < right - left - 8 else str(number + 1)
    return (
        f'<rect class="me-band me-band-{number % 3}" x="{left:.1f}" y="{panel.top}" width="{right - left:.1f}" '
        f'height="{height:g}"><title>{escape(title)}</title></rect>'
        + plot.text((left + right) / 2, panel.top + 13, shown, "me-band-name", "middle")
    )


def _small(curves: Sequence[Curve], key: str, title: str, lang: Lang) -> str:
    """One figure of the training steps; marks where it was measured on held-out data too."""
    width, height = 374.0, 128.0
    lines = [plot.thinned(series(curve.history.steps, key), 200) for curve in curves]
    held = [series(curve.history.evals, key) for curve in curves]
    span = plot.span_of([value for line in (*lines, *held) for _, value in line], floor=0.0)
    panel = plot.Panel(46, 22, width - 54, height - 44, (0, _last_step(curves)), span)
    body = plot.grid(panel, 4) + plot.text(46, 15, title, "me-axis")
    for curve, line, marks in zip(curves, lines, held, strict=True):
        run = f"me-run-{curve.colour}"
        body += plot.path(panel, line, f"me-curve me-thin {run}") + plot.path(panel, marks, f"me-curve me-valid {run}")
        step = say("tr_step", lang, n="{:g}")
        tips = [f"{curve.name} · {title} {y:.3g} · {step.format(x)}" for x, y in marks]
        body += plot.dots(panel, marks, f"me-mark {run}", tips)
    return plot.svg(width, height, body + plot.steps_axis(panel), title, "me-tr-svg me-tr-small")


def schedule_html(config: TrainConfig, samples: int | None, lang: Lang) -> str:
    """The plan before it starts: learning rate over the steps, phases with what they weigh and mix."""
    if config.steps is None and not samples:
        return f'<p class="me-quiet">{escape(say("tr_schedule_epochs", lang))}</p>'
    total = config.total_steps(samples or 1)
    marks = sorted({*range(0, total, max(1, total // 120)), config.warmup(total), total})
    rates = [(float(step), learning_rate(config, step, total)) for step in marks]
    panel = plot.Panel(40, 22, 312, 76, (0, total), (0.0, config.learning_rate * 1.4))
    body = "".join(_band(phase, number, panel, 76, lang, False) for number, phase in enumerate(config.phases))
    body += plot.grid(panel, 2) + plot.path(panel, rates, "me-curve me-run-0")
    body += plot.steps_axis(panel) + plot.text(40, 14, say("tr_rate", lang), "me-axis")
    drawing = plot.svg(360, 118, body, say("tr_schedule", lang), "me-tr-svg me-tr-plan")
    return drawing + _phase_list(config, lang)


def _phase_list(config: TrainConfig, lang: Lang) -> str:
    rows = []
    for number, phase in enumerate(config.phases):
        title = phase.title.get(lang) or say("tr_phase", lang, n=number + 1)
        named = {**config.weights, **phase.factors}
        weights = {name: config.weights.get(name, 1.0) * phase.factors.get(name, 1.0) for name in named}
        said = [f"{name} ×{value:g}" for name, value in weights.items()]
        said += [f"{name} +{value:g}" for name, value in phase.extra.items()]
        weighed = ("，" if lang == "zh" else ", ").join(said)
        mixed = " · ".join(f"{name} {share:.0%}" for name, share in phase.mix.items())
        rows.append(
            f"<li><b>{number + 1}</b> {escape(title)} <small>{phase.start}–{phase.end}</small>"
            f"<span>{escape(weighed)}</span><span>{escape(mixed)}</span></li>"
        )
    return f'<ol class="me-tr-phases">{"".join(rows)}</ol>' if rows else ""
