"""A soak as a picture: memory and open files of each process over time, as SVG."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from tests.soak.judge import Sample

_WIDTH, _HEIGHT, _LEFT, _TOP, _KEY = 1_060, 240, 60, 40, 190
# Okabe and Ito's palette, which colour-blind people can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


def drawn(samples: Sequence[Sample], *, title: str) -> str:
    """The picture; lives of one name have one colour, with a gap where one was killed."""
    names = sorted({one.name for one in samples})
    height = _TOP + 2 * (_HEIGHT + _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20">{escape(title)}</text>',
    ]
    for number, (value, unit) in enumerate((("mb", "MB"), ("files", "open files"))):
        top = _TOP + number * (_HEIGHT + _TOP)
        lines += _panel(samples, names, value, unit, top)
    for number, name in enumerate(names):
        y = _TOP + 16 * number + 8
        x, style = _WIDTH - _KEY + 20, _style(number)
        lines.append(f'<path d="M{x},{y - 4} h24" {style}/>')
        lines.append(f'<text x="{x + 30}" y="{y}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _panel(
    samples: Sequence[Sample], names: Sequence[str], value: str, unit: str, top: int
) -> list[str]:
    """One diagram: its frame, what its axes end with, and a line for each life."""
    most = max((getattr(one, value) for one in samples), default=1) or 1
    last = max((one.at for one in samples), default=1) or 1
    right, bottom = _WIDTH - _KEY, top + _HEIGHT

    def point(one: Sample) -> str:
        x = _LEFT + one.at / last * (right - _LEFT)
        return f"{x:.1f},{bottom - getattr(one, value) / most * _HEIGHT:.1f}"

    lines = [
        f'<path d="M{_LEFT},{top} V{bottom} H{right}" fill="none" stroke="#888888"/>',
        f'<text x="4" y="{top + 10}">{most:.0f} {unit}</text>',
        f'<text x="4" y="{bottom}">0</text>',
        f'<text x="{right - 40}" y="{bottom + 16}">{last / 60:.0f} min</text>',
    ]
    ordered = sorted(samples, key=lambda one: (one.name, one.life, one.at))
    for (name, _), life in groupby(ordered, key=lambda one: (one.name, one.life)):
        points = " ".join(point(one) for one in life)
        lines.append(f'<polyline points="{points}" {_style(names.index(name))}/>')
    return lines


def _style(number: int) -> str:
    """Each a colour; where there are more than colours, the others are dashed."""
    again, place = divmod(number, len(_COLOURS))
    dashed = f' stroke-dasharray="{4 - again},2"' if again else ""
    return f'fill="none" stroke="{_COLOURS[place]}"{dashed}'
