"""Adding anchors on the label page: pasted lines, a pasted table or a file, with a preview of what is new before anything is stored."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.ingest.anchors import (
    MOST_CHARS,
    MOST_ROWS,
    AnchorColumns,
    AnchorPlan,
    NumberedAnchor,
    plan_anchors,
    read_anchor_columns,
    read_anchor_lines,
    read_anchor_table,
    store_anchors,
)
from core.ingest.bundle import Problem
from core.model import PairsmithError, hash_text
from pages._ui.anchor_list import choose_anchor
from pages._ui.marks import NOTICE
from pages._ui.page import Page, get_workspace

LINES, TABLE, FILE = "One a line", "A table", "A file"
NONE = "(none)"
SHOWN = 5


def draw_add(page: Page, *, expanded: bool) -> None:
    """Anchors from the clipboard or a file."""
    with st.expander("Add questions", icon=":material/add:", expanded=expanded):
        way = st.segmented_control("How", [LINES, TABLE, FILE], default=LINES, key=f"add-way-{page.project_id}", required=True)
        st.caption(f"At most {MOST_ROWS:,} at once and {MOST_CHARS:,} characters each. All come in, or none.")
        turn = st.session_state.get(_turn_key(page), 0)
        if way == FILE:
            _draw_file(page, turn)
            return
        key = f"pasted-{page.project_id}-{turn}"
        label = "Questions, one a line" if way == LINES else "Table with a header, as copied from a spreadsheet or a CSV"
        pasted = st.text_area(label, key=key, height=120, help="A question, or anything else people ask of the corpus.")
        st.button("Preview", key="preview-anchors", help="Shows what would come in. Nothing is stored yet.")  # leaving the field is what sends the text
        if not pasted.strip():
            return
        if way == LINES:
            _draw_plan(page, *read_anchor_lines(pasted))
        else:
            _draw_table(page, pasted, hash_text(pasted))


def _draw_file(page: Page, turn: int) -> None:
    file = st.file_uploader("CSV or TSV with a header", type=["csv", "tsv"], key=f"anchor-file-{page.project_id}-{turn}")
    if file is None:
        return
    with tempfile.TemporaryDirectory(prefix="pairsmith-") as made:
        path = Path(made) / f"upload{'.tsv' if file.name.lower().endswith('.tsv') else '.csv'}"
        path.write_bytes(file.getvalue())
        _draw_table(page, path, file.file_id)


def _draw_table(page: Page, source: Path | str, source_key: str) -> None:
    """The table's columns to choose from and what would come in; `source_key` names the content."""
    try:
        header, guess = _read_header(source_key, source)
    except PairsmithError as error:
        _show_problem(str(error))
        return
    options = [NONE, *header]
    usual = header.index(guess.question) if guess.question else 0
    question = st.selectbox("Column of the question", header, index=usual, key=f"column-question-{page.project_id}")
    id_column = st.selectbox(
        "Column of the id",
        options,
        index=options.index(guess.id or NONE),
        key=f"column-id-{page.project_id}",
        help="Without one, a question is named by its text.",
    )
    group = st.selectbox(
        "Column of the group",
        options,
        index=options.index(guess.group or NONE),
        key=f"column-group-{page.project_id}",
        help="Questions with the same group are wordings of one: a mark counts for all.",
    )
    columns = AnchorColumns(question or "", "" if id_column == NONE else id_column, "" if group == NONE else group)
    _draw_plan(page, *_read_table(source_key, columns, source))


@st.cache_resource(max_entries=3, show_spinner=False)
def _read_header(source_key: str, _source: Path | str) -> tuple[list[str], AnchorColumns]:
    """A table's columns, and which of them is likely what."""
    return read_anchor_columns(_source)


@st.cache_resource(max_entries=3, show_spinner=False)
def _read_table(source_key: str, columns: AnchorColumns, _source: Path | str) -> tuple[Sequence[NumberedAnchor], Sequence[Problem]]:
    """A table's questions and faults, read once for each choice of columns."""
    return read_anchor_table(_source, columns)


def _draw_plan(page: Page, found: Sequence[NumberedAnchor], problems: Sequence[Problem]) -> None:
    """What would come in, and the button that brings it in."""
    with page.workspace.store.read() as conn:
        plan = plan_anchors(conn, page.project_id, found, problems)
    st.text(f"{len(plan.new):,} new · {len(plan.known):,} here already · {len(plan.repeated):,} given twice")
    if plan.problems:
        more = f"\n… and {len(plan.problems) - SHOWN:,} more" if len(plan.problems) > SHOWN else ""
        _show_problem(f"Nothing can come in: {len(plan.problems):,} to mend first.\n" + "\n".join(map(str, plan.problems[:SHOWN])) + more)
    rows = [(item.line, item.anchor.text, "new") for item in plan.new[:SHOWN]]
    rows += [(item.line, item.anchor.text, "here already") for item in plan.known[:SHOWN]]
    rows += [(item.line, item.anchor.text, f"given in line {first}") for item, first in plan.repeated[:SHOWN]]
    if rows:
        st.dataframe(pd.DataFrame(rows, columns=["Line", "Question", ""]), hide_index=True, alt="What would come in, the first of each kind")
    words = f"Add {len(plan.new):,}" if plan.new else "Nothing new to add"
    st.button(words, key="add-anchors", type="primary", disabled=bool(plan.problems) or not plan.new, on_click=add_anchors, args=(page, found, problems))


def add_anchors(page: Page, found: Sequence[NumberedAnchor], problems: Sequence[Problem]) -> None:
    """Store what was previewed, sorted anew: what somebody else added since is not added again."""
    try:
        with get_workspace().store.write() as conn:
            plan: AnchorPlan = plan_anchors(conn, page.project_id, found, problems)
            store_anchors(conn, page.project_id, plan)
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)
        return
    st.session_state[_turn_key(page)] = st.session_state.get(_turn_key(page), 0) + 1
    passed = len(plan.known) + len(plan.repeated)
    st.session_state[NOTICE] = f"{len(plan.new):,} added." + (f" {passed:,} were there already." if passed else "")
    if plan.new:
        choose_anchor(page.project_id, plan.new[0].anchor.id)


def _turn_key(page: Page) -> str:
    """Counts what was added: a new turn empties the fields."""
    return f"add-turn-{page.project_id}"


def _show_problem(words: str) -> None:
    with st.container(border=True):
        st.text(words)
