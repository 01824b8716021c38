"""Two kinds of picture as SVG, drawn with nothing but text (W3C, SVG 1.1)."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Final

_WIDTH: Final = 900
_LEFT, _RIGHT, _TOP, _STEP = 220, 220, 44, 30
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_HEIGHT: Final = 260  # of the plot of lines
_COLOURS: Final = ("#1f5fa8", "#c2571a", "#3a7d44", "#7a4fa3", "#8a6d1f", "#4d4d4d")


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """A bar for each value, the first one in a colour of its own.

    Args:
        title: Above the picture.
        values: By their names, from top to bottom.
        unit: What a value counts.
    """
    longest = max(values.values(), default=0.0) or 1.0
    drawn = []
    for number, (name, value) in enumerate(values.items()):
        top, long = _TOP + number * _STEP, value / longest * _PLOT
        middle = top + _STEP / 2
        colour = _COLOURS[0] if number == 0 else _COLOURS[-1]
        drawn += [
            _text(_LEFT - 8, middle, name, anchor="end"),
            _bar(top + 4, long, colour),
            _text(_LEFT + long + 6, middle, f"{_shown(value)} {unit}"),
        ]
    return _picture(title, _TOP + len(values) * _STEP + 10, drawn)


def lines(
    title: str, sizes: Sequence[int], series: Mapping[str, Sequence[float | None]], unit: str
) -> str:
    """A line for each series over sizes that grow by factors; its name stands at its end.

    Args:
        title: Above the picture.
        sizes: From left to right, on a scale of logarithms as good as even steps.
        series: By name, a value a size; None where there is none.
        unit: What a value counts.
    """
    known = [value for values in series.values() for value in values if value is not None]
    highest = max(known, default=0.0) or 1.0
    step = _PLOT / max(len(sizes) - 1, 1)
    bottom = _TOP + _HEIGHT

    def place(number: int, value: float) -> tuple[float, float]:
        return _LEFT + number * step, bottom - value / highest * _HEIGHT

    drawn = [
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _PLOT}" y2="{bottom}" stroke="#999"/>',
        _text(_LEFT - 8, _TOP, f"{_shown(highest)} {unit}", anchor="end"),
        _text(_LEFT - 8, bottom, f"0 {unit}", anchor="end"),
    ]
    for number, size in enumerate(sizes):
        drawn.append(_text(_LEFT + number * step, bottom + 18, f"{size:,}", anchor="middle"))
    ends: list[tuple[tuple[float, float], str, str]] = []
    for (name, values), colour in zip(series.items(), _COLOURS * len(series), strict=False):
        points = [place(n, value) for n, value in enumerate(values) if value is not None]
        for (x1, y1), (x2, y2) in pairwise(points):
            drawn.append(
                f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
                f' stroke="{colour}" stroke-width="2"/>'
            )
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        if points:
            ends.append((points[-1], name, colour))
    drawn += _named(ends)
    return _picture(title, bottom + 34, drawn)


def _named(ends: Sequence[tuple[tuple[float, float], str, str]]) -> list[str]:
    """The name of each line at its end, below the one before where they would overlap."""
    shown, free = [], 0.0
    for (x, y), name, colour in sorted(ends, key=lambda end: end[0][1]):
        free = max(y, free)
        shown.append(_text(x + 8, free, name, colour=colour))
        free += 16
    return shown


def _picture(title: str, height: float, drawn: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {_WIDTH} {height:.0f}" role="img" font-family="sans-serif" font-size="13">'
    )
    paper = f'<rect width="{_WIDTH}" height="{height:.0f}" fill="#fff"/>'
    named = f"<title>{escape(title)}</title>"
    heading = _text(12, 20, title, weight="bold")
    return "\n".join([head, named, paper, heading, *drawn, "</svg>"]) + "\n"


def _bar(top: float, long: float, colour: str) -> str:
    return f'<rect x="{_LEFT}" y="{top}" width="{long:.1f}" height="{_STEP - 8}" fill="{colour}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    colour: str = "#222",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
        f' font-weight="{weight}" dominant-baseline="middle">{escape(text)}</text>'
    )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - two digits do
