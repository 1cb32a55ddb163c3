"""Label: search the corpus and mark the answers of an anchor.

Left the anchors, paged; right the chosen anchor with its answers and a search. A mark is one event of the log and can be taken back.
"""

from __future__ import annotations

import streamlit as st

from core.ingest.pairs import read_pasted_anchors
from core.model import Anchor, Judgement, Label, ModelKind, ModelRecord
from core.retrieval.search import SearchResult, search_documents
from core.store import artefacts, corpus, judgements, projects
from core.workspace import Workspace
from pages._ui.anchor_list import choose_anchor, current_anchor, draw_list
from pages._ui.marks import NOTICE, draw_marks, show_notice
from pages._ui.page import Page, get_workspace, open_page

HITS = 10
MOST_HITS = 50


@st.cache_data(max_entries=64, show_spinner=False)
def search_corpus(_workspace: Workspace, _record: ModelRecord | None, project_id: str, revision: int, query: str, k: int, model_id: str) -> SearchResult:
    """The search of `search_documents`, kept for the reruns that marking its hits causes: by corpus `revision` and `model_id`."""
    return search_documents(_workspace, project_id, query, k=k, record=_record)


def add_anchors(project_id: str, key: str) -> None:
    """Store what was pasted, one anchor a line; a text that is there already is not added again."""
    with get_workspace().store.write() as conn:
        pasted = read_pasted_anchors(st.session_state[key])
        new = [anchor for anchor in pasted if corpus.find_anchor(conn, project_id, anchor.text) is None]
        corpus.put_anchors(conn, project_id, new)
    st.session_state[key] = ""
    known = f" {len(pasted) - len(new):,} were there already." if len(pasted) > len(new) else ""
    st.session_state[NOTICE] = f"{len(new):,} added.{known}" if pasted else "Paste at least one line first."
    if new:
        choose_anchor(project_id, new[0].id)


def draw_add(page: Page, *, expanded: bool) -> None:
    """Anchors from the clipboard."""
    with st.expander("Add anchors", icon=":material/add:", expanded=expanded):
        key = f"pasted-{page.project_id}"
        st.text_area("Questions, one a line", key=key, height=120, help="An anchor is something people ask of the corpus. Files come in on the corpus page.")
        st.button("Add", key="add-anchors", type="primary" if expanded else "secondary", on_click=add_anchors, args=(page.project_id, key))


def draw_answers(page: Page, anchor: Anchor, state: dict[str, Judgement]) -> None:
    """The documents that count as answers now."""
    answers = sorted((item for item in state.values() if item.label == Label.POSITIVE and item.grade), key=lambda item: (-item.grade, item.document_id))
    with page.workspace.store.read() as conn:
        documents = corpus.get_documents(conn, page.project_id, [item.document_id for item in answers])
    with st.expander(f"Answers marked so far: {len(answers)}", icon=":material/done_all:", expanded=False):
        if not answers:
            st.caption("None yet. Search below and mark what answers the question.")
        for item in answers:
            draw_marks(page, anchor, documents[item.document_id], item, "answer")


def draw_search(page: Page, anchor: Anchor, state: dict[str, Judgement]) -> None:
    """Search by words and meaning; every hit can be marked."""
    query = st.text_input("Search the corpus", value=anchor.text, key=f"query-{page.project_id}-{anchor.id}", icon=":material/search:")
    with page.workspace.store.read() as conn:
        record = next((model for model in artefacts.list_models(conn, page.project_id) if model.kind == ModelKind.BASE), None)
    more_key = f"hits-{page.project_id}-{anchor.id}"
    shown = st.session_state.get(more_key, HITS)
    revision = page.project.corpus_revision if page.project else 0
    asked = (page.project_id, revision, query, shown + 1, record.id if record else "")
    with st.spinner("Searching …", show_time=True):
        found = search_corpus(page.workspace, record, *asked)
    if found.note:  # what was missing may be there at the next try
        search_corpus.clear(page.workspace, record, *asked)
    note = found.note or ("" if record else "Only words were searched: the documents are not embedded yet. Looking for hard negatives does that.")
    if note:
        st.text(note)
    if not found.hits:
        st.info("Nothing found. Try other words.", icon=":material/search_off:")
    for hit in found.hits[:shown]:
        draw_marks(page, anchor, hit.document, state.get(hit.document.id), "hit")
    if len(found.hits) > shown and shown < MOST_HITS:
        st.button("Show more", icon=":material/expand_more:", on_click=st.session_state.__setitem__, args=(more_key, min(MOST_HITS, shown + HITS)))


def draw_anchor(page: Page, anchor: Anchor, unlabelled: bool) -> None:
    """The chosen anchor: its text, the way to the next, its answers, the search."""
    with page.workspace.store.read() as conn:
        state = {item.document_id: item for item in judgements.read_state(conn, page.project_id, anchor_ids=[anchor.id])}
        following = corpus.next_anchor(conn, page.project_id, anchor.id, unlabelled=unlabelled)
    with st.container(border=True):
        st.text(anchor.text)
        with st.container(horizontal=True, vertical_alignment="center"):
            if following is not None:
                args = (page.project_id, following.id)
                st.button("Next anchor", key=f"next-{anchor.id}", icon=":material/arrow_forward:", type="primary", on_click=choose_anchor, args=args)
            st.caption("Mark every document that answers it, fully or in part.", help="What is not marked counts as unknown, not as no answer.")
    draw_answers(page, anchor, state)
    draw_search(page, anchor, state)


page = open_page("Label", ":material/search:", caption="Choose a question, search the corpus, mark what answers it.")
with page.workspace.store.read() as conn:
    counts = projects.count_contents(conn, page.project_id)
if counts["documents"] == 0:
    st.info("The project has no documents yet, so there is nothing to search. Bring in a corpus first.", icon=":material/library_books:")
    st.page_link("corpus.py", label="Go to corpus", icon=":material/arrow_forward:")
    st.stop()
left, right = st.columns([2, 3], gap="medium")
with left:
    unlabelled = st.toggle("Unanswered only", value=True, key="label-unlabelled", help="Show only anchors that no document is marked as an answer of.")
    anchor = current_anchor(page, unlabelled)
    open_count = counts["anchors"] - counts["labelled_anchors"]
    st.caption(
        f"{open_count:,} of {counts['anchors']:,} anchors have no answer yet", help="An anchor is a question, or anything else people ask of the corpus."
    )
    if counts["anchors"]:
        draw_list(page, anchor, unlabelled)
    draw_add(page, expanded=not counts["anchors"])
with right:
    show_notice()
    if anchor is None:
        st.info("There is no anchor yet. Add a question on the left, one a line.", icon=":material/arrow_back:")
    else:
        draw_anchor(page, anchor, unlabelled)
