"""A report as one HTML file: no script, no font, no picture from anywhere; its policy forbids them.

Invariant: whatever comes from the project goes through `_say`, which escapes it. Text of the corpus is never markup.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.evaluation.report_charts import draw_change_bars, draw_interval_rows
from core.evaluation.report_clumping import render_clumping

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #8888}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.92rem}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.verdict{border-left:6px solid #888;padding:.6rem 1rem;background:#8881}
.better{border-color:#009e73}.worse{border-color:#d55e00}.better_here_but_forgot{border-color:#e69f00}.not_distinguishable{border-color:#0072b2}
.warn{border-left:4px solid #e69f00;padding:.2rem .8rem;margin:.4rem 0}
.lists{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.doc{border:1px solid #8885;border-radius:4px;padding:.4rem .6rem;margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.answer{border-left:5px solid #009e73}.wrong{border-left:5px solid #d55e00}
.small{font-size:.85rem;opacity:.8}svg{max-width:100%;height:auto}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MEASURES = {
    "ndcg@5": "NDCG@5",
    "condensed_ndcg@5": "NDCG@5, judged only",
    "ndcg@10": "NDCG@10",
    "recall@5": "Recall@5",
    "recall@50": "Recall@50",
    "rr@10": "RR@10",
    "judged@5": "Judged@5",
}
TEXT_SHOWN = 700


def render_html(report: Mapping[str, Any]) -> str:
    """The whole file."""
    comparison = report["comparison"]
    verdict, titles = comparison["verdict"], {item["system"]: item["title"] for item in report["systems"]}
    reference = report["facts"].get("reference", "base")
    names = (titles.get(reference, "Base"), titles.get(report["system"], report["system"]))
    title = f"{report['project']['name']}: {names[1]} against {names[0]}"
    parts = [
        f"<h1>{_say(title)}</h1>",
        f"<p class=small>Made {_say(report['made_at'])} by {_say(report['made_by'])} from run {_say(report['run']['id'])}.</p>",
        *(f"<p class=warn>{_say(words)} The figures may no longer hold.</p>" for words in report["stale"]),
        f"<div class='verdict {_say(verdict['outcome'])}'><h2>{_say(verdict['title'])}</h2>",
        f"<p>{_say(verdict['reason'])}</p><p>{_say(verdict['advice'])}</p></div>",
        *(f"<p class=warn>{_say(words)}</p>" for words in comparison.get("doubts", ())),
        _draw_rule(verdict),
        "<h2>Figures</h2>",
        draw_interval_rows(report["systems"]),
        _draw_systems(report),
        _draw_holes(report["holes"]),
        *render_clumping(report.get("clumping"), names),
        "<h2>Anchor by anchor</h2>",
        draw_change_bars([item["difference"] for item in report["anchors"]]),
        _draw_anchors(report["anchors"], names),
        *(_draw_slices(field, items, names) for field, items in report["slices"].items()),
        "<h2>Queries that tell most</h2>",
        *(_draw_telling(item, names) for item in report["telling"]),
        "<h2>Where the figures come from</h2>",
        _draw_facts(report),
    ]
    head = f"<meta charset=utf-8><meta http-equiv=Content-Security-Policy content=\"{POLICY}\"><meta name=viewport content='width=device-width'>"
    head += f"<title>{_say(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html>\n<html lang=en><head>{head}</head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _say(value: Any) -> str:
    """Any value, safe in text and in attributes."""
    return html.escape(str(value), quote=True)


def _number(value: Any, form: str = ".3f") -> str:
    return "—" if value is None or (isinstance(value, float) and not math.isfinite(value)) else f"{value:{form}}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, text: int = 1) -> str:
    """A table whose first `text` columns are words and whose others are numbers; every cell is escaped here."""
    classes = ["" if place < text else " class=n" for place in range(len(head))]
    top = "".join(f"<th{kind}>{_say(cell)}</th>" for kind, cell in zip(classes, head, strict=True))
    body = "".join("<tr>" + "".join(f"<td{kind}>{_say(cell)}</td>" for kind, cell in zip(classes, row, strict=True)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _draw_rule(verdict: Mapping[str, Any]) -> str:
    checks = verdict.get("checks", ())
    return _table(["Condition of a better system", "Found", "Met"], [[c["asked"], c["found"], "yes" if c["met"] else "no"] for c in checks], text=3)


def _draw_systems(report: Mapping[str, Any]) -> str:
    systems, against = report["systems"], {item["system"]: item for item in report["comparisons"]}
    rows: list[list[Any]] = [[label, *(_number(item.get(key)) for item in systems)] for key, label in MEASURES.items()]
    rows.append(["95 % interval of NDCG@5", *(f"{item['interval'][0]:.3f} to {item['interval'][1]:.3f}" for item in systems)])
    told = [against.get(item["system"]) for item in systems]

    def change(form: str) -> list[str]:
        values = [None if item is None else {**item["difference"], "p": item["adjusted_p"], "title": item["verdict"]["title"]} for item in told]
        return ["—" if value is None else form.format(**value) for value in values]

    rows += [
        ["Change in NDCG@5", *change("{gain:+.3f}")],
        ["95 % interval of the change", *change("{low:+.3f} to {high:+.3f}")],
        [f"p, adjusted for {len(against)} (Holm)" if len(against) > 1 else "p", *change("{p:.4f}")],
        ["Better, same, worse", *change("{wins}, {ties}, {losses}")],
        ["Smallest detectable", *change("{detectable:.3f}")],
        ["Verdict", *change("{title}")],
    ]
    for key, label, form in (
        ("latency_ms", "Milliseconds a query", ",.1f"),
        ("added_ms", "of which reranking", ",.1f"),
        ("bytes_per_document", "Bytes a document", ",.0f"),
        ("ceiling", "Best by reranking", ".3f"),
    ):
        rows.append([label, *(_number(item.get(key), form) for item in systems)])
    notes = "".join(f"<p class=small>{_say(item['title'])}: {_say(note)}</p>" for item in systems for note in item.get("notes", ()))
    return _table(["", *(item["title"] for item in systems)], rows) + notes


def _draw_holes(holes: Mapping[str, Any]) -> str:
    if not holes["pooled"]:
        return ""
    words = f"{holes['open']:,} of {holes['pooled']:,} documents among the first {holes['pool']} of all systems were judged by nobody, and count as wrong."
    return f"<p class=small>{_say(words)}</p>"


def _draw_anchors(anchors: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> str:
    rows = [[item["text"], item["anchor_id"], _number(item["base"]), _number(item["tuned"]), _number(item["difference"], "+.3f")] for item in anchors]
    return _table(["Anchor, worst change first", "Id", *names, "Difference"], rows, text=2)


def _draw_slices(field: str, items: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> str:
    kind, _, name = field.partition(".")
    head = f"<h2>By {_say(name)} of the {'question' if kind == 'anchor' else 'answer'}</h2>"
    rows = [
        [item["value"], item["n"], _number(item["base"]), _number(item["tuned"]), f"{item['gain']:+.3f} ({item['low']:+.3f} to {item['high']:+.3f})"]
        for item in items
    ]
    return head + _table(["Value", "Anchors", *names, "Difference"], rows) + "<p class=small>Slices say where to look, not what is proven.</p>"


def _draw_telling(item: Mapping[str, Any], names: tuple[str, str]) -> str:
    change = f"{_number(item['base'], '.2f')} → {_number(item['tuned'], '.2f')}"
    columns = []
    for name, listed in zip(names, item["lists"], strict=True):
        documents = []
        for rank, document in enumerate(listed, start=1):
            grade = document["grade"]
            kind, words = ("answer", f"answer, grade {grade}") if grade else ("wrong", "reviewed, no answer") if grade == 0 else ("", "not judged")
            text = document["text"] if len(document["text"]) <= TEXT_SHOWN else document["text"][:TEXT_SHOWN] + " …"
            documents.append(f"<div class='doc {kind}'><b>{rank}</b> <span class=small>{_say(document['id'])} · {words}</span>\n{_say(text)}</div>")
        columns.append(f"<div><b>{_say(name)}</b>{''.join(documents)}</div>")
    return f"<h3>{_say(item['text'])}</h3><p class=small>NDCG@5 {change}</p><div class=lists>{''.join(columns)}</div>"


def _draw_facts(report: Mapping[str, Any]) -> str:
    facts = report["facts"]
    nested = {"method", "settings", "versions"}
    rows = [[f"project {key}", value] for key, value in report["project"].items()]
    rows += [[key.replace("_", " "), value] for key, value in facts.items() if key not in nested]
    rows += [[f"{group.removesuffix('s')}: {key}", value] for group in sorted(nested) for key, value in facts.get(group, {}).items()]
    rows += [[f"evaluation of {item['title']}", f"{item['evaluation_id']}, model {item['model_id']}"] for item in report["systems"]]
    rows.append(["the same figures", f"pairsmith compare {report['project']['id']} --run {report['run']['id']} --json"])
    return _table(["What", "Value"], rows, text=2)
