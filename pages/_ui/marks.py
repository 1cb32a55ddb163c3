"""Grading a document for an anchor: the buttons, bound to their pair, and the event they write.

Refuses to write where somebody else judged the pair since the buttons were drawn. What followed from a mark is said. Invariant: a button only ever marks
the pair it stood under.
"""

from __future__ import annotations

import uuid

import streamlit as st

from core.curation.agreement import DISPUTED, REFEREE
from core.curation.review_queue import mark_answer, take_back
from core.model import Anchor, Document, Judgement, Label, PairsmithError
from core.store import judgements
from pages._ui.page import Page, get_workspace
from pages._ui.review_buttons import say_followed
from pages._ui.text import show_place

GRADES = {3: "3 fully", 2: "2 partly", 1: "1 touches", 0: "0 no answer"}
GRADE_HELP = {
    3: "Answers the question fully.",
    2: "Answers part of the question.",
    1: "Touches the question without answering it.",
    0: "Looks like an answer and is none: a reviewed hard negative.",
}
WORDS = {Label.AMBIGUOUS: "ambiguous", Label.SKIPPED: "skipped", Label.CANNOT_JUDGE: "cannot judge"}
NOTICE = "marks-notice"


def show_notice() -> None:
    """What the last click has to say, once."""
    notice = st.session_state.pop(NOTICE, "")
    if notice:
        with st.container(border=True):
            st.text(notice)


def describe(item: Judgement | None) -> str:
    """What is said of a pair now."""
    if item is None:
        return ""
    if item.author == REFEREE and item.reason == DISPUTED:
        return "experts differ: settle it on the agreement page"
    return GRADES.get(item.grade, f"grade {item.grade}") if item.label in (Label.POSITIVE, Label.HARD_NEGATIVE) else WORDS[item.label]


def mark(project_id: str, author: str, anchor_id: str, document_id: str, grade: int | None, seq: int | None, *, blind: bool = False) -> None:
    """Store the grade of the pair the button stood under, or take its last mark back; refused where somebody else spoke since it was drawn.

    `blind`: the pair's word was not shown.
    """
    workspace = get_workspace()
    with workspace.store.read() as conn:
        now = next((item for item in judgements.read_state(conn, project_id, anchor_ids=[anchor_id]) if item.document_id == document_id), None)
    if (now.seq if now else None) != seq:
        st.session_state[NOTICE] = "That pair was judged meanwhile, so the button changed nothing. Look at the present mark and decide again."
        return
    pair = {"client_id": uuid.uuid4().hex, "anchor_id": anchor_id, "document_id": document_id}
    try:
        if grade is None:
            followed, head = take_back(workspace, project_id, author, **pair), "Also taken back:"
        else:
            saw = now.client_id if now and not blind else None
            followed, head = mark_answer(workspace, project_id, author, **pair, grade=grade, saw=saw), "Also applied to"
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)
        return
    if followed and (lines := say_followed(followed, head)):
        st.session_state[NOTICE] = "\n".join(lines)


def draw_marks(page: Page, anchor: Anchor, document: Document, item: Judgement | None, place: str, *, blind: bool = False) -> None:
    """A document with the buttons that grade it for this anchor; the present mark is named and ticked, unless the pair is to be judged `blind`.

    `place` keeps keys of two lists apart.
    """
    args = (page.project_id, page.author, anchor.id, document.id)
    seq, kept = item.seq if item else None, {"blind": blind}
    item = None if blind else item
    with st.container(border=True):
        show_place(document, note=f"marked {describe(item)}" if item else "")
        st.text(document.text)
        with st.container(horizontal=True, gap="xsmall"):
            for grade, words in GRADES.items():
                icon = ":material/check:" if item and words == describe(item) else None
                key = f"{place}-{grade}-{anchor.id}-{document.id}"
                st.button(words, key=key, help=GRADE_HELP[grade], icon=icon, on_click=mark, args=(*args, grade, seq), kwargs=kept)
            if item:
                words = "Take back the last mark of this pair: what was said before stands again."
                st.button(
                    "Undo",
                    key=f"{place}-undo-{anchor.id}-{document.id}",
                    type="tertiary",
                    icon=":material/undo:",
                    help=words,
                    on_click=mark,
                    args=(*args, None, seq),
                )
