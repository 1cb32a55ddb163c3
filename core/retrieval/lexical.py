"""The lexical index: BM25 over title and text, English stems, kept on disk by corpus revision and mapped into memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer
from filelock import FileLock

from core.store import corpus
from core.store.projects import get_project
from core.workspace import Workspace


class LexicalIndex:
    """BM25 (Lucene's variant, k1 = 1.5, b = 0.75) over documents, answering with their ids.

    Parameters: `ids` and `texts` of equal length. Tie rule: score descending, then order of arrival.
    """

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self.ids = list(ids)
        tokens = _tokenize(texts)
        self._retriever = bm25s.BM25(backend="numpy") if any(tokens) else None
        if self._retriever is not None:
            self._retriever.index(tokens, show_progress=False)

    def search(self, query: str, k: int) -> list[tuple[str, float]]:
        """Up to k (id, score), best first; only documents that share a term with the query."""
        tokens = _tokenize([query])[0]
        if self._retriever is None or not tokens:
            return []
        scores = np.asarray(self._retriever.get_scores(tokens))
        order = np.argsort(-scores, kind="stable")[:k]
        return [(self.ids[row], float(scores[row])) for row in order if scores[row] > 0]

    def save(self, folder: Path) -> None:
        """Write the index into an empty folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ids.json").write_text(json.dumps(self.ids), encoding="utf-8")
        if self._retriever is not None:
            self._retriever.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Open an index that `save` wrote."""
        index = cls([], [])
        index.ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        if (folder / "params.index.json").exists():
            index._retriever = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
        return index


_OPEN: dict[tuple[Path, str], tuple[int, LexicalIndex]] = {}


def open_lexical(workspace: Workspace, project_id: str) -> LexicalIndex:
    """The project's index, built when the corpus changed since, and shared within the process."""
    with workspace.store.read() as conn:
        revision = get_project(conn, project_id).corpus_revision
    held = _OPEN.get((workspace.home, project_id))
    if held is None or held[0] != revision:
        held = (revision, _load_or_build(workspace, project_id, revision))
        _OPEN[workspace.home, project_id] = held
    return held[1]


def _load_or_build(workspace: Workspace, project_id: str, revision: int) -> LexicalIndex:
    base = workspace.folder("lexical", project_id)
    folder = base / str(revision)
    with FileLock(base / "lock"):
        if not (folder / "ids.json").exists():
            with workspace.store.read() as conn:
                documents = corpus.read_documents(conn, project_id)
            unfinished = base / f"{revision}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            LexicalIndex([doc.id for doc in documents], [doc.content for doc in documents]).save(unfinished)
            unfinished.rename(folder)
            for old in base.iterdir():
                if old.is_dir() and old != folder:
                    shutil.rmtree(old, ignore_errors=True)
        return LexicalIndex.load(folder)


def _tokenize(texts: Sequence[str]) -> list[list[str]]:
    tokens: Any = bm25s.tokenize(list(texts), stopwords="en", stemmer=Stemmer.Stemmer("english"), return_ids=False, show_progress=False)
    return [list(item) for item in tokens]
