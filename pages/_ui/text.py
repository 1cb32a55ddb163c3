"""Text of the corpus on the screen: shown letter for letter, never as Markdown or HTML."""

from __future__ import annotations

import html

import streamlit as st

from core.model import Document


def show_text(text: str) -> None:
    """A passage as it is, wrapped, in the reading font."""
    st.text(text)


def show_document(document: Document, *, note: str = "") -> None:
    """A document in a bordered box: where it stands, then its text."""
    with st.container(border=True):
        place = " · ".join([document.id, *([document.title] if document.title else []), *document.fields.values()])
        st.text(place + (f" · {note}" if note else ""), help=None)
        st.text(document.text)


def escape_hover(text: str, width: int = 160) -> str:
    """A short piece of text that is safe in a Plotly hover: cut, then escaped."""
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return html.escape(cut)
