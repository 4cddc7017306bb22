"""Curves of a run as one small SVG: losses on the left scale, clinical score on the right, phases shaded."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from medeval.training.config import TrainConfig
from medeval.training.history import History

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 46, 14, 34
Points = Sequence[tuple[float, float]]


def curve_svg(history: History, config: TrainConfig) -> str:
    """An `<svg>` element; empty text before the first step."""
    loss = [(float(e["step"]), float(e["loss"])) for e in history.steps if e.get("loss") is not None]
    if not loss:
        return ""
    held = [(float(e["step"]), float(e["val_loss"])) for e in history.evals if e.get("val_loss") is not None]
    score = [(float(e["step"]), float(e["score"])) for e in history.clinical if e.get("score") is not None]
    last = max(history.total, int(loss[-1][0]))
    top = max(value for _, value in [*loss, *held]) * 1.05 or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif"'
        f' font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_phases(config, last), *_axes(last, top, bool(score)),
        _line(loss, last, top, "#2563eb"), _line(held, last, top, "#d97706"), _line(score, last, 1.0, "#059669"),
        *_legend(bool(held), bool(score)), "</svg>",
    ]  # fmt: skip
    return "".join(parts)


def _x(step: float, last: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * step / max(1, last)


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(1.0, max(0.0, value / top))


def _line(points: Points, last: int, top: float, colour: str) -> str:
    if not points:
        return ""
    path = " ".join(f"{_x(step, last):.1f},{_y(value, top):.1f}" for step, value in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _phases(config: TrainConfig, last: int) -> list[str]:
    bands = []
    for index, phase in enumerate(config.phases):
        left, right = _x(phase.start, last), _x(min(phase.end, last), last)
        fill = "#f1f5f9" if index % 2 == 0 else "#e2e8f0"
        title = escape(phase.title.get("zh", ""))
        bands.append(
            f'<rect x="{left:.1f}" y="{_TOP}" width="{max(0.0, right - left):.1f}"'
            f' height="{HEIGHT - _TOP - _BOTTOM}" fill="{fill}"><title>{title}</title></rect>'
        )
    return bands


def _axes(last: int, top: float, scored: bool) -> list[str]:
    base = HEIGHT - _BOTTOM
    marks = [f'<line x1="{_LEFT}" y1="{base}" x2="{WIDTH - _RIGHT}" y2="{base}" stroke="#94a3b8"/>']
    for share in (0.0, 0.5, 1.0):
        y = _y(share * top, top)
        marks.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#475569">{share * top:.3g}</text>')
        if scored:
            marks.append(f'<text x="{WIDTH - _RIGHT + 6}" y="{y + 4:.1f}" fill="#059669">{share:.1f}</text>')
        x = _x(share * last, last)
        marks.append(
            f'<text x="{x:.1f}" y="{base + 14}" text-anchor="middle" fill="#475569">{round(share * last)}</text>'
        )
    return marks


def _legend(held: bool, scored: bool) -> list[str]:
    names = [("loss", "#2563eb"), *([("val loss", "#d97706")] if held else []),
             *([("clinical", "#059669")] if scored else [])]  # fmt: skip
    return [
        f'<text x="{_LEFT + 90 * index}" y="{HEIGHT - 6}" fill="{colour}">{name}</text>'
        for index, (name, colour) in enumerate(names)
    ]
