"""Label: search the corpus and mark the answers of an anchor.

Left the questions, paged, with what is proposed of them; right the chosen one with the panel that searches and marks, and the same by plain buttons. A mark
is one event of the log and can be taken back.
"""

from __future__ import annotations

import streamlit as st

from core.model import Anchor, Label
from core.store import corpus, projects
from core.store.anchor_groups import AnchorFilter, next_question
from pages._ui.add_anchors import draw_add
from pages._ui.anchor_list import choose_anchor, choose_filter, current_anchor, draw_list, kept_filter
from pages._ui.label_panel import Shown, label_panel, take_sendings
from pages._ui.marks import draw_marks, show_notice
from pages._ui.page import Page, open_page
from pages._ui.paraphrase_panel import draw_group, draw_proposals

BUTTONS_SHOWN = 10
ANSWERS_SHOWN = 20


def draw_answers(page: Page, anchor: Anchor, shown: Shown) -> None:
    """The documents that count as answers now."""
    answers = sorted((item for item in shown.seen.values() if item.label == Label.POSITIVE and item.grade), key=lambda item: (-item.grade, item.document_id))
    with page.workspace.store.read() as conn:
        documents = corpus.get_documents(conn, page.project_id, [item.document_id for item in answers[:ANSWERS_SHOWN]])
    with st.expander(f"Answers marked so far: {len(answers)}", icon=":material/done_all:", expanded=False):
        if not answers:
            st.caption("None yet. Search above and mark what answers the question. What is not marked counts as unknown, not as no answer.")
        for item in answers[:ANSWERS_SHOWN]:
            draw_marks(page, anchor, documents[item.document_id], item, "answer")
        if len(answers) > ANSWERS_SHOWN:
            st.caption(f"The best {ANSWERS_SHOWN} of {len(answers):,} are shown. History lists all that was said.")


def draw_buttons(page: Page, anchor: Anchor, shown: Shown, chosen: AnchorFilter) -> None:
    """The same without the panel: each hit with its buttons, and the way to the next question."""
    with st.expander("Mark with buttons", icon=":material/touch_app:"):
        st.caption("For assistive technology, or where the panel does not work.")
        with page.workspace.store.read() as conn:
            following = next_question(conn, page.project_id, anchor, chosen)
        if following is not None:
            args = (page.project_id, following.id)
            st.button("Next question", key=f"next-{anchor.id}", icon=":material/arrow_forward:", on_click=choose_anchor, args=args)
        for hit in shown.hits[:BUTTONS_SHOWN]:
            draw_marks(page, anchor, hit.document, shown.state.get(hit.document.id), "hit", blind=hit.document.id in shown.blind)


page = open_page("Label", ":material/search:", caption="Choose a question, search the corpus, mark what answers it: with one key, or with buttons.")
take_sendings(page, kept_filter(page))
with page.workspace.store.read() as conn:
    counts = projects.count_contents(conn, page.project_id)
if counts["documents"] == 0:
    st.info("The project has no documents yet, so there is nothing to search. Bring in a corpus first.", icon=":material/library_books:")
    st.page_link("corpus.py", label="Go to corpus", icon=":material/arrow_forward:")
    st.stop()
left, right = st.columns([2, 3], gap="medium")
with left:
    open_count = counts["anchors"] - counts["labelled_anchors"]
    help_text = "An anchor is a question, or anything else people ask of the corpus."
    st.caption(f"{open_count:,} of {counts['anchors']:,} anchors have no answer yet", help=help_text)
    chosen = choose_filter(page)
    anchor = current_anchor(page, chosen)
    if counts["anchors"]:
        draw_list(page, anchor, chosen)
        draw_proposals(page, counts["anchors"])
    draw_add(page, expanded=not counts["anchors"])
with right:
    show_notice()
    shown = label_panel(page, anchor, chosen)
    if anchor is None:
        st.info("There is no anchor yet. Add a question on the left, one a line.", icon=":material/arrow_back:")
    else:
        draw_group(page, anchor)
        draw_answers(page, anchor, shown)
        draw_buttons(page, anchor, shown, chosen)
