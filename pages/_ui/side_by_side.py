"""One query under two models, side by side: what moved, and what is known to answer it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from core.model import Label, ModelRecord, RunKind
from core.retrieval.query_client import EncoderAway
from core.retrieval.rerankers import list_rerankers
from core.retrieval.search import Hit, SearchResult, rerank_hits, search_model
from core.store import artefacts, corpus, judgements
from pages._ui.page import Page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.text import escape_label

SHOWN = 5
DEPTH = 50
"""How deep a document is looked for in the other list."""
TEXT_SHOWN = 600


def show_side_by_side(page: Page, query: str, base: ModelRecord, tuned: ModelRecord | None, reranker: str = "") -> None:
    """The first `SHOWN` documents of the query under base and, where there is one, tuned, searched now; the last list also as `reranker` orders it.

    Says so where the worker is away. Without a `reranker` the project's newest is taken, where it has one.
    """
    models = [base] + ([tuned] if tuned else [])
    reranker = reranker or next((record.id for record in list_rerankers(page.workspace, page.project_id)), "")
    try:
        with st.spinner("Searching. The first query after a start takes longer, the models are being loaded.", show_time=True):
            results = [search_model(page.workspace, page.project_id, model, query, k=DEPTH) for model in models]
            reranked = _rerank(page, reranker, query, results[-1].hits) if reranker else Reranked()
    except EncoderAway as error:
        st.warning(escape_label(str(error)), icon=":material/cloud_off:")
        return
    if reranked.trouble:
        st.warning(escape_label(reranked.trouble), icon=":material/cloud_off:")
    grades = say_known(page, query)
    embedding = _watch_embedding(page) if any(result.note for result in results) else False
    lists = [Listed("Tuned" if number else "Base", model.name, result.hits) for number, (model, result) in enumerate(zip(models, results, strict=True))]
    notes = [partial(_say_empty, page, model, result, embedding=embedding) for model, result in zip(models, results, strict=True)]
    if reranked.hits:
        lists.append(Listed(f"{lists[-1].title} + rerank", f"The first {len(reranked.hits)}, put in order by {_name(page, reranker)}", reranked.hits))
    draw_lists(lists, grades, shown=SHOWN, notes=notes)


@dataclass(frozen=True)
class Reranked:
    """Hits in a cross-encoder's order, without its scores, which compare with nothing here; or what kept it from reading them."""

    hits: Sequence[Hit] = ()
    trouble: str = ""


@st.cache_data(max_entries=50, show_spinner=False)
def _read_order(_page: Page, project_id: str, revision: int, reranker: str, query: str, ids: Sequence[str], _hits: Sequence[Hit]) -> list[str]:
    """The documents in the cross-encoder's order, kept until the corpus changes: reading them takes a second or more."""
    return [hit.document.id for hit in rerank_hits(_page.workspace, project_id, reranker, query, _hits)]


def _rerank(page: Page, reranker: str, query: str, hits: Sequence[Hit]) -> Reranked:
    by_id = {hit.document.id: hit for hit in hits}
    revision = page.project.corpus_revision if page.project else 0
    try:
        order = _read_order(page, page.project_id, revision, reranker, query, tuple(by_id), hits)
    except EncoderAway as error:
        return Reranked(trouble=str(error))
    return Reranked([replace(by_id[item], rank=rank, score=math.nan) for rank, item in enumerate(order, start=1)])


def _name(page: Page, reranker: str) -> str:
    with page.workspace.store.read() as conn:
        record = artefacts.find_model(conn, page.project_id, reranker)
    return record.name if record else reranker


@dataclass(frozen=True)
class Listed:
    """One system's list for a query: its heading, a line below it, and its hits. A score that is not a number is not drawn."""

    title: str
    note: str
    hits: Sequence[Hit]


def draw_lists(lists: Sequence[Listed], grades: Mapping[str, int], *, shown: int, notes: Sequence[Callable[[], None]] = ()) -> None:
    """Lists side by side; each document with what it did between the first list and this one (in the first: between it and the second)."""
    places = [{hit.document.id: hit.rank for hit in listed.hits} for listed in lists]
    for number, (column, listed) in enumerate(zip(st.columns(len(lists), gap="medium"), lists, strict=True)):
        with column:
            st.subheader(escape_label(listed.title), anchor=False)
            st.text(listed.note)
            if number < len(notes):
                notes[number]()
            for hit in listed.hits[:shown]:
                other = places[0 if number else 1].get(hit.document.id) if len(lists) > 1 else None
                _draw_hit(hit, grades, describe_move(hit.rank, other, into=bool(number), shown=shown) if len(lists) > 1 else None)


def describe_move(rank: int, other: int | None, *, into: bool, shown: int = SHOWN) -> tuple[str, str, str]:
    """How a document moved between the lists: words, icon, colour.

    `rank`: its place in this list; `other`: its place in the other, None where it is not among the first `DEPTH`; `into`: this is the
    later list; `shown`: how many of each are on the screen.
    """
    if other == rank:
        return "Same place", ":material/drag_handle:", "gray"
    if into:
        if other is None or other > shown:
            return f"New in the top {shown}, was {other or f'below {DEPTH}'}", ":material/add_circle:", "blue"
        return (f"Up from {other}", ":material/arrow_upward:", "blue") if other > rank else (f"Down from {other}", ":material/arrow_downward:", "orange")
    if other is None or other > shown:
        return f"Leaves the top {shown}, then {other or f'below {DEPTH}'}", ":material/do_not_disturb_on:", "orange"
    return (f"Rises to {other}", ":material/arrow_upward:", "blue") if other < rank else (f"Falls to {other}", ":material/arrow_downward:", "orange")


def say_known(page: Page, query: str) -> Mapping[str, int]:
    """Grades by document id where the query is an anchor, 0 for a hard negative; says which it is."""
    with page.workspace.store.read() as conn:
        anchor = corpus.find_anchor(conn, page.project_id, query.strip())
        if anchor is None:
            st.caption("This query is not an anchor of the project, so nothing is marked as an answer.")
            return {}
        state = judgements.read_state(conn, page.project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE], anchor_ids=[anchor.id])
    answers = sum(item.label == Label.POSITIVE for item in state)
    st.text(f"Anchor {anchor.id}: {answers} known {'answer' if answers == 1 else 'answers'}, marked below where found.")
    return {item.document_id: item.grade if item.label == Label.POSITIVE else 0 for item in state}


def _watch_embedding(page: Page) -> bool:
    """Watch the embedding under way, above both columns: it is one run, and its button can stand on a page only once. False where none is."""
    run = latest_run(page, RunKind.EMBED)
    if run is None or run.status.is_over:
        return False
    watch_run(page, run)
    return True


def _say_empty(page: Page, model: ModelRecord, result: SearchResult, *, embedding: bool) -> None:
    """Say why a model finds nothing, with what to do about it. `embedding`: documents are being embedded just now."""
    if not result.note:
        if not result.hits:
            st.info("Nothing was found: the corpus is empty.", icon=":material/info:")
        return
    if embedding:
        st.caption("The documents are being embedded, see above.")
        return
    st.info("Some documents have no vector under this model yet, so it cannot be searched.", icon=":material/info:")
    if st.button("Embed the documents", key=f"embed-{model.id}", icon=":material/memory:"):
        start_run(page, RunKind.EMBED, {"system": model.id})
        st.rerun()


def _draw_hit(hit: Hit, grades: Mapping[str, int], move: tuple[str, str, str] | None) -> None:
    document, grade = hit.document, grades.get(hit.document.id)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{hit.rank}**", width="content")
            if grade:
                st.badge(f"Answer, grade {grade}", icon=":material/check_circle:", color="green")
            elif grade == 0:
                st.badge("Hard negative", icon=":material/block:", color="red")
            if move:
                st.badge(move[0], icon=move[1], color=move[2])
            if not math.isnan(hit.score):
                words = "Cosine similarity of query and document under this model. Compare it within one list only."
                st.badge(f"{hit.score:.3f}", color="gray", help=words)
        st.text(describe_place(document.id, document.title, list(document.fields.values())))
        st.text(document.text if len(document.text) <= TEXT_SHOWN else document.text[:TEXT_SHOWN] + " …")


def describe_place(document_id: str, title: str, fields: Sequence[str]) -> str:
    """Where a document stands, in one line."""
    return " · ".join(filter(None, [document_id, title, *fields]))
