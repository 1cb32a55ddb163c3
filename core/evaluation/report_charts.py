"""The pictures of a report as inline SVG: values in, markup out. Every word in them is escaped; each has a title that says what it shows."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#8a8f98"
WIDTH, ROW, LABEL = 900, 34, 230
MOST_BARS = 1_000


def draw_interval_rows(systems: Sequence[Mapping[str, Any]]) -> str:
    """NDCG@5 of each system with its 95 % interval, one a row, on one scale from 0 to 1."""
    height = ROW * len(systems) + 30
    marks = []
    for row, item in enumerate(systems):
        y = ROW * row + 22
        low, high, value = (_place(number) for number in (*item["interval"], item["ndcg@5"]))
        name = html.escape(item["title"][:32])
        marks.append(
            f"<text x=0 y={y + 5} fill=currentColor>{name}</text>"
            f"<line x1={low:.1f} x2={high:.1f} y1={y} y2={y} stroke={BLUE!r} stroke-width=3 />"
            f"<circle cx={value:.1f} cy={y} r=6 fill={BLUE!r} />"
            f"<text x={min(value + 10, WIDTH - 45):.1f} y={y - 8} font-size=12 fill=currentColor>{item['ndcg@5']:.3f}</text>"
        )
    ticks = "".join(f"<text x={_place(tick / 10):.1f} y={height - 4} font-size=12 fill=currentColor>{tick / 10:.1f}</text>" for tick in range(0, 11, 2))
    said = "; ".join(f"{item['title']} {item['ndcg@5']:.3f}" for item in systems)
    return _wrap(height, f"NDCG@5 with 95 % intervals: {said}", "".join(marks) + ticks)


def draw_change_bars(changes: Sequence[float]) -> str:
    """A bar an anchor, from the worst change to the best; evenly spaced ones where there are very many."""
    ordered = sorted(changes)
    if len(ordered) > MOST_BARS:
        ordered = [ordered[place * (len(ordered) - 1) // (MOST_BARS - 1)] for place in range(MOST_BARS)]
    height, middle = 200, 100
    step = WIDTH / max(1, len(ordered))
    bars = []
    for place, change in enumerate(ordered):
        size = abs(change) * (middle - 6)
        top = middle - size if change > 0 else middle
        if size >= 0.5:
            colour = BLUE if change > 0 else VERMILLION
            bars.append(f"<rect x={place * step:.1f} y={top:.1f} width={max(step * 0.8, 0.6):.1f} height={size:.1f} fill={colour!r} />")
    counts = (sum(change < -1e-9 for change in changes), sum(change > 1e-9 for change in changes))
    line = f"<line x1=0 x2={WIDTH} y1={middle} y2={middle} stroke={GREY!r} />"
    return _wrap(height, f"Change in NDCG@5: {counts[0]} anchors worse (below the line), {counts[1]} better (above it)", "".join(bars) + line)


def _place(value: float) -> float:
    """Where a figure from 0 to 1 stands on the scale."""
    return LABEL + max(0.0, min(1.0, value)) * (WIDTH - LABEL - 20)


def _wrap(height: float, title: str, content: str) -> str:
    return f"<svg role=img viewBox='0 0 {WIDTH} {height}' width={WIDTH} height={height}><title>{html.escape(title)}</title>{content}</svg>"
