"""Bars and lines as SVG, in colours that can be read on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_TEXT, _LINE = "#7d8590", "#7d859066"
_COLOURS = ("#2f81f7", "#d29922", "#3fb950", "#db61a2", "#a371f7", "#f85149", "#39c5cf")
_WIDTH, _LABEL, _ROW = 720, 190, 22
_HEIGHT, _MARGIN = 300, 60


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """One horizontal bar for each value, from zero. Raises `ValueError` if there is none."""
    if not values:
        raise ValueError("a plot needs values")
    scale = (_WIDTH - _LABEL - 90) / (max(values.values()) or 1)
    parts = []
    for row, (name, value) in enumerate(values.items()):
        top, width = 34 + row * _ROW, value * scale
        parts.append(_text(_LABEL - 8, top + 13, name, "end"))
        parts.append(f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_ROW - 6}" fill="{_COLOURS[0]}"/>')
        parts.append(_text(_LABEL + width + 6, top + 13, f"{value:,.2f} {unit}"))
    return _svg(title, 44 + len(values) * _ROW, parts)


def lines(title: str, axes: tuple[str, str], series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """One line for each series of (x, y), y from zero, x in powers of ten. Raises `ValueError` without points."""
    points = [point for found in series.values() for point in found]
    if not points or min(x for x, _ in points) <= 0:
        raise ValueError("a plot needs points with x > 0")
    low, high = (chosen(math.log10(x) for x, _ in points) for chosen in (min, max))
    top = max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low) / ((high - low) or 1)
        return _MARGIN + across * (_WIDTH - 2 * _MARGIN), _HEIGHT - 50 - y / top * (_HEIGHT - 100)

    parts = [_rule(place(10**low, top * part), top * part) for part in (0, 0.5, 1)]
    for x in sorted({x for x, _ in points}):
        parts.append(_text(place(x, 0)[0], _HEIGHT - 32, f"{x:,.4g}", "middle"))
    for number, (name, found) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [place(*point) for point in found]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(_text(_MARGIN + number * 160, 36, name, colour=colour))
    parts += [_text(_WIDTH / 2, _HEIGHT - 10, axes[0], "middle"), _text(_WIDTH - 8, 18, axes[1], "end")]
    return _svg(title, _HEIGHT, parts)


def _rule(at: tuple[float, float], value: float) -> str:
    line = f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{at[1]:.1f}" y2="{at[1]:.1f}" stroke="{_LINE}"/>'
    return line + _text(_MARGIN - 6, at[1] + 4, f"{value:,.4g}", "end")


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _TEXT) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        f' font-size="12" role="img" aria-label="{escape(title)}">'
    )
    heading = f'<text x="8" y="18" fill="{_TEXT}" font-size="14" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, heading, *parts, "</svg>", ""])
