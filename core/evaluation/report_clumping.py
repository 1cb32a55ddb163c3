"""The part of a report that says whether the model still tells documents apart: flag, reasons, figures, groups, and both maps as inline SVG.

Invariant: every word is escaped here; the picture has a title that says what it shows.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from core.evaluation.clump_words import TRUTH, WORDS, say_movement
from core.evaluation.report_charts import BLUE, VERMILLION

_CLASSES = {"green": "better", "note": "not_distinguishable", "amber": "better_here_but_forgot", "red": "worse"}
PANEL, GAP = 430, 30


def render_clumping(clumping: Mapping[str, Any] | None, names: tuple[str, str]) -> list[str]:
    """The section as pieces of HTML; none where the model has no map."""
    if clumping is None:
        return []
    verdict = clumping["verdict"] or "none"
    reasons = "".join(f"<p>{html.escape(reason)}</p>" for reason in clumping["reasons"] or [])
    parts = [
        "<h2>Whether documents can still be told apart</h2>",
        f"<div class='verdict {_CLASSES.get(verdict, '')}'><h3>{WORDS[verdict]}</h3>{reasons}</div>",
        _draw_figures(clumping),
        _draw_groups(clumping["hotspots"]),
    ]
    if clumping["map"]:
        shown = len(clumping["map"]["base"])
        parts.append(draw_places(clumping["map"], names))
        said = [f"Showing {shown:,} of {clumping['documents']:,} documents.", say_movement(clumping), TRUTH]
        parts.append(f"<p class=small>{html.escape(' '.join(filter(None, said)))}</p>")
    return parts


def draw_places(places: Mapping[str, Sequence[Any]], names: tuple[str, str]) -> str:
    """Both maps side by side on the same axes; documents of a group that came together are diamonds."""
    points = [*places["base"], *places["tuned"]]
    low = [min(point[axis] for point in points) for axis in (0, 1)]
    size = max(max(point[axis] for point in points) - low[axis] for axis in (0, 1)) or 1.0
    marks = []
    for panel, (side, name) in enumerate(zip(("base", "tuned"), names, strict=True)):
        left = panel * (PANEL + GAP)
        marks.append(f"<text x={left} y=14 fill=currentColor>{html.escape(name[:50])}</text>")
        for (x, y), inside in sorted(zip(places[side], places["in_hotspot"], strict=True), key=lambda item: item[1]):
            across, down = left + 8 + (x - low[0]) / size * (PANEL - 16), 24 + (1 - (y - low[1]) / size) * (PANEL - 16)
            if inside:
                marks.append(f"<path d='M{across:.1f} {down - 5:.1f}l5 5l-5 5l-5-5z' fill={VERMILLION!r} />")
            else:
                marks.append(f"<circle cx={across:.1f} cy={down:.1f} r=2 fill={BLUE!r} fill-opacity=.5 />")
    inside = sum(places["in_hotspot"])
    title = html.escape(f"Maps of {names[0]} and {names[1]}: {inside} documents in groups that came closer together")
    width, height = 2 * PANEL + GAP, PANEL + 30
    return f"<svg role=img viewBox='0 0 {width} {height}' width={width} height={height}><title>{title}</title>{''.join(marks)}</svg>"


def _draw_figures(clumping: Mapping[str, Any]) -> str:
    rows = []
    for key, name in (("documents", "Documents"), ("reference", "General language")):
        if space := clumping["global"].get(key):
            ratios = [_share(space[figure]) for figure in ("participation_ratio", "relative_contrast")]
            cosines = [f"{space['mean_cosine'][side]:.3f}" for side in ("base", "tuned")]
            rows.append(f"<tr><td>{name}</td>{''.join(f'<td class=n>{value}</td>' for value in (*ratios, *cosines))}</tr>")
    head = "<th>Texts</th>" + "".join(
        f"<th class=n>{name}</th>" for name in ("Participation ratio", "Relative contrast", "Mean cosine, base", "Mean cosine, tuned")
    )
    note = "<p class=small>Participation ratio and relative contrast as a share of the base's, with their 95 % intervals.</p>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{note}" if rows else ""


def _draw_groups(spots: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for spot in spots:
        change = spot["ndcg@5"]
        effect = f", NDCG@5 of the anchors answered there {change['gain']:+.3f}" if change and change.get("gain") is not None else ""
        lines.append(f"<li>{html.escape(spot['name'])}: {spot['documents']} documents, {spot['closer']:.1f} times closer together{effect}</li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _share(ratio: Mapping[str, float | None]) -> str:
    if ratio["value"] is None:
        return "—"
    interval = f" ({ratio['low']:.0%} to {ratio['high']:.0%})" if ratio["low"] is not None and ratio["high"] is not None else ""
    return f"{ratio['value']:.0%}{interval}"
