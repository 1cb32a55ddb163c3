"""The values that Pairsmith speaks of, in the field's words: take them from here, whatever module of this package they stand in.

Frozen dataclasses and enums only: no storage, no arrays, no I/O. Everything that crosses the border of a package is one of these.
Times are seconds since the epoch (UTC, float); durations carry their unit in the name.
"""

from core.model.artefacts import Evaluation, ModelKind, ModelRecord, Projection
from core.model.corpus import Anchor, Document, Part, Project, hash_text
from core.model.errors import NotFound, PairsmithError
from core.model.judging import MACHINES, Added, Candidate, CandidateStatus, Judgement, Label, Snapshot, Source, ValuePoint
from core.model.runs import Progress, Run, RunKind, RunStatus

__all__ = [
    "MACHINES",
    "Added",
    "Anchor",
    "Candidate",
    "CandidateStatus",
    "Document",
    "Evaluation",
    "Judgement",
    "Label",
    "ModelKind",
    "ModelRecord",
    "NotFound",
    "PairsmithError",
    "Part",
    "Progress",
    "Project",
    "Projection",
    "Run",
    "RunKind",
    "RunStatus",
    "Snapshot",
    "Source",
    "ValuePoint",
    "hash_text",
]
