"""Corpus: the documents and anchors of the project, and bringing in more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.model import Anchor, Part, RunKind
from core.retrieval.lexical import open_lexical
from core.store import corpus, projects
from pages._ui.export_panel import draw_export
from pages._ui.import_panel import draw_import
from pages._ui.page import open_page
from pages._ui.runs import latest_run, watch_run
from pages._ui.text import show_document, show_text, to_row

ROWS = 10
ROW_PX = 72
CUT = 180
FOUND_MOST = 2_000
PARTS = {Part.TRAIN: "Training", Part.DEV: "Development", Part.TEST: "Held out"}
page = open_page(
    "Corpus", ":material/library_books:", caption="The documents that people search, the questions they ask (anchors), and bringing in more of both."
)


def draw_documents(total: int) -> None:
    """A page of documents, all of them or those that share words with a query; a chosen one in full below."""
    query = st.text_input(
        "Filter by words",
        key="words",
        icon=":material/search:",
        placeholder="termination notice",
        help="Finds documents that share a word with this, by its stem, best match first. It does not search by meaning; the label page does.",
    )
    if query.strip():
        with st.spinner("Looking up the words", show_time=True):
            ids = [document_id for document_id, _ in open_lexical(page.workspace, page.project_id).search(query, FOUND_MOST)]
        if not ids:
            st.info("No document shares a word with that. Try fewer or other words.", icon=":material/search_off:")
            return
        st.caption(f"{len(ids):,}{' or more' if len(ids) == FOUND_MOST else ''} of {total:,} documents, best match first")
        start = choose_page(len(ids), f"documents-{query}")
        with page.workspace.store.read() as conn:
            found = corpus.get_documents(conn, page.project_id, ids[start : start + ROWS])
        shown = [found[document_id] for document_id in ids[start : start + ROWS] if document_id in found]
    else:
        start = choose_page(total, "documents")
        with page.workspace.store.read() as conn:
            shown = corpus.read_documents(conn, page.project_id, offset=start, limit=ROWS)
    chosen = choose_row(pd.DataFrame([to_row(doc, CUT) for doc in shown]), f"document-rows-{query}-{start}", "Documents of the corpus")
    if chosen is None:
        st.caption("Choose a row to read the document in full.")
    else:
        show_document(shown[chosen])


def draw_anchors() -> None:
    """A page of anchors with how many answers each has; a chosen one in full below."""
    open_only = st.toggle("Only those without an answer", key="unlabelled")
    with page.workspace.store.read() as conn:
        total = corpus.count_anchors(conn, page.project_id, unlabelled=open_only)
    if not total:
        st.info("Every anchor has an answer." if open_only else "There are no anchors yet. Import some, or add them on the label page.", icon=":material/info:")
        st.page_link("label.py", label="Go to label", icon=":material/search:")
        return
    start = choose_page(total, f"anchors-{open_only}")
    with page.workspace.store.read() as conn:
        shown = corpus.page_anchors(conn, page.project_id, unlabelled=open_only, offset=start, limit=ROWS)
    frame = pd.DataFrame([to_anchor_row(anchor, answers) for anchor, answers in shown])
    chosen = choose_row(frame, f"anchor-rows-{open_only}-{start}", "Anchors of the project")
    if chosen is not None:
        with st.container(border=True):
            show_text(shown[chosen][0].text)
    st.page_link("label.py", label="Label answers", icon=":material/search:")


def to_anchor_row(anchor: Anchor, answers: int) -> dict[str, object]:
    """An anchor as a row."""
    return {"Id": anchor.id, "Question": anchor.text[:CUT], "Answers": answers, "Part": PARTS[anchor.part] if anchor.part else "—"}


def choose_page(total: int, key: str) -> int:
    """A pager where there is more than one page; returns the offset of the page."""
    pages = -(-total // ROWS)
    return (st.pagination(pages, key=f"page-{key}") - 1) * ROWS if pages > 1 else 0


def choose_row(frame: pd.DataFrame, key: str, alt: str) -> int | None:
    """A table of which one row can be chosen; returns its place."""
    config = {
        "Id": st.column_config.TextColumn(width="small"),
        "Text": st.column_config.TextColumn(width="large"),
        "Question": st.column_config.TextColumn(width="large", help="The anchor: what somebody asks of the corpus."),
        "Answers": st.column_config.NumberColumn(width="small", help="Documents marked as answering it, in full or in part."),
        "Part": st.column_config.TextColumn(
            width="small", help="Training, development or held out for the verdict. Set when hard negatives are mined or a run starts."
        ),
    }
    event = st.dataframe(
        frame, key=key, hide_index=True, column_config=config, on_select="rerun", selection_mode="single-row", row_height=ROW_PX, height="content", alt=alt
    )
    rows = event.selection.rows
    return rows[0] if rows and rows[0] < len(frame) else None


with page.workspace.store.read() as conn:
    counts = projects.count_contents(conn, page.project_id)
with st.container(horizontal=True):
    st.metric("Documents", f"{counts['documents']:,}", border=True)
    st.metric("Anchors", f"{counts['anchors']:,}", border=True, help="Questions that people ask of the documents.")
    st.metric("With answers", f"{counts['labelled_anchors']:,}", border=True, help="Anchors for which at least one document is marked as an answer.")
    st.metric("Hard negatives", f"{counts['hard_negatives']:,}", border=True, help="Pairs reviewed as: looks like an answer, is none.")
embedding = latest_run(page, RunKind.EMBED)
if embedding is not None and (not embedding.status.is_over or embedding.error):
    st.caption("Preparing the documents for search by meaning")
    watch_run(page, embedding)
if not counts["documents"]:
    st.info("The corpus is empty. Choose a file below: nothing is stored before you have seen what is in it.", icon=":material/arrow_downward:")
    draw_import(page)
else:
    views = {
        ":material/description: Documents": lambda: draw_documents(counts["documents"]),
        ":material/help_center: Anchors": draw_anchors,
        ":material/upload: Import": lambda: draw_import(page),
        ":material/download: Export": lambda: draw_export(page, answered=counts["labelled_anchors"], with_negatives=counts["hard_negatives"]),
    }
    for tab, draw in zip(st.tabs(list(views), key="corpus_view", on_change="rerun"), views.values(), strict=True):
        if tab.open:
            with tab:
                draw()
