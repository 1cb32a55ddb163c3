"""A comparison as the worker leaves it, without a model: for tests of what is shown of it."""

from __future__ import annotations

from dataclasses import asdict

from core.evaluation.lists import write_lists
from core.evaluation.measures import MEASURES
from core.evaluation.significance import compare_scores
from core.evaluation.verdict import Evidence, give_verdict
from core.model import Anchor, Evaluation, ModelKind, ModelRecord, RunKind, RunStatus
from core.store import artefacts, corpus, judgements, runs
from core.workspace import Workspace

BASE, TUNED = "b" * 64, "c" * 64


def add_model(workspace: Workspace, project_id: str, model_id: str, kind: ModelKind, name: str, created_at: float) -> None:
    """A model that is registered and lies nowhere."""
    base_id = BASE if kind == ModelKind.TUNED else None
    record = ModelRecord(model_id, name, kind, "/nowhere", 32, 64, base_id=base_id, created_at=created_at)
    with workspace.store.write() as conn:
        artefacts.put_model(conn, project_id, record)


def add_columns(workspace: Workspace, project_id: str, *, text: str) -> str:
    """A run of four systems on the anchors `a0` to `a11` with lists, scores and facts; `a1`, which asks `text`, loses under the tuned model, `a2` gains.

    Returns the run's id.
    """
    add_model(workspace, project_id, BASE, ModelKind.BASE, "tiny", 1.0)
    add_model(workspace, project_id, TUNED, ModelKind.TUNED, "tiny tuned", 2.0)
    anchors = [f"a{n}" for n in range(12)]
    with workspace.store.write() as conn:
        corpus.put_anchors(conn, project_id, [Anchor("a1", text, fields={"kind": "odd"})])
        run_id = runs.add_run(conn, project_id, RunKind.EVALUATE, {"systems": ["base", TUNED, "bm25", "base+rerank"]}, now=1000.0)
        systems = []
        for place, (name, title, model_id) in enumerate(
            [("base", "Base", BASE), (TUNED, "Tuned", TUNED), ("bm25", "BM25", "bm25"), ("base+rerank", "Base + rerank", BASE)]
        ):
            scores = {anchor: {"ndcg@5": 0.3 + 0.05 * place} for anchor in anchors}
            if name == TUNED:
                scores |= {"a1": {"ndcg@5": 0.0}, "a2": {"ndcg@5": 1.0}}
            mean = sum(values["ndcg@5"] for values in scores.values()) / len(scores)
            measures = dict.fromkeys(MEASURES, mean)
            evaluation = Evaluation(f"e{place}", name, model_id, "test", measures, 12, judgements.last_seq(conn, project_id), run_id, 1000.0)
            artefacts.put_evaluation(conn, project_id, evaluation, scores)
            write_lists(workspace, f"e{place}", {anchor: [f"d{(n + 5 * place) % 24}" for n in range(12)] for anchor in anchors})
            reranked = {"ceiling": 0.9, "added_ms": 40.0} if name == "base+rerank" else {}
            systems.append(
                {"system": name, "title": title, "model_id": model_id, "evaluation_id": f"e{place}", "n": 12, "interval": [0.2, 0.5], **measures}
                | {"latency_ms": 1.5, "bytes_per_document": 128.0, "notes": [f"Note of {title}."], **reranked}
            )
            if name == "base":
                base = {anchor: values["ndcg@5"] for anchor, values in scores.items()}
                continue
            difference = compare_scores(base, {anchor: values["ndcg@5"] for anchor, values in scores.items()})
            verdict = give_verdict(difference, evidence=Evidence(None, adjusted_p=0.5, comparisons=3, has_guard=name == TUNED))
            systems[-1]["comparison"] = {"system": name, "difference": asdict(difference), "adjusted_p": 0.5, "guard": {}, "verdict": asdict(verdict)}
            systems[-1]["comparison"]["doubts"] = ["This is look number 2 at the held-out part."] if name == TUNED else []
        comparisons = [item.pop("comparison") for item in systems[1:]]
        settings = {"systems": ["base", TUNED, "bm25", "base+rerank"], "part": "test", "reranker": "folder", "depth": 20, "send": True}
        facts = {
            "part": "test",
            "reference": "base",
            "last_seq": evaluation.last_seq,
            "snapshot_id": "f" * 64,
            "settings": settings,
            "versions": {"torch": "2"},
        }
        test = {"base": systems[0], "tuned": systems[1], "systems": systems, "comparisons": comparisons, "facts": facts, "doubts": []}
        test |= {name: comparisons[0][name] for name in ("difference", "guard", "verdict")}
        run = runs.claim_run(conn, "worker", lease_s=60, now=1001.0)
        assert run is not None
        runs.finish_run(conn, run_id, run.attempt, RunStatus.SUCCEEDED, result={"test": test}, now=1002.0)
    return run_id
