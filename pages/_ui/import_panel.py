"""Bringing a file in: choose it, see what would change and every fault with its line, then import all of it or nothing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.ingest.bundle import Bundle, store_bundle
from core.ingest.columns import ColumnMap
from core.ingest.kinds import WORDS, Kind
from core.ingest.known import read_known
from core.ingest.look import Look
from core.ingest.preview import Change, Preview, preview_bundle
from core.ingest.upload import KINDS, look_at_upload, read_upload
from core.model import PairsmithError, RunKind
from core.store import corpus, judgements
from core.workspace import Workspace
from pages._ui.column_map import choose_columns
from pages._ui.page import Page
from pages._ui.runs import start_run
from pages._ui.text import to_row

FIRST = 5
CUT = 300
FAULTS = 200
WHAT_COMES_IN = """\
| File | What it holds |
|---|---|
| `.csv`, `.tsv`, `.parquet` | A table of documents, of questions, or of questions with passages; you say which column is what |
| `.jsonl` of pairs | A line each: `{"anchor": "question", "positive": "text of the answer", "hard_negatives": ["looks like it"]}` |
| `.jsonl` of documents | A line each: `{"_id": "d1", "title": "", "text": "…", "metadata": {"agreement": "…"}}` |
| `queries.jsonl` | Questions, a line each: `{"_id": "q1", "text": "…"}`; the file's name begins with `queries` or `anchors` |
| `.txt`, `.md` | A document; a `.zip` of a folder of them brings each as one |
| `.zip` | A BEIR folder: `corpus.jsonl`, `queries.jsonl`, `qrels/*.tsv`, where a score of 0 is a hard negative; or a folder of tables or texts |
| `.qrels` | Judgements alone, of questions and documents that are here |
"""


def draw_import(page: Page) -> None:
    """The whole panel: uploader, preview, and the button that stores."""
    if said := st.session_state.pop("import_said", None):
        st.success(said, icon=":material/check_circle:")
        st.page_link("label.py", label="Next: label answers", icon=":material/arrow_forward:")
    if refused := st.session_state.pop("import_refused", None):
        st.error("Nothing was imported.", icon=":material/error:")
        st.text(refused)
    turn = st.session_state.get("import_turn", 0)
    upload = st.file_uploader(
        "File to import", type=list(KINDS), key=f"import-{page.project_id}-{turn}", help="Nothing is stored until you have seen what comes in."
    )
    with st.expander("What files can look like", icon=":material/info:"):
        st.markdown(WHAT_COMES_IN)
    if upload is None:
        return
    try:
        with st.spinner("Reading the file"):
            look = _look(upload.file_id, upload.name, None, upload)
        kind = _choose_kind(look, upload.file_id)
        if kind != look.kind:
            look = _look(upload.file_id, upload.name, kind, upload)
        columns = choose_columns(look, upload.file_id)
        if look.table is not None and columns is None:
            return
        with st.spinner("Reading the file"):
            revisions = (page.project.corpus_revision, page.project.anchor_revision) if page.project else (0, 0)
            state, key = (*revisions, _count_anchors(page)), f"{kind.value}-{_to_key(columns)}"
            bundle = _read(page.workspace, page.project_id, state, upload.file_id, upload.name, kind, key, columns, upload)
    except PairsmithError as error:
        st.error("The file cannot be read.", icon=":material/error:")
        st.text(str(error))
        return
    if bundle.problems:
        _draw_problems(bundle)
    elif not any(bundle.counts.values()):
        st.warning("The file holds nothing to import.", icon=":material/warning:")
    else:
        with page.workspace.store.read() as conn:
            said = judgements.last_seq(conn, page.project_id)
        _draw_preview(page, bundle, _preview(page.workspace, page.project_id, (*state, said), upload.file_id, key, bundle))


@st.cache_resource(max_entries=3, show_spinner=False)
def _look(file_id: str, name: str, kind: Kind | None, _upload: Any) -> Look:
    """What the upload seems to be, or how it looks as `kind`, looked at once."""
    return look_at_upload(name, _upload.getvalue(), kind=kind)


def _choose_kind(look: Look, file_id: str) -> Kind:
    """What the upload is taken for: said, and to be changed where its ending leaves a choice."""
    if len(look.kinds) < 2:
        st.caption(f"This is {WORDS[look.kind]}.")
        return look.kind
    return st.selectbox(
        "This is",
        look.kinds,
        format_func=WORDS.__getitem__,
        key=f"kind-of-{file_id}",
        help="Told from its name and its first lines. Choose another where it was taken for the wrong thing.",
    )


@st.cache_resource(max_entries=3, show_spinner=False)
def _read(
    _workspace: Workspace,
    project_id: str,
    state: tuple[int, ...],
    file_id: str,
    name: str,
    kind: Kind,
    columns_key: str,
    _columns: ColumnMap | None,
    _upload: Any,
) -> Bundle:
    """What the upload holds, read once for each state of the project (its records give known texts their ids) and choice of columns."""
    return read_upload(name, _upload.getvalue(), read_known(_workspace, project_id), kind=kind, columns=_columns)


@st.cache_resource(max_entries=3, show_spinner=False)
def _preview(_workspace: Workspace, project_id: str, state: tuple[int, ...], file_id: str, columns_key: str, _bundle: Bundle) -> Preview:
    """What the bundle would change, worked out once for each state of the project, its judgements included."""
    with _workspace.store.read() as conn:
        return preview_bundle(conn, project_id, _bundle)


def _to_key(columns: ColumnMap | None) -> str:
    return "" if columns is None else repr((columns.kind, sorted(columns.roles.items())))


def _count_anchors(page: Page) -> int:
    with page.workspace.store.read() as conn:
        return corpus.count_anchors(conn, page.project_id)


def _draw_problems(bundle: Bundle) -> None:
    n = len(bundle.problems)
    st.error(f"{n:,} {'fault' if n == 1 else 'faults'} to mend before this file can come in. Nothing was stored.", icon=":material/error:")
    rows = [{"File": item.file, "Line": item.line or None, "What is wrong": item.message} for item in bundle.problems[:FAULTS]]
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config={"What is wrong": st.column_config.TextColumn(width="large")}, alt="Faults in the file")
    if n > FAULTS:
        st.caption(f"The first {FAULTS} of {n:,}. Mend these and choose the file again.")


def _draw_preview(page: Page, bundle: Bundle, preview: Preview) -> None:
    st.subheader("What will come in", anchor=False)
    for note in preview.notes:
        st.text(f"Note: {note}")
    changes = {"Documents": preview.documents, "Anchors": preview.anchors, "Judgements": preview.judgements}
    st.dataframe(
        pd.DataFrame([_to_row(name, change) for name, change in changes.items() if change.found]),
        hide_index=True,
        width="content",
        alt="How much is new and how much changes",
        column_config={
            "Changed": st.column_config.NumberColumn(
                help="The same id, or the same pair, is here with another content. The file's word will stand; earlier judgements stay in the history."
            ),
            "Already here": st.column_config.NumberColumn(help="The project holds it already, letter for letter. It stays as it is."),
        },
    )
    if preview.judgements.changed:
        st.warning(
            f"{preview.judgements.changed:,} pairs are judged otherwise here. After the import this file's word stands; the history keeps the earlier one.",
            icon=":material/warning:",
        )
    _draw_first(bundle)
    if preview.is_empty:
        st.info("Everything in this file is in the project already. There is nothing to import.", icon=":material/info:")
    else:
        st.button("Import", type="primary", icon=":material/upload:", key="import_now", on_click=_store, args=(page, bundle))


def _draw_first(bundle: Bundle) -> None:
    if bundle.documents:
        st.caption(f"The first documents of {len(bundle.documents):,}")
        rows = [to_row(doc, CUT) for doc in bundle.documents[:FIRST]]
        st.dataframe(pd.DataFrame(rows), hide_index=True, column_config={"Text": st.column_config.TextColumn(width="large")}, alt="First documents of the file")
    if bundle.anchors:
        st.caption(f"The first anchors of {len(bundle.anchors):,}")
        rows = [{"Id": anchor.id, "Question": anchor.text[:CUT]} for anchor in bundle.anchors[:FIRST]]
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, column_config={"Question": st.column_config.TextColumn(width="large")}, alt="First anchors of the file"
        )


def _store(page: Page, bundle: Bundle) -> None:
    """Store all of it in one transaction, then have what is new embedded."""
    try:
        with page.workspace.store.write() as conn:
            stored = store_bundle(conn, page.project_id, bundle)
    except PairsmithError as error:
        st.session_state["import_refused"] = str(error)
        return
    start_run(page, RunKind.EMBED)
    parts = [f"{n:,} {name if n != 1 else name.removesuffix('s')}" for name, n in stored.items() if n]
    st.session_state["import_said"] = f"Imported: {', '.join(parts)}. They are being prepared for search."
    st.session_state["import_turn"] = st.session_state.get("import_turn", 0) + 1


def _to_row(name: str, change: Change) -> dict[str, object]:
    return {"": name, "In the file": change.found, "New": change.new, "Changed": change.changed, "Already here": change.same}
