"""The lists behind an evaluation: the first `KEPT` documents of each anchor, in a file that pages read anchor by anchor.

Invariant: an npz of plain arrays (`anchors`, `documents`: text; `places`: (n, `KEPT`) int32, rows of `documents`, -1 where a list ends), never a pickle.
An evaluation older than these files has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.evaluation.measures import Ranking
from core.model import PairsmithError
from core.workspace import Workspace, replace_file

KEPT = 50


def write_lists(workspace: Workspace, evaluation_id: str, ranking: Ranking) -> None:
    """Keep the head of each list."""
    anchors = sorted(ranking)
    documents = sorted({item for listed in ranking.values() for item in listed[:KEPT]})
    row_of = {item: row for row, item in enumerate(documents)}
    places = np.full((len(anchors), KEPT), -1, np.int32)
    for row, anchor_id in enumerate(anchors):
        head = [row_of[item] for item in ranking[anchor_id][:KEPT]]
        places[row, : len(head)] = head
    with replace_file(_find_path(workspace, evaluation_id)) as path, path.open("wb") as stream:
        np.savez_compressed(stream, anchors=np.array(anchors, np.str_), documents=np.array(documents, np.str_), places=places)


def read_lists(workspace: Workspace, evaluation_id: str, anchor_ids: Sequence[str] | None = None) -> Mapping[str, list[str]]:
    """The kept lists by anchor id, best first: of all anchors, or of those named. Without a file, none."""
    path = _find_path(workspace, evaluation_id)
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        anchors, documents, places = stored["anchors"].tolist(), stored["documents"].tolist(), stored["places"]
    wanted = None if anchor_ids is None else set(anchor_ids)
    return {
        anchor_id: [documents[row] for row in places[place].tolist() if row >= 0]
        for place, anchor_id in enumerate(anchors)
        if wanted is None or anchor_id in wanted
    }


def _find_path(workspace: Workspace, evaluation_id: str) -> Path:
    if not re.fullmatch(r"[0-9a-zA-Z_-]{1,64}", evaluation_id):
        raise PairsmithError(f"{evaluation_id!r} is no id of an evaluation.")
    return workspace.folder("evaluations") / f"{evaluation_id}.npz"
