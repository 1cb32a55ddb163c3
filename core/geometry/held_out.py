"""What tuning did to held-out anchors, as it was measured last: read, never measured here. No torch.

Invariant: both models' scores come from one run, so they are of the same anchors, judgements and settings.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.curation.split import plan_split
from core.evaluation.measures import PRIMARY
from core.evaluation.options import RERANK
from core.geometry.clumps import SearchScores
from core.model import Part
from core.store import artefacts, judgements
from core.workspace import Workspace


def read_scores(workspace: Workspace, project_id: str, models: tuple[str, str], measured: Mapping[str, int]) -> SearchScores | None:
    """NDCG@5 of held-out anchors as last measured for both `models` (ids), and what answers them among the `measured` documents (row by id); None without
    both."""
    with workspace.store.read() as conn:
        found = artefacts.list_evaluations(conn, project_id, part=Part.TEST.value)
        pair = next(
            (
                (before, after)
                for after in found
                if after.model_id == models[1] and after.run_id is not None and not after.system.endswith(RERANK)
                for before in found
                if before.model_id == models[0] and before.run_id == after.run_id and not before.system.endswith(RERANK)
            ),
            None,
        )
        if pair is None:
            return None
        base, tuned = (artefacts.read_scores(conn, item.id, PRIMARY) for item in pair)
        qrels = judgements.read_qrels(conn, project_id)
    answers = {anchor: frozenset(measured[item] for item, grade in qrels.get(anchor, {}).items() if grade > 0 and item in measured) for anchor in base}
    return SearchScores(base, tuned, answers, plan_split(workspace, project_id).groups)
