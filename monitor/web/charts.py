"""Draws charts as SVG on the server: without script and style, so that they work in a page and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

#: Colours that differ in lightness too and stand out from white and from near-black by 3 to 1 (WCAG 1.4.11).
SERIES_COLOURS = ("#2f7ed8", "#d1602b", "#3a9a5b", "#9b62c9", "#b08a1e", "#c2477f", "#5f8a99", "#7d7d7d")
WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 24
BARS_HEIGHT = 56
HEADING = 24  # height of the line above a chart in a file


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart: its label, which is its tooltip, its height, and the address to which it leads."""

    label: str
    value: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: one value for each of the chart's labels; those at the indexes ``marked`` stand out.

    Where a value is None the line has a gap.
    """

    name: str
    values: Sequence[float | None]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Early:
    """The first ``count`` points or bars of a chart, which are shaded because their numbers are too low, and why."""

    count: int
    reason: str


NOT_EARLY = Early(0, "")


def link_bars(columns: Sequence[Bar], *, early: int = 0) -> Markup:
    """Returns a small chart of bars, each a link, that fills the width of its place; the page has a table of them too.

    The ground of the first ``early`` bars is shaded.
    """
    return _bars(columns, described=Markup('aria-hidden="true"'), early=early)


def daily_bars(counts: Sequence[tuple[date, int]], *, title: str, height: int = BARS_HEIGHT) -> Markup:
    """Returns a small chart of the numbers of successive days, with the first and the last day and the most below.

    ``title`` says of what the numbers are.
    """
    described = Markup('role="img" aria-label="%s: %s"') % (title, ", ".join(str(number) for _, number in counts))
    columns = [Bar(f"{day}: {number:,}", number) for day, number in counts]
    return _bars(columns, described=described, height=height) + _axis_text(counts)


def _bars(columns: Sequence[Bar], *, described: Markup, height: int = BARS_HEIGHT, early: int = 0) -> Markup:
    highest = max((bar.value for bar in columns), default=0) or 1
    pieces = []  # as text, because a page has hundreds of bars
    for number, bar in enumerate(columns):
        size = max(round(bar.value * (height - 2) / highest, 2), 1.5) if bar.value else 0
        label, day = escape(bar.label), escape(bar.label.split(":")[0])
        content = (
            f'<rect class="ground{" early" if number < early else ""}" x="{number}" y="0" width="1" height="{height}"/>'
            f'<rect class="bar" x="{number + 0.1}" y="{height - size}" width="0.8" height="{size}"/>'
            f"<title>{label}</title>"
        )
        link = f'<a href="{escape(bar.url)}" tabindex="-1" data-day="{day}">{content}</a>'
        pieces.append(link if bar.url else f"<g>{content}</g>")
    return Markup('<svg class="bars" %s viewBox="0 0 %s %s" preserveAspectRatio="none">%s</svg>') % (
        described, max(len(columns), 1), height, Markup("".join(pieces)),  # noqa: S704  its values are escaped
    )  # fmt: skip


def _axis_text(counts: Sequence[tuple[date, int]]) -> Markup:
    most = max((number for _, number in counts), default=0)
    if not most:
        return Markup('<span class="axis">no stories in this time</span>')
    return Markup('<span class="axis"><span>%s</span><span>at most %s</span><span>%s</span></span>') % (
        f"{counts[0][0]:%d %b}", f"{most:,}", f"{counts[-1][0]:%d %b}",
    )  # fmt: skip


def lines(
    labels: Sequence[str], series: Sequence[Series], *, title: str, unit: str = "", early: Early = NOT_EARLY
) -> Markup:
    """Returns a chart with a line for each series, with axes and a legend; complete, to be saved as a file."""
    highest = _axis_end(max((value for each in series for value in each.values if value is not None), default=0))
    height = lines_height(series)
    pieces = [*_shade(early, len(labels)), *_grid(highest, unit), *_dates(labels)]
    for number, each in enumerate(series):
        colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
        pieces += [
            Markup('<polyline fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round" points="%s"/>')
            % (colour, " ".join(f"{_x(index, len(labels)):.1f},{_y(value, highest):.1f}" for index, value in run))
            for run in _runs(each.values)
        ]
        pieces += [
            Markup('<circle cx="%s" cy="%s" r="2.4" fill="%s"><title>%s, %s: %s%s</title></circle>')
            % (
                f"{_x(index, len(labels)):.1f}", f"{_y(value, highest):.1f}", colour,
                each.name, labels[index], f"{value:,.4g}", unit,
            )
            for index, value in enumerate(each.values)
            if value
        ]  # fmt: skip
        pieces += [
            Markup('<circle cx="%s" cy="%s" r="6" fill="none" stroke="%s" stroke-width="1.8"/>')
            % (f"{_x(index, len(labels)):.1f}", f"{_y(value, highest):.1f}", colour)
            for index in sorted(each.marked)
            if (value := each.values[index]) is not None
        ]
        x, y = LEFT + (number % 4) * 178, HEIGHT + 10 + 18 * (number // 4)
        name = each.name if len(each.name) <= 24 else f"{each.name[:23]}…"
        pieces.append(
            Markup(
                '<rect x="%s" y="%s" width="10" height="10" fill="%s"/>'
                '<text x="%s" y="%s" fill="currentColor">%s</text>'
            )
            % (x, y - 8, colour, x + 15, y + 1, name)
        )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" width="%s" height="%s" viewBox="0 0 %s %s" '
        'font-family="system-ui, sans-serif" font-size="11">%s</svg>'
    ) % (title, WIDTH, height, WIDTH, height, Markup("").join(pieces))


def as_file(svg: Markup, *, height: int, title: str, heading: str) -> bytes:
    """Returns a chart of that height as the content of an SVG file, dark on white, with a title and a line above it."""
    placed = svg.replace("<svg ", Markup('<svg y="%s" ') % HEADING, 1)
    size = f'width="{WIDTH}" height="{height + HEADING}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" {size} color="#1c1c1c">'
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="16" fill="currentColor" font-family="system-ui, sans-serif" font-size="13">'
        f"{escape(heading)}</text>{placed}</svg>"
    ).encode()


def lines_height(series: Sequence[Series]) -> int:
    """Returns the height of a chart of `lines` with its legend, which has four names in a row."""
    return HEIGHT + 18 * ((len(series) + 3) // 4)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Returns the values with their indexes, in parts without a None between them."""
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is not None:
            runs[-1].append((index, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _shade(early: Early, count: int) -> list[Markup]:
    """Returns the ground and the label of the time whose numbers are too low."""
    if not early.count:
        return []
    width = early.count * (WIDTH - LEFT - RIGHT) / count
    return [
        Markup('<rect class="early" x="%s" y="%s" width="%.1f" height="%s" fill="currentColor" fill-opacity="0.08"/>')
        % (LEFT, TOP, width, HEIGHT - TOP - BOTTOM),
        Markup('<text x="%s" y="%s" fill="currentColor" fill-opacity="0.8">%s</text>')
        % (LEFT + 5, TOP + 13, early.reason),
    ]


def _x(index: int, count: int) -> float:
    return LEFT + (index + 0.5) * (WIDTH - LEFT - RIGHT) / max(count, 1)


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM) / highest


def _axis_end(highest: float) -> float:
    """Returns the end of the axis, at least 4, so that a quarter of it is a round number: 4, 8, 20, 40, 80, 200 ..."""
    power = 10.0 ** (len(str(int(highest))) - 1)
    return max(next(step * power for step in (2, 4, 8, 20) if step * power >= highest), 4)


def _grid(highest: float, unit: str) -> list[Markup]:
    pieces = []
    for part in range(5):
        value = highest * part / 4
        y = f"{_y(value, highest):.1f}"
        pieces.append(
            Markup(
                '<line x1="%s" x2="%s" y1="%s" y2="%s" stroke="currentColor" stroke-opacity="0.15"/>'
                '<text x="%s" y="%s" text-anchor="end" fill="currentColor">%s%s</text>'
            )
            % (LEFT, WIDTH - RIGHT, y, y, LEFT - 6, float(y) + 4, f"{value:,.4g}", unit)
        )
    return pieces


def _dates(labels: Sequence[str]) -> list[Markup]:
    step = max(len(labels) // 6, 1)
    return [
        Markup('<text x="%s" y="%s" text-anchor="middle" fill="currentColor">%s</text>')
        % (f"{_x(index, len(labels)):.1f}", HEIGHT - 7, label)
        for index, label in enumerate(labels)
        if index % step == 0 and index + step / 2 <= len(labels)
    ]
