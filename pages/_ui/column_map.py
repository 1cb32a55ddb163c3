"""Saying which column of a table is what, beside its first rows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.ingest.columns import FIELD, LEAVE_OUT, NEGATIVE, ROLES, ColumnMap, TableKind, find_map_faults, guess_map
from core.ingest.look import Look
from pages._ui.text import escape_label

CUT = 80
KINDS = {
    TableKind.DOCUMENTS: "Documents that people search",
    TableKind.ANCHORS: "Questions people ask (anchors)",
    TableKind.PAIRS: "Questions with passages (pairs)",
}
WORDS = {
    "text": "Text",
    "id": "Id",
    "title": "Title",
    "group": "Group of paraphrases",
    "part": "Part (train, dev, test)",
    "anchor": "Question",
    "document": "Passage",
    "grade": "Grade (0 is no answer)",
    "anchor_id": "Id of the question",
    "document_id": "Id of the passage",
    NEGATIVE: "Hard negative",
    FIELD: "Keep as a field",
    LEAVE_OUT: "Leave out",
}


def choose_columns(look: Look, key: str) -> ColumnMap | None:
    """Widgets for the kind of the rows and the meaning of each column; None, with what is missing said, while rows cannot be read by it."""
    if look.table is None or look.guess is None:
        return None
    st.subheader("What the columns hold", anchor=False)
    kind = st.segmented_control("Each row is", list(KINDS), default=look.guess.kind, format_func=KINDS.__getitem__, required=True, key=f"kind-{key}")
    guess = guess_map(look.table, kind)
    rows = [{name: str(value)[:CUT] for name, value in cells.items()} for _, cells in look.table.rows]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="First rows of the table")
    options = [*ROLES[kind], *([FIELD] if kind != TableKind.PAIRS else []), LEAVE_OUT]
    roles: dict[str, str] = {}
    columns = st.columns(3)
    for place, (name, role) in enumerate(guess.roles.items()):
        with columns[place % 3]:
            index = options.index(role) if role in options else len(options) - 1
            roles[name] = st.selectbox(escape_label(name[:CUT]), options, index=index, format_func=WORDS.__getitem__, key=f"column-{key}-{kind}-{place}")
    chosen = ColumnMap(kind, roles)
    faults = find_map_faults(chosen)
    if faults:
        st.warning("Say above what is missing, then see what will come in.", icon=":material/table_view:")
        for fault in faults:
            st.text(fault)
        return None
    return chosen
