"""A comparison that a run left behind, found again with what is known of it since. No torch: pages and the command line read it.

Invariant: what is returned is as it was stored; only whether it is stale is computed now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.measures import PRIMARY
from core.model import ModelKind, NotFound, Part, Run, RunKind, RunStatus
from core.store import artefacts, judgements, projects, runs
from core.store.artefacts import ScoreChange
from core.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """A run's comparison, seen from one of its systems against the reference."""

    run: Run
    test: Mapping[str, Any]
    system: str
    stale: Sequence[str]
    """Why the figures may no longer hold, in words; empty where nothing changed."""

    @property
    def comparison(self) -> Mapping[str, Any]:
        """The comparison of the system with the reference."""
        return next((item for item in self.test["comparisons"] if item["system"] == self.system), {})

    @property
    def reference(self) -> Mapping[str, Any]:
        """The figures of the reference."""
        figures: Mapping[str, Any] = self.test["base"]
        return figures

    @property
    def figures(self) -> Mapping[str, Any]:
        """The figures of the system."""
        return find_figures(self.test, self.system)

    @property
    def ids(self) -> tuple[str, str]:
        """The evaluations of the reference and the system."""
        return self.reference["evaluation_id"], self.figures["evaluation_id"]


def find_figures(test: Mapping[str, Any], system: str) -> Mapping[str, Any]:
    """One system's figures in a comparison. Raises `NotFound`."""
    figures: Mapping[str, Any]
    for figures in test["systems"]:
        if figures["system"] == system:
            return figures
    raise NotFound(f"{system!r} was not measured in this run. It has {', '.join(item['system'] for item in test['systems'])}.")


def complete_test(test: Mapping[str, Any]) -> dict[str, Any]:
    """A stored comparison in the form of today: one of two systems from before there were columns has them added."""
    if "systems" in test:
        return dict(test)
    named = {name: {"system": name, "title": name.capitalize(), "notes": [], **test[name]} for name in ("base", "tuned")}
    comparison = {"system": "tuned", "adjusted_p": test["difference"]["p"], "doubts": [], **{key: test[key] for key in ("difference", "guard", "verdict")}}
    return {**test, **named, "systems": list(named.values()), "comparisons": [comparison], "doubts": [], "facts": {"part": "test", "reference": "base"}}


def list_comparisons(workspace: Workspace, project_id: str, *, model_id: str | None = None, limit: int = 20) -> list[tuple[Run, dict[str, Any]]]:
    """The newest runs that hold a comparison, newest first; those that the model (its fingerprint) was measured in, where it is given."""
    with workspace.store.read() as conn:
        found = [run for kind in (RunKind.EVALUATE, RunKind.TUNE) for run in runs.list_runs(conn, project_id, kind=kind, limit=limit)]
    kept = []
    for run in sorted(found, key=lambda item: (item.created_at, item.id), reverse=True):
        test = (run.result or {}).get("test") if run.status == RunStatus.SUCCEEDED else None
        if test and (model_id is None or any(item["model_id"] == model_id for item in complete_test(test)["systems"])):
            kept.append((run, complete_test(test)))
    return kept


def find_comparison(workspace: Workspace, project_id: str, *, run_id: str | None = None, system: str | None = None, model_id: str | None = None) -> Found:
    """The comparison of a run, else the newest; seen from `system`, else from the one that the verdict is about. Raises `NotFound`."""
    for run, test in list_comparisons(workspace, project_id, model_id=model_id, limit=200 if run_id else 50):
        if run_id is None or run.id.startswith(run_id):
            chosen = system or test["tuned"]["system"]
            find_figures(test, chosen)
            return Found(run, test, chosen, find_staleness(workspace, project_id, test))
    raise NotFound(f"Project {project_id!r} has no such comparison. `pairsmith evaluate {project_id} --system base --system tuned` makes one.")


def find_staleness(workspace: Workspace, project_id: str, test: Mapping[str, Any]) -> list[str]:
    """What changed since a comparison, or a cross-encoder, was measured, in words: labels, documents, the models it was measured with."""
    facts, words = test.get("facts", {}), []
    with workspace.store.read() as conn:
        project = projects.get_project(conn, project_id)
        last_seq = facts.get("last_seq")
        if last_seq is None:
            stored = {item.id: item for item in artefacts.list_evaluations(conn, project_id)}.get(test["tuned"]["evaluation_id"])
            last_seq = stored.last_seq if stored else 0
        parts = [Part(facts["part"])] if facts.get("part") in set(Part) else list(Part)
        changed = sum(judgements.count_changes(conn, project_id, part, int(last_seq)) for part in parts)
        base = next((model.id for model in artefacts.list_models(conn, project_id) if model.kind == ModelKind.BASE), "")
        reranker = artefacts.find_model(conn, project_id, facts["settings"]["reranker"]) if facts.get("reranker_id") else None
    if changed:
        words.append(f"{changed} {'judgement' if changed == 1 else 'judgements'} of the measured anchors changed since.")
    if facts.get("corpus_revision", project.corpus_revision) != project.corpus_revision:
        words.append("The documents changed since.")
    if facts.get("base_id", base) != base:
        words.append("The base model changed since.")
    if reranker is not None and reranker.id != facts["reranker_id"]:
        words.append("The cross-encoder of that name is another since.")
    return words


def list_changes(workspace: Workspace, project_id: str, found: Found, *, best_first: bool = False, offset: int = 0, limit: int = 50) -> list[ScoreChange]:
    """The anchors by their change in NDCG@5, the worst first."""
    with workspace.store.read() as conn:
        return artefacts.page_changes(conn, project_id, *found.ids, PRIMARY, best_first=best_first, offset=offset, limit=limit)


def read_score_pair(workspace: Workspace, found: Found, measure: str = PRIMARY) -> tuple[dict[str, float], dict[str, float]]:
    """One measure by anchor under the reference and the system."""
    with workspace.store.read() as conn:
        before, after = (artefacts.read_scores(conn, item, measure) for item in found.ids)
    return before, after
