"""The label panel: the hits of a search for one anchor, graded from the keyboard.

The panel marks at once and keeps an outbox in the browser until the server says that an event is stored. What it asks for (another search, more hits,
the next anchor) is taken here, once. Here, in this order: apply what arrived, take what is asked for, search, hand hits and present marks to the browser.
Hits that stand out come first and are marked as proposed; a proposal stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.curation.agreement import DISPUTED, REFEREE
from core.curation.answer_proposals import propose_answers
from core.model import Anchor, Document, Judgement, NotFound
from core.retrieval.search import Hit
from core.store import candidates, corpus, judgements
from core.store.anchor_groups import AnchorFilter, next_question, read_members
from pages._ui.anchor_list import choose_anchor
from pages._ui.corpus_search import HITS, MOST_HITS, search_page
from pages._ui.outbox import last_ask, name_outbox, take_ask, take_events
from pages._ui.page import Page

_HERE = Path(__file__).parent
_SHARED = _HERE.parent / "panel_shared.js"
_JUDGING_CSS = _HERE.parent / "judging_panel" / "panel.css"

_PANEL = st.components.v2.component(
    "label_panel",
    html=(_HERE / "panel.html").read_text(encoding="utf-8"),
    css=_JUDGING_CSS.read_text(encoding="utf-8") + (_HERE / "panel.css").read_text(encoding="utf-8"),
    js=_SHARED.read_text(encoding="utf-8") + (_HERE / "panel.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Shown:
    """What the panel was given: the hits, proposed ones first, and what is said of the anchor's documents now, by document id."""

    hits: Sequence[Hit]
    state: Mapping[str, Judgement]
    blind: Set[str] = frozenset()
    """Documents of which this person has yet to say something without seeing what others said."""

    @property
    def seen(self) -> Mapping[str, Judgement]:
        """What is said of the documents, as far as this person may see it."""
        return {document_id: item for document_id, item in self.state.items() if document_id not in self.blind}


def take_sendings(page: Page, chosen: AnchorFilter) -> None:
    """Store the marks that arrived and follow what was asked for; called before the anchor of the page is read."""
    key = _key(page)
    take_events(page, key)
    ask = take_ask(page, key)
    if ask is None:
        return
    try:
        with page.workspace.store.read() as conn:
            anchor = corpus.get_anchor(conn, page.project_id, str(ask.get("anchor_id")))
            following = next_question(conn, page.project_id, anchor, chosen) if ask.get("kind") == "next" else anchor
    except NotFound:
        return
    if ask.get("kind") in ("next", "open"):
        choose_anchor(page.project_id, (following or anchor).id)
    elif ask.get("kind") == "search":
        st.session_state[_query_key(page, anchor)] = str(ask.get("query") or anchor.text)[:2000]
        st.session_state.pop(_more_key(page, anchor), None)
    elif ask.get("kind") == "more":
        st.session_state[_more_key(page, anchor)] = min(MOST_HITS, _hits_wanted(page, anchor) + HITS)


def label_panel(page: Page, anchor: Anchor | None, chosen: AnchorFilter) -> Shown:
    """Draw the panel for this anchor; None draws nothing, but sends what an earlier visit left in the browser.

    Call `take_sendings` first. Only the pairs of this anchor and the hits drawn can be marked; an event is stored once, however often it arrives.
    """
    if anchor is None:
        _mount(page, chosen, anchor=None, query="", results=[], more=False, has_next=False, note="", paraphrases=[])
        return Shown([], {})
    query = st.session_state.get(_query_key(page, anchor), anchor.text)
    wanted = _hits_wanted(page, anchor)
    found = search_page(page, query, wanted + 1)
    hits = found.hits[:wanted]
    proposed = propose_answers(found.hits) if query == anchor.text else []
    with page.workspace.store.read() as conn:
        state = {item.document_id: item for item in judgements.read_state(conn, page.project_id, anchor_ids=[anchor.id])}
        blind = candidates.read_blind(conn, page.project_id, anchor.id, page.author)
        following = next_question(conn, page.project_id, anchor, chosen)
        members = read_members(conn, page.project_id, anchor.id)
    first = {hit.document.id for hit in proposed}
    shown = Shown([*proposed, *(hit for hit in hits if hit.document.id not in first)], state, blind)
    seen = shown.seen
    _mount(
        page,
        chosen,
        anchor={"id": anchor.id, "text": anchor.text},
        paraphrases=[member.text for member in members if member.id != anchor.id],
        query=query,
        results=[_to_json(hit, seen.get(hit.document.id), proposed=hit.document.id in first) for hit in shown.hits],
        more=len(found.hits) > wanted and wanted < MOST_HITS,
        has_next=following is not None,
        note=found.note,
    )
    return shown


def _mount(page: Page, chosen: AnchorFilter, **data: object) -> None:
    key = _key(page)
    owner = {"user": page.author, "project": name_outbox(page), "asked": last_ask(key)} | take_events(page, key)
    # The callbacks store a sending that the panel made while the page was being left: the next page's script runs after them.
    _PANEL(key=key, data=owner | data, on_outbox_change=lambda: take_sendings(page, chosen), on_ask_change=lambda: take_sendings(page, chosen))


def _key(page: Page) -> str:
    return f"label-panel-{page.project_id}"


def _query_key(page: Page, anchor: Anchor) -> str:
    return f"label-searched-{page.project_id}-{anchor.id}"


def _more_key(page: Page, anchor: Anchor) -> str:
    return f"label-hits-{page.project_id}-{anchor.id}"


def _hits_wanted(page: Page, anchor: Anchor) -> int:
    return int(st.session_state.get(_more_key(page, anchor), HITS))


def _to_json(hit: Hit, item: Judgement | None, *, proposed: bool) -> dict[str, Any]:
    mark: dict[str, Any] | None = None
    if item is not None:
        disputed = item.author == REFEREE and item.reason == DISPUTED
        mark = {"label": item.label.value, "grade": item.grade, "author": item.author, "client_id": item.client_id, "disputed": disputed}
    return {"document_id": hit.document.id, "proposed": proposed, "mark": mark} | _show_document(hit.document)


def _show_document(document: Document) -> dict[str, str]:
    fields = [f"{name.replace('_', ' ')}: {value}" for name, value in document.fields.items() if value]
    return {"place": " · ".join([document.id, *fields]), "title": document.title, "text": document.text}
