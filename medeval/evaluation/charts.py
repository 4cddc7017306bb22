"""Radar and bars as inline SVG, for pages and reports: no script, no font, nothing loaded from elsewhere.

Colours come from a palette that stays apart for colour-blind readers (Okabe and Ito, 2008); text takes the colour of
the page.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape

from medeval.evaluation.statistics import Interval

PALETTE = ("#7f8c8d", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1")
Means = Mapping[str, Mapping[str, Interval | None]]
_RADAR, _MIDDLE, _ARM = 390, (195.0, 165.0), 112.0
_LINE = 13
"""Signs of a label on one line."""
_ROW, _LEFT, _WIDTH = 12, 130, 230


def colour(place: int) -> str:
    """The colour of the variant in column `place`, the same in every chart."""
    return PALETTE[place % len(PALETTE)]


def radar(means: Means, variants: Sequence[str], labels: Mapping[str, str], title: str) -> str:
    """One axis per metric that every variant has a mean for, from 0 in the middle to 1 at the rim.

    Args:
        means: metric → variant → mean.
        variants: in column order.
        labels: metric → label.
        title: read out by screen readers.

    Returns:
        `<svg>`; empty for fewer than three axes, which make no area.
    """
    axes = [name for name, found in means.items() if all(found.get(variant) for variant in variants)]
    if len(axes) < 3:
        return ""
    parts = [_ring(len(axes), share) for share in (0.25, 0.5, 0.75, 1.0)]
    named = [_spoke(place, len(axes), labels.get(name, name)) for place, name in enumerate(axes)]
    parts += [drawn for drawn, _, _ in named]
    for column, variant in enumerate(variants):
        found = [means[name][variant] for name in axes]
        points = [_at(place, len(axes), item.mean) for place, item in enumerate(found) if item]
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polygon points="{shape}" fill="{colour(column)}" fill-opacity=".10" stroke="{colour(column)}" '
            f'stroke-width="2"><title>{escape(variant)}</title></polygon>'
        )
    left = min(0, math.floor(min(start for _, start, _ in named)))
    right = max(_RADAR, math.ceil(max(end for _, _, end in named)))
    return _svg(right - left, 330, title, parts, left)


def _at(place: int, count: int, value: float) -> tuple[float, float]:
    angle = 2 * math.pi * place / count - math.pi / 2
    return _MIDDLE[0] + _ARM * value * math.cos(angle), _MIDDLE[1] + _ARM * value * math.sin(angle)


def _ring(count: int, share: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(place, count, share) for place in range(count)))
    return f'<polygon points="{points}" fill="none" stroke="currentColor" stroke-opacity=".18"/>'


def _spoke(place: int, count: int, label: str) -> tuple[str, float, float]:
    """An axis with its label, and where the label begins and ends across (px)."""
    (x, y), (end_x, end_y) = _at(place, count, 1.0), _at(place, count, 1.1)
    anchor = "middle" if abs(end_x - _MIDDLE[0]) < 12 else "start" if end_x > _MIDDLE[0] else "end"
    # beside the middle neighbours are far apart in height, above and below it they are not
    lines = _lines(label) if abs(end_x - _MIDDLE[0]) > 0.6 * _ARM else [label]
    lift = 4 + 5 * (end_y - _MIDDLE[1]) / _ARM - 6.5 * (len(lines) - 1)
    spans = "".join(
        f'<tspan x="{end_x:.1f}" dy="{13 if row else round(lift, 1):g}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    drawn = (
        f'<line x1="{_MIDDLE[0]}" y1="{_MIDDLE[1]}" x2="{x:.1f}" y2="{y:.1f}" stroke="currentColor" '
        f'stroke-opacity=".18"/><text x="{end_x:.1f}" y="{end_y:.1f}" text-anchor="{anchor}" font-size="11" '
        f'fill="currentColor">{spans}</text>'
    )
    width = max(map(_text_width, lines))
    start = end_x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
    return drawn, start, start + width


def _lines(label: str) -> list[str]:
    """A label on one line, or broken at the space nearest its middle where it is long."""
    spaces = [place for place, char in enumerate(label) if char == " "]
    if len(label) <= _LINE or not spaces:
        return [label]
    middle = min(spaces, key=lambda place: abs(place - len(label) / 2))
    return [label[:middle], label[middle + 1 :]]


def _text_width(text: str) -> float:
    """At most so many px at font size 11: no font is asked, a Chinese sign is as wide as it is high."""
    return sum(11.0 if ord(char) > 0x2E7F else 6.2 for char in text)


def bars(means: Means, variants: Sequence[str], labels: Mapping[str, str], title: str) -> str:
    """A group of bars per metric with the 95 % interval as a whisker; 0 to 1.

    Returns:
        `<svg>`; empty where nothing was scored.
    """
    shown = [name for name, found in means.items() if any(found.get(variant) for variant in variants)]
    if not shown:
        return ""
    group = _ROW * len(variants) + 9
    height = group * len(shown) + 26
    parts = [_grid_line(share, height) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for index, name in enumerate(shown):
        top = index * group + 4
        parts.append(
            f'<text x="{_LEFT - 8}" y="{top + _ROW * len(variants) / 2 + 4:.1f}" text-anchor="end" font-size="11" '
            f'fill="currentColor">{escape(_short(labels.get(name, name), 22))}</text>'
        )
        for row, variant in enumerate(variants):
            found = means[name].get(variant)
            if found is not None:
                parts.append(_bar(found, top + row * _ROW, colour(row), variant))
    return _svg(_LEFT + _WIDTH + 40, height, title, parts)


def _bar(found: Interval, top: float, fill: str, variant: str) -> str:
    middle = top + (_ROW - 3) / 2
    end, said = _LEFT + _WIDTH * found.mean, f"{found.mean:.2f}"
    whisker = ""
    if found.low is not None and found.high is not None:
        low, end = _LEFT + _WIDTH * found.low, max(end, _LEFT + _WIDTH * found.high)
        whisker = (
            f'<path d="M{low:.1f} {middle:.1f}H{_LEFT + _WIDTH * found.high:.1f}M{low:.1f} {middle - 3:.1f}v6'
            f'M{_LEFT + _WIDTH * found.high:.1f} {middle - 3:.1f}v6" stroke="currentColor" stroke-opacity=".65" '
            'fill="none"/>'
        )
    tip = f"{variant} {said}" + (f" [{found.low:.2f}, {found.high:.2f}]" if whisker else "") + f" n={found.n}"
    return (
        f'<g><title>{escape(tip)}</title><rect x="{_LEFT}" y="{top:.1f}" width="{_WIDTH * found.mean:.1f}" '
        f'height="{_ROW - 3}" fill="{fill}" fill-opacity=".75"/>{whisker}<text x="{end + 6:.1f}" '
        f'y="{middle + 3.5:.1f}" font-size="10" fill="currentColor" fill-opacity=".8">{said}</text></g>'
    )


def _grid_line(share: float, height: int) -> str:
    x = _LEFT + _WIDTH * share
    return (
        f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - 18}" stroke="currentColor" stroke-opacity=".12"/>'
        f'<text x="{x:.1f}" y="{height - 5}" text-anchor="middle" font-size="10" fill="currentColor" '
        f'fill-opacity=".7">{share:g}</text>'
    )


def legend(variants: Sequence[str]) -> str:
    """The colours with the names of the variants, as HTML."""
    items = "".join(
        f'<span class="me-key"><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="3" '
        f'fill="{colour(place)}"/></svg> {escape(name)}</span> '
        for place, name in enumerate(variants)
    )
    return f'<p class="me-legend">{items}</p>'


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _svg(width: int, height: int, title: str, parts: Sequence[str], left: int = 0) -> str:
    return (
        f'<svg class="me-chart" role="img" viewBox="{left} 0 {width} {height}" width="{width}" height="{height}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
