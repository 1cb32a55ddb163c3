"""The report: everything in one file that asks nobody for anything, and text of the corpus that stays text."""

from __future__ import annotations

import json
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.evaluation.lists import write_lists
from core.evaluation.measures import MEASURES
from core.evaluation.report import build_report, render_json, write_report
from core.evaluation.report_charts import draw_change_bars
from core.evaluation.report_html import render_html
from core.evaluation.significance import compare_scores
from core.evaluation.verdict import Evidence, give_verdict
from core.model import Anchor, Document, Evaluation, NotFound, PairsmithError, RunKind, RunStatus
from core.store import artefacts, corpus, judgements, runs
from core.workspace import Workspace

HOSTILE = "</td><script>alert(1)</script><img src=x onerror='alert(2)'>\" ' & <b>"


class Reader(HTMLParser):
    """What a browser would find: tags, attributes that fetch or run something, and all text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.fetches: list[tuple[str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetches += [(tag, name) for name, _ in attrs if name in ("src", "href", "srcset", "action", "data", "poster") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture
def compared(workspace: Workspace, small_project: str) -> str:
    """A finished run of base and BM25 on 12 anchors, hostile wherever a project can be: texts, titles, fields, names, ids, notes. Returns its id."""
    anchors = [f"a{n}" for n in range(12)]
    base = {anchor: 0.25 + n / 50 for n, anchor in enumerate(anchors)}
    other = {anchor: value + (0.3 if n % 3 else -0.2) for n, (anchor, value) in enumerate(base.items())}
    difference = compare_scores(base, other)
    verdict = give_verdict(difference, evidence=Evidence(None, HOSTILE, has_guard=False))
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, small_project, [Anchor("a3", HOSTILE, fields={HOSTILE: HOSTILE})])
        corpus.put_documents(conn, small_project, [Document("d3", HOSTILE, HOSTILE, {"topic": HOSTILE})])
        run_id = runs.add_run(conn, small_project, RunKind.EVALUATE, {}, now=1000.0)
        systems = []
        for name, scores in (("base", base), ("bm25", other)):
            mean = sum(scores.values()) / 12
            evaluation = Evaluation(f"e-{name}", name, name, "test", {"ndcg@5": mean}, 12, judgements.last_seq(conn, small_project), run_id, 1000.0)
            artefacts.put_evaluation(conn, small_project, evaluation, {anchor: {"ndcg@5": value} for anchor, value in scores.items()})
            write_lists(workspace, f"e-{name}", {anchor: ["d3", "d5", "d15"] for anchor in anchors})
            figures = {"system": name, "title": HOSTILE, "model_id": name, "evaluation_id": f"e-{name}", "n": 12, "interval": [0.2, 0.6], "notes": [HOSTILE]}
            systems.append(figures | dict.fromkeys(MEASURES, mean) | {"latency_ms": 1.5})
        comparison = {
            "system": "bm25",
            "difference": asdict(difference),
            "adjusted_p": difference.p,
            "guard": {},
            "verdict": asdict(verdict),
            "doubts": [HOSTILE],
        }
        facts = {"part": "test", "reference": "base", "snapshot_id": "f" * 64, "settings": {"reranker": HOSTILE}, "versions": {"numpy": "2"}, "last_seq": 20}
        test = {"base": systems[0], "tuned": systems[1], "systems": systems, "comparisons": [comparison], "facts": facts, **comparison}
        run = runs.claim_run(conn, "w", lease_s=60, now=1001.0)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"test": test}, now=1002.0)
    return run_id


def test_one_file_holds_everything_and_fetches_and_runs_nothing(workspace: Workspace, small_project: str, compared: str, tmp_path: Path) -> None:
    files = write_report(build_report(workspace, small_project, now=0.0), tmp_path / "out" / "report.html")
    assert [path.name for path in files] == ["report.html", "report.json"]
    reader = Reader()
    reader.feed(files[0].read_text(encoding="utf-8"))
    assert reader.fetches == []
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "b><script"} & set(reader.tags)
    assert "default-src 'none'" in files[0].read_text(encoding="utf-8")
    for words in (
        "Condition of a better system",
        "At least 10 unrelated held-out anchors",
        "NDCG@5, judged only",
        "95 % interval of the change",
        "By topic of the answer",
        "Queries that tell most",
        "f" * 64,
        "version: numpy",
        "1970-01-01 00:00 UTC",
        f"pairsmith compare small --run {compared}",
        "not judged",
        "answer, grade 3",
        *(f"a{n}" for n in range(12)),
    ):
        assert words in reader.text, words
    assert reader.text.count(HOSTILE) > 10


def test_text_of_the_corpus_is_the_same_in_json_and_stays_text_in_html(workspace: Workspace, small_project: str, compared: str) -> None:
    report = build_report(workspace, small_project, run_id=compared, now=0.0)
    assert HOSTILE not in render_html(report)
    told = json.loads(render_json(report))
    assert next(item["text"] for item in told["anchors"] if item["anchor_id"] == "a3") == HOSTILE
    assert [item["difference"] for item in told["anchors"]] == sorted(item["difference"] for item in told["anchors"])
    assert told["slices"][f"anchor.{HOSTILE}"][0]["value"] == HOSTILE
    assert {len(item["lists"]) for item in told["telling"]} == {2}
    assert sum(item["difference"] < 0 for item in told["telling"]) == sum(item["difference"] > 0 for item in told["telling"]) == 3
    assert told["holes"]["pooled"] == 36


def test_numbers_that_json_cannot_say_become_null() -> None:
    assert json.loads(render_json({"a": [float("inf"), 1.0, ("x", float("nan"))]})) == {"a": [None, 1.0, ["x", None]]}


def test_what_cannot_be_written_is_refused(workspace: Workspace, small_project: str, compared: str, tmp_path: Path) -> None:
    report = build_report(workspace, small_project, now=0.0)
    with pytest.raises(PairsmithError, match=r"not as 'report\.pdf'"):
        write_report(report, tmp_path / "report.pdf")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PairsmithError, match="cannot be written"):
        write_report(report, tmp_path / "file" / "report.html")
    assert [path.name for path in write_report(report, tmp_path / "only.json")] == ["only.json"]
    with pytest.raises(NotFound, match="has no such comparison"):
        build_report(workspace, small_project, run_id="nothing", now=0.0)


def test_very_many_changes_are_drawn_by_evenly_spaced_bars() -> None:
    picture = draw_change_bars([(n - 5_000) / 5_000 for n in range(10_000)])
    assert 900 < picture.count("<rect") <= 1_000
    assert "5000 anchors worse (below the line), 4999 better" in picture
    assert "<rect" not in draw_change_bars([])
