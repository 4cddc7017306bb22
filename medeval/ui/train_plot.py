"""A small plotting vocabulary for SVG: scales, ticks, paths. Text is escaped, colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """A rectangle of the drawing with its value ranges; y grows upwards in values, downwards in pixels."""

    left: float
    top: float
    width: float
    height: float
    x: Point
    y: Point

    def at(self, point: Point) -> Point:
        """Pixels of a point, clipped to the panel from above and below."""
        across = (point[0] - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (point[1] - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return self.left + across * self.width, self.top + self.height * (1 - min(1.0, max(0.0, up)))

    @property
    def bottom(self) -> float:
        """The lower edge in pixels."""
        return self.top + self.height


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values between `low` and `high`."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10 ** math.floor(math.log10(span / most))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10, 20) if span / (step * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A tick's text: 0.25, 1200, 3e-06."""
    if value == 0:
        return "0"
    if abs(value) < 1e-3 or abs(value) >= 1e5:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    return f"{value:.4g}"


def span_of(values: Sequence[float], pad: float = 0.06, floor: float | None = None) -> Point:
    """A range around values with a margin; (0, 1) where there are none."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = (high - low) * pad or abs(high) * 0.1 or 1.0
    return (low - margin if floor is None else max(floor, low - margin)), high + margin


def path(panel: Panel, points: Sequence[Point], classes: str) -> str:
    """A line through the points; nothing for fewer than two."""
    if len(points) < 2:
        return ""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(panel.at, points))
    return f'<polyline class="{classes}" points="{steps}"/>'


def dots(panel: Panel, points: Sequence[Point], classes: str, tips: Sequence[str], radius: float = 3.2) -> str:
    """A mark at each point; its tip says the figures on hover and to a screen reader."""
    parts = []
    for point, tip in zip(points, tips, strict=True):
        x, y = panel.at(point)
        said = escape(tip, quote=True)
        parts.append(
            f'<circle class="{classes}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" data-tip="{said}" aria-label="{said}"/>'
        )
    return "".join(parts)


def text(x: float, y: float, words: str, classes: str = "me-tick", anchor: str = "start") -> str:
    """Words at a place."""
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def grid(panel: Panel, most: int = 4, scale: float = 1.0) -> str:
    """Horizontal lines with their values to the left of the panel; values are shown times `scale`."""
    parts = []
    for value in ticks(*panel.y, most):
        _, y = panel.at((panel.x[0], value))
        parts.append(
            f'<line class="me-grid-line" x1="{panel.left}" x2="{panel.left + panel.width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(text(panel.left - 6, y + 3.5, short(value * scale), anchor="end"))
    return "".join(parts)


def steps_axis(panel: Panel, title: str = "") -> str:
    """Steps along the lower edge."""
    parts = []
    for value in ticks(*panel.x, 6):
        x, _ = panel.at((value, panel.y[0]))
        parts.append(text(x, panel.bottom + 15, short(value), anchor="middle"))
    if title:
        parts.append(text(panel.left + panel.width, panel.bottom + 28, title, anchor="end"))
    return "".join(parts)


def smooth(points: Sequence[Point], weight: float = 0.9) -> list[Point]:
    """Exponential moving average, unbiased at its start."""
    found: list[Point] = []
    average, seen = 0.0, 0.0
    for x, y in points:
        average = weight * average + (1 - weight) * y
        seen = weight * seen + (1 - weight)
        found.append((x, average / seen))
    return found


def svg(width: float, height: float, body: str, label: str, classes: str) -> str:
    """The drawing as an image with a spoken label."""
    return (
        f'<svg class="{classes}" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-label="{escape(label, quote=True)}">{body}</svg>'
    )


def thinned(found: Sequence[Point], most: int = 400) -> list[Point]:
    """At most about `most` points: the mean of each stretch at its last step, so that no trend is lost."""
    if len(found) <= most:
        return list(found)
    size = math.ceil(len(found) / most)
    parts = [found[start : start + size] for start in range(0, len(found), size)]
    return [(part[-1][0], math.fsum(value for _, value in part) / len(part)) for part in parts]
