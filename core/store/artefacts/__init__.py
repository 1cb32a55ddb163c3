"""What runs leave behind: snapshots, models, evaluations with their scores, projections. Ask for them from here.

Invariant: a place inside the home is stored relative to it and given back absolute, so that a home that was moved finds its models and maps.
"""

from core.store.artefacts.evaluations import ScoreChange, list_evaluations, page_changes, put_evaluation, read_scores
from core.store.artefacts.models import find_model, find_tuned, get_model, list_models, put_model, renew_base
from core.store.artefacts.openings import ADAPTER_ID, Openings, count_openings, count_part_openings, count_test_openings
from core.store.artefacts.places import new_id
from core.store.artefacts.projections import list_projections, put_projection
from core.store.artefacts.snapshots import find_snapshot_projects, get_snapshot, list_snapshots, put_snapshot

__all__ = [
    "ADAPTER_ID",
    "Openings",
    "ScoreChange",
    "count_openings",
    "count_part_openings",
    "count_test_openings",
    "find_model",
    "find_snapshot_projects",
    "find_tuned",
    "get_model",
    "get_snapshot",
    "list_evaluations",
    "list_models",
    "list_projections",
    "list_snapshots",
    "new_id",
    "page_changes",
    "put_evaluation",
    "put_model",
    "put_projection",
    "put_snapshot",
    "read_scores",
    "renew_base",
]
