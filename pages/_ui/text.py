"""Text of the corpus on the screen: shown letter for letter, never as Markdown or HTML."""

from __future__ import annotations

import html
import re

import streamlit as st

from core.model import Document


def show_text(text: str) -> None:
    """A passage as it is, wrapped, in the reading font."""
    st.text(text)


def show_document(document: Document, *, note: str = "") -> None:
    """A document in a bordered box: where it stands, then its text."""
    with st.container(border=True):
        show_place(document, note=note)
        st.text(document.text)


def show_place(document: Document, *, note: str = "") -> None:
    """One line of where a document stands: id, title, fields, and a note."""
    place = " · ".join([document.id, *([document.title] if document.title else []), *document.fields.values()])
    st.text(place + (f" · {note}" if note else ""))


def to_row(document: Document, width: int) -> dict[str, str]:
    """A document as a row of a table: id, title where it has one, text cut to `width`, then a column for each field.

    The document's own columns stand, whatever its fields are called: a field whose column is taken is headed `Field: ` and its own name.
    """
    cut = document.text if len(document.text) <= width else document.text[: width - 1] + "…"
    row = {"Id": document.id} | ({"Title": document.title} if document.title else {}) | {"Text": cut}
    taken = {"Id", "Title", "Text"}
    for name, value in document.fields.items():
        column = name.replace("_", " ").capitalize()
        if column in taken:
            column = f"Field: {name}"
        taken.add(column)
        row[column] = value
    return row


def escape_hover(text: str, width: int = 160) -> str:
    """A short piece of text that is safe in a Plotly hover: cut, then escaped."""
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return html.escape(cut)


def escape_label(text: str) -> str:
    """A short name, such as a project's, that is safe where Streamlit reads Markdown: each mark of punctuation is escaped."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
