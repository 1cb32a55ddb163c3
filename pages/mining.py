"""Candidates: start mining, see what it found and why, and how this project's decisions set the line for what is suspicious."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.curation.audit import estimate_left
from core.curation.calibration import Calibration, calibrate
from core.curation.mining import SAME_PARENT, Mining
from core.curation.options import change_options, read_options
from core.model import CandidateStatus, PairsmithError, RunKind, RunStatus
from core.store import artefacts, candidate_table, judgements
from core.store.candidate_table import CandidateFilter, CandidateRow
from pages._ui.calibration_chart import draw_calibration
from pages._ui.figures import STILL
from pages._ui.model_label import label_model
from pages._ui.page import Page, get_workspace, open_page
from pages._ui.runs import latest_run, start_run, watch_run
from pages._ui.sign_in import is_lead_here
from pages._ui.text import escape_label

ROWS = 50
STATUSES = {"": "All", CandidateStatus.SUSPICIOUS: "May be an answer", CandidateStatus.PROPOSED: "Proposed", CandidateStatus.SET_ASIDE: "Set aside"}
PARENT_RULES = {"suspicious": "Show it first", "aside": "Set it aside", "ignore": "Treat it like any other"}
LABELS = {
    "": "—",
    "positive": "Answer",
    "hard_negative": "Hard negative",
    "ambiguous": "Ambiguous",
    "skipped": "Skipped",
    "cannot_judge": "Cannot judge",
}
# Of columns, in pixels: the figures are to be seen beside the texts, which are whole on the hard negatives page.
WIDTHS = {"Anchor": 180, "Document": 200, "Status": 120, "Why": 180}
NOTICE = "mining-notice"


def draw_start(page: Page) -> None:
    """The model choice, the options, and the button that starts mining."""
    with page.workspace.store.read() as conn:
        models = artefacts.list_models(conn, page.project_id)
    names = {"base": "Base model"} | {model.id: label_model(model) for model in models if model.kind == "tuned"}
    st.selectbox("Model", list(names), format_func=names.__getitem__, key="mine_system", help="A tuned model finds what it still mistakes.")
    with st.expander("Advanced", icon=":material/tune:"):
        left, right = st.columns(2)
        with left:
            st.number_input("Neighbours from each ranking", 1, 1000, Mining.depth, key="mine_depth", help="How far down each list, by words and by meaning.")
            st.number_input("Candidates an anchor", 1, 100, Mining.per_anchor, key="mine_per_anchor", help="How many are shown; the rest is kept, set aside.")
            help_text = "Left empty, the line comes from this project's decisions, see below."
            st.number_input("Suspicious from a ratio of", 0.5, 2.0, None, 0.01, key="mine_ratio", placeholder="learned", help=help_text)
        with right:
            parent = read_options(page.project).parent_field if page.project else ""
            help_text = "The field of a document that names the larger document it is a part of; empty for none. Kept for the project."
            st.text_input("Parent field", parent, key="mine_parent_field", help=help_text)
            st.selectbox("A passage from the same parent as an answer", SAME_PARENT, format_func=PARENT_RULES.__getitem__, key="mine_same_parent")
            help_text = (
                "A cross-encoder that reads the nearest candidates, by its name on the models page, a folder or a hub id: slower, and surer. Empty: none."
            )
            st.text_input("Reranker", key="mine_reranker", help=help_text)
    if st.session_state.get(NOTICE):
        st.error(escape_label(st.session_state.pop(NOTICE)), icon=":material/error:")
    help_text = "The queue is made anew. What is judged stays judged, and what a reviewer has before them stays with them."
    st.button("Look for candidates", key="mine_start", type="primary", icon=":material/manage_search:", on_click=start_mining, args=(page,), help=help_text)


def start_mining(page: Page) -> None:
    """Queue mining with the settings as they stand, unless it is queued or running already."""
    run = latest_run(page, RunKind.MINE)
    if run is not None and not run.status.is_over:
        return
    state = st.session_state
    config: dict[str, object] = {"depth": int(state["mine_depth"]), "per_anchor": int(state["mine_per_anchor"]), "suspicious_ratio": state["mine_ratio"]}
    config |= {"same_parent": state["mine_same_parent"], "reranker": state["mine_reranker"].strip()}
    try:
        Mining(**config)  # type: ignore[arg-type]
        change_options(page.workspace, page.project_id, parent_field=state["mine_parent_field"].strip())
        start_run(page, RunKind.MINE, config | {"system": state["mine_system"]})
    except PairsmithError as error:
        state[NOTICE] = str(error)


def to_line(row: CandidateRow, *, with_figures: bool) -> dict[str, object]:
    """A row of the table; what would tell whether it may be an answer is blank where figures are not to be shown."""
    item = row.candidate
    pair = {"Anchor": row.anchor, "Document": f"{item.document_id} · {row.document}"}
    figures = {
        "Status": STATUSES[item.status],
        "Why": item.reason,
        "Ratio": item.ratio,
        "Similarity": item.similarity,
        "Rank by meaning": item.dense_rank,
        "Rank by words": item.lexical_rank,
        "Reranker": item.reranker,
        "Audit": item.audit,
    }
    return pair | (figures if with_figures else dict.fromkeys(figures)) | {"Judged": LABELS[row.label]}


def draw_table(page: Page) -> None:
    """The candidates, paged, with filters."""
    with page.workspace.store.read() as conn:
        counts, reasons = candidate_table.count_statuses(conn, page.project_id), candidate_table.count_reasons(conn, page.project_id)
    if not reasons:
        st.info("Nothing has been mined yet. Look for candidates above; it takes a minute for a thousand documents.", icon=":material/manage_search:")
        return
    st.caption(
        f"{counts['suspicious']:,} may be answers · {counts['proposed']:,} proposed, {counts['audit']:,} of them drawn at random · "
        f"{counts['set_aside']:,} set aside · {counts['judged']:,} judged"
    )
    st.info(
        "Seeing scores before judging shifts judgements, so the figures of what nobody judged yet are left out. Review first, on the hard negatives page.",
        icon=":material/visibility_off:",
    )
    is_open = is_lead_here(page.author) and st.toggle("Show figures of unjudged records", key="mine_open", help="For leads, who do not review here.")
    status = reason = ""
    with st.container(horizontal=True):
        if is_open:  # to filter by what is left out would tell it
            status = st.selectbox("Status", list(STATUSES), format_func=STATUSES.__getitem__, key="mine_status")
            reason = st.selectbox("Why", ["", *reasons], format_func=lambda item: f"{item.strip()} ({reasons[item]:,})" if item else "All", key="mine_reason")
        anchor = st.text_input("Anchor contains", key="mine_anchor")
    wanted = CandidateFilter(status, reason, anchor.strip())
    with page.workspace.store.read() as conn:
        total = candidate_table.count_candidates(conn, page.project_id, wanted)
        pages = max(1, -(-total // ROWS))
        number = st.pagination(pages, key=f"mine_page_{status}_{reason}_{anchor}") if pages > 1 else 1
        found = candidate_table.page_candidates(conn, page.project_id, wanted, offset=(number - 1) * ROWS, limit=ROWS)
    rows = [to_line(row, with_figures=is_open or bool(row.label)) for row in found]
    number_form = {name: st.column_config.NumberColumn(format="%.3f") for name in ("Similarity", "Reranker")}
    narrow: dict[str, Any] = {name: st.column_config.TextColumn(width=width) for name, width in WIDTHS.items()}
    config = (
        narrow
        | number_form
        | {
            "Ratio": st.column_config.NumberColumn(format="%.3f", help="Similarity over that of the anchor's lowest answer: 1 is as near as that answer."),
            "Audit": st.column_config.CheckboxColumn(help="Drawn at random from what looks safe, to estimate how many answers are left."),
        }
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, alt=f"{total} candidates in the queue's order", placeholder="—")
    st.caption(f"{total:,} candidates, page {number:,} of {pages:,}, in the order of the queue.")


@st.cache_data(max_entries=8, show_spinner=False)
def load_calibration(home: str, project_id: str, last_seq: int, mined_by: str) -> Calibration:
    """The calibration after the judgement `last_seq`, for the model that mined last."""
    return calibrate(get_workspace(), project_id, model_id=mined_by or None)


def draw_curve(page: Page, mined_by: str) -> None:
    """The calibration curve with the decisions it rests on, and the audit's estimate."""
    st.subheader("Where answers begin", help="How often candidates of each ratio turned out to be answers, as the reviewers decided.")
    with page.workspace.store.read() as conn:
        last = judgements.last_seq(conn, page.project_id)
    found = load_calibration(str(page.workspace.home), page.project_id, last, mined_by)
    st.text(found.reason)
    if found.points:
        alt = f"Suspicious from a ratio of {found.threshold:.2f}, by {found.clicks} decisions of which {found.answers} were answers"
        st.plotly_chart(draw_calibration(found), key="calibration", config=STILL, alt=alt)
    st.caption(
        f"{found.clicks:,} decisions, {found.audit:,} of them on items drawn at random. The rest were chosen by their nearness, so the curve is surest "
        "around the line. What was shown for another reason, such as a near-duplicate of an answer, does not count. The dotted line is one in five."
    )
    left = estimate_left(page.workspace, page.project_id)
    if left is None:
        st.caption("Too few items drawn at random are judged to say how many answers are left among the rest.")
    else:
        st.text(
            f"{left.answers} of {left.judged} items drawn at random were answers: {left.low:.0%} to {left.high:.0%} of the {left.left:,} unreviewed "
            "candidates that look safe may be answers too (95 % interval)."
        )


page = open_page("Candidates", ":material/manage_search:", caption="What was found near the answers, why, and where answers begin.")
run = latest_run(page, RunKind.MINE)
if run is not None and run.status != RunStatus.SUCCEEDED:
    watch_run(page, run)
if run is None or run.status.is_over:
    draw_start(page)
draw_table(page)
draw_curve(page, str((run.result or {}).get("model_id", "")) if run else "")
