"""Agreement: how far experts agree on what more than one of them judged, and settling what they differ on.

Whoever settles sees every opinion with its reason. The word given stands against later blind words; what was settled meanwhile is refused.
"""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from core.curation.agreement import OUTCOMES, Agreement, Opinions, measure_agreement, read_opinions
from core.curation.disputes import Dispute, list_disputes, settle_dispute
from core.curation.options import read_options
from core.curation.overlap import change_overlap
from core.model import Judgement, Label, PairsmithError
from core.store import corpus, judgements
from core.workspace import Workspace
from pages._ui.page import get_workspace, open_page
from pages._ui.sign_in import is_lead_here
from pages._ui.text import escape_label, show_document

NAMES = {Label.HARD_NEGATIVE: "Hard negative", Label.POSITIVE: "Answer", Label.AMBIGUOUS: "Ambiguous"}
GRADES = {3: "answers fully", 2: "answers partly", 1: "touches the question"}
SETTLEMENTS = {"Hard negative": (Label.HARD_NEGATIVE, 0), "Answers fully": (Label.POSITIVE, 3), "Partly": (Label.POSITIVE, 2)} | {
    "Touches": (Label.POSITIVE, 1),
    "Leave ambiguous": (Label.AMBIGUOUS, 0),
}
SHOWN = 5
NOTICE = "agreement-notice"
page = open_page("Agreement", ":material/group:", caption="Where several experts judged the same record: how far they agree, and what is left to settle.")


@st.cache_data(max_entries=8, show_spinner=False)
def read_figures(_workspace: Workspace, database: str, project_id: str, last_seq: int) -> tuple[list[Opinions], Agreement, list[Dispute]]:
    """Opinions, coefficients and disputes at this state of the log, worked out once: a click must not pay the resampling again."""
    found = read_opinions(_workspace, project_id)
    return found, measure_agreement(found), list_disputes(_workspace, project_id, found)


def say_word(word: Judgement) -> str:
    """An opinion in words."""
    return NAMES[word.label] + (f", {GRADES.get(word.grade, f'grade {word.grade}')}" if word.label == Label.POSITIVE else "")


def format_share(value: float) -> str:
    """A coefficient for a metric; a dash where it is not defined."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def draw_figures(found: Agreement) -> None:
    """The coefficients, each with what it means."""
    interval = "" if math.isnan(found.ac1) else f"{found.ac1_low:.2f} to {found.ac1_high:.2f}"
    with st.container(horizontal=True):
        st.metric("Judged by several", f"{found.pairs:,}", border=True, height="stretch", help=f"Records that at least two of {found.raters} experts judged.")
        st.metric("Same verdict", format_share(found.observed), border=True, height="stretch", help="Share of experts' pairs that gave the same verdict.")
        st.metric(
            "Agreement, AC1",
            format_share(found.ac1),
            interval or None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help="Gwet's AC1: agreement beyond chance, 1 is full agreement. Below it the 95 % interval. Made for cases where one verdict is rare.",
        )
        st.metric(
            "Agreement, kappa",
            format_share(found.kappa),
            border=True,
            height="stretch",
            help="Fleiss' kappa: agreement beyond chance as well, but it falls towards 0 where one verdict is rare, however well experts agree. "
            "Read it together with the share of answers.",
        )
        st.metric("Share of answers", format_share(found.base_rate), border=True, height="stretch", help="How often a verdict said that it is an answer.")


def draw_overlap() -> None:
    """How much of the queue two experts judge."""
    share = read_options(page.project).overlap if page.project else 0.0
    st.slider(
        "Share of the queue that two experts judge",
        0,
        50,
        round(share * 100),
        5,
        format="%d %%",
        key=f"overlap-{page.project_id}",
        on_change=store_overlap,
        disabled=not is_lead_here(page.author),
        help="For everybody in the project; leads set it. Each of these records is handed to two experts, and neither sees what the other said. "
        "10 to 20 % are enough to see how far they agree.",
    )


def store_overlap() -> None:
    """Keep the share as the slider stands."""
    try:
        change_overlap(page.workspace, page.project_id, st.session_state[f"overlap-{page.project_id}"] / 100, page.author)
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)


def draw_dispute(dispute: Dispute) -> None:
    """One record with every opinion on it, and the ways to settle it."""
    pair = dispute.opinions.anchor_id, dispute.opinions.document_id
    with page.workspace.store.read() as conn:
        anchor = corpus.get_anchor(conn, page.project_id, pair[0])
        document = corpus.get_documents(conn, page.project_id, [pair[1]])[pair[1]]
    with st.container(border=True):
        st.text(anchor.text)
        show_document(document)
        rows = [
            {"Expert": author, "Verdict": say_word(word), "Reason": word.reason, "Note": word.note} for author, word in sorted(dispute.opinions.words.items())
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="What each expert said of this record")
        st.text_input("Why", key=f"why-{dispute.version}", placeholder="Optional, kept with your word", max_chars=2000)
        with st.container(horizontal=True):
            for name in SETTLEMENTS:
                st.button(name, key=f"settle-{name}-{dispute.version}", on_click=settle, args=(page.project_id, page.author, dispute, name))


def settle(project_id: str, author: str, dispute: Dispute, name: str) -> None:
    """Give the record the word of the button and say what followed; what came in meanwhile is said instead."""
    label, grade = SETTLEMENTS[name]
    note = st.session_state.get(f"why-{dispute.version}", "")
    try:
        found = settle_dispute(get_workspace(), project_id, author, dispute, label, grade=grade, note=note).followed
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)
        return
    also = [f"{item.document.id} for {item.anchor.id}" for item in found.pairs]
    told = [f"Near-duplicates and questions that ask the same were judged with it: {', '.join(also)}."] if also else []
    if lines := [*told, *found.warnings]:
        st.session_state[NOTICE] = " ".join(lines)


if notice := st.session_state.pop(NOTICE, None):
    st.warning(escape_label(notice), icon=":material/warning:")
with page.workspace.store.read() as conn:
    newest = judgements.last_seq(conn, page.project_id)
opinions, figures, disputes = read_figures(page.workspace, str(page.workspace.store.engine.url), page.project_id, newest)
if figures.pairs:
    draw_figures(figures)
else:
    st.info(
        "No record was judged by more than one expert yet. Have two experts judge part of the queue, and this page says how far they agree.",
        icon=":material/group:",
    )
draw_overlap()
st.subheader(
    f"To settle: {len(disputes):,}", anchor=False, help="Experts differ on these. Until one is settled it counts as ambiguous and is left out of training."
)
for item in disputes[:SHOWN]:
    draw_dispute(item)
if len(disputes) > SHOWN:
    st.caption(f"{SHOWN} of {len(disputes):,} shown; the next come as these are settled.")
if not disputes:
    st.caption("Nothing waits to be settled.")
if figures.pairs:
    with st.expander("What was judged by several", icon=":material/table_rows:"):
        blind = [item for item in opinions if len(item.independent) > 1]
        counts = {
            name: [sum(word.label == outcome for item in blind for word in item.independent.values() if item.differ is differ) for differ in (False, True)]
            for outcome, name in NAMES.items()
            if outcome in OUTCOMES
        }
        st.dataframe(
            pd.DataFrame(
                {"Verdict": list(counts), "Where they agree": [row[0] for row in counts.values()], "Where they differ": [row[1] for row in counts.values()]}
            ),
            hide_index=True,
            width="content",
            alt="How often each verdict was given",
        )
