"""Systems side by side: every one against the reference on the same anchors, with a verdict for each and what weakens it.

Invariant: the figures of one comparison come from one ground and one opening; with several comparisons p-values are adjusted (Holm), so that the best of
many is not taken for good by luck.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from core import __version__
from core.curation.snapshot import take_snapshot
from core.evaluation.evaluate import Ground, OnStage, SystemFigures, lay_ground, measure_systems
from core.evaluation.guard import measure_guard
from core.evaluation.measures import DEPTH, PRIMARY
from core.evaluation.significance import RESAMPLES, Difference, adjust_holm, compare_all
from core.evaluation.systems import BASE, OnProgress, System, find_system, open_systems
from core.evaluation.verdict import LEVEL, Evidence, Verdict, find_doubts, give_verdict
from core.model import PairsmithError, Part
from core.store import artefacts
from core.workspace import Workspace

_LIBRARIES = ("torch", "sentence-transformers", "transformers", "bm25s", "numpy")


@dataclass(frozen=True)
class Compared:
    """A system against the reference."""

    figures: SystemFigures
    difference: Difference
    adjusted_p: float
    guard: Mapping[str, float]
    """NDCG@5 on the guard set of the reference (`base`) and the system (`tuned`), where both are models."""
    verdict: Verdict
    doubts: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored with the run."""
        return {
            "system": self.figures.system,
            "difference": asdict(self.difference),
            "adjusted_p": self.adjusted_p,
            "guard": dict(self.guard),
            "verdict": asdict(self.verdict),
            "doubts": list(self.doubts),
        }


@dataclass(frozen=True)
class Comparison:
    """The reference, and every other system against it. The first of them is the one that the verdict is about."""

    base: SystemFigures
    others: Sequence[Compared]
    order: Sequence[str]
    """The systems' names as they were asked for."""
    facts: Mapping[str, Any]

    @property
    def tuned(self) -> SystemFigures:
        """The system that the verdict is about."""
        return self.others[0].figures

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        return self.others[0].verdict

    @property
    def difference(self) -> Difference:
        """Its difference from the reference."""
        return self.others[0].difference

    @property
    def guard(self) -> Mapping[str, float]:
        """The guard set under both."""
        return self.others[0].guard

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored with the run: the first comparison under its own names, all of them in `systems` and `comparisons`."""
        first = self.others[0].to_json()
        figures = {item.system: item.to_json() for item in (self.base, *(other.figures for other in self.others))}
        return {
            "base": self.base.to_json(),
            "tuned": self.tuned.to_json(),
            **{name: first[name] for name in ("difference", "guard", "verdict", "doubts")},
            "systems": [figures[name] for name in self.order],
            "comparisons": [other.to_json() for other in self.others],
            "facts": dict(self.facts),
        }


def compare_models(
    workspace: Workspace,
    project_id: str,
    base: str,
    tuned: str,
    part: str,
    *,
    run_id: str | None = None,
    on_progress: OnProgress | None = None,
    seed_spread: float | None = None,
) -> Comparison:
    """Two models by their names; `seed_spread` as in `core.evaluation.verdict.Evidence`."""
    systems = open_systems(workspace, project_id, [base, tuned])
    on_stage = None if on_progress is None else lambda _, step, total: on_progress(step, total)
    return compare_systems(workspace, project_id, systems, part, run_id=run_id, on_stage=on_stage, seed_spread=seed_spread)


def compare_systems(
    workspace: Workspace,
    project_id: str,
    systems: Sequence[System],
    part: str,
    *,
    reference: str = BASE,
    run_id: str | None = None,
    on_stage: OnStage | None = None,
    seed_spread: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Comparison:
    """Measure the systems on the same anchors and compare each with the reference, the trained ones first, each with a verdict.

    `settings`: what the run was told, to be kept with it. Raises `PairsmithError` where the reference is not among the systems or nothing else is.
    """
    names = [system.name for system in systems]
    if reference not in names or len(names) < 2:
        raise PairsmithError(f"A comparison needs the reference {reference!r} and at least one other system; given: {', '.join(names) or 'none'}.")
    ground = lay_ground(workspace, project_id, part)
    found = dict(zip(names, measure_systems(workspace, project_id, systems, ground, run_id=run_id, on_stage=on_stage), strict=True))
    with workspace.store.read() as conn:
        opening = artefacts.count_part_openings(conn, project_id) if part not in (Part.DEV, Part.TRAIN) else 0
    challengers = sorted((system for system in systems if system.name != reference), key=lambda system: not system.is_trained)
    base, base_scores = found[reference], _primary(found[reference])
    differences = compare_all(base_scores, [_primary(found[system.name]) for system in challengers], ground.groups)
    adjusted = adjust_holm([difference.p for difference in differences])
    guards = _measure_guards(workspace, [next(system for system in systems if system.name == reference), *challengers])
    others = []
    for system, difference, p in zip(challengers, differences, adjusted, strict=True):
        guard = {name: guards[key] for name, key in (("base", reference), ("tuned", system.name)) if key in guards} if system.is_trained else {}
        loss = guard["base"] - guard["tuned"] if len(guard) == 2 else None
        evidence = Evidence(loss, ground.warning, seed_spread, p, len(challengers), system.is_trained)
        judged = [base.measures["judged@5"], found[system.name].measures["judged@5"]]
        doubts = find_doubts(difference, judged, opening)
        others.append(Compared(found[system.name], difference, p, guard, give_verdict(difference, evidence=evidence), doubts))
    return Comparison(base, others, names, _gather_facts(workspace, project_id, ground, reference, opening, settings or {}))


def _primary(figures: SystemFigures) -> dict[str, float]:
    return {anchor_id: values[PRIMARY] for anchor_id, values in figures.scores.items()}


def _measure_guards(workspace: Workspace, systems: Sequence[System]) -> dict[str, float]:
    """NDCG@5 on the guard set of the trained models and of the reference, by system; a reranker changes nothing of what its model forgot."""
    if not any(system.is_trained for system in systems[1:]):
        return {}
    values: dict[str, float] = {}
    for system in systems:
        if system.record is not None and (system is systems[0] or system.is_trained):
            values[system.name] = measure_guard(workspace, system.record)
    return values


def _gather_facts(workspace: Workspace, project_id: str, ground: Ground, reference: str, opening: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Where the figures come from: enough to make them again."""
    base = find_system(workspace, project_id, BASE)
    with workspace.store.read() as conn:
        reranker = artefacts.find_model(conn, project_id, settings.get("reranker", ""))
    return {
        "part": ground.part,
        "reference": reference,
        "opening": opening,
        "anchors": len(ground.anchors),
        "documents": len(ground.documents),
        "groups": len({ground.groups[anchor.id] for anchor in ground.anchors}),
        "grades": sum(len(grades) for grades in ground.qrels.values()),
        "snapshot_id": take_snapshot(workspace, project_id).id,
        "last_seq": ground.last_seq,
        "corpus_revision": ground.corpus_revision,
        "anchor_revision": ground.anchor_revision,
        "base_model": base.name if base else "",
        "base_id": base.id if base else "",
        "reranker_id": reranker.id if reranker else "",
        "warning": ground.warning,
        "method": {"depth": DEPTH, "resamples": RESAMPLES, "seed": 0, "level": LEVEL, "measure": PRIMARY, "adjustment": "Holm"},
        "settings": dict(settings),
        "versions": {"pairsmith": __version__, "python": platform.python_version(), **_list_versions()},
    }


def _list_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
