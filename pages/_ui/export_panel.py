"""Taking the project's content away: a button for each form, built when it is clicked and never while the page is drawn."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.ingest.export import SHAPES, Form, render_download
from pages._ui.page import Page

WORDS = {
    Form.CSV: ("Tables for a spreadsheet", "Documents, questions and judgements as three CSV files in a zip. Comes back in whole."),
    Form.PAIRS: ("Pairs", "A line for each question: its answers with grades, its hard negatives, and their ids."),
    Form.BEIR: ("BEIR folder", "Everything, as search benchmarks are shared: corpus, queries and graded answers, in a zip. Comes back in whole."),
    Form.QRELS: ("Graded answers (TREC)", "Ids and grades alone, as evaluation programs read them."),
    Form.TRIPLETS: ("Triplets", "A line for each answer and hard negative of a question, texts alone, as trainers want them."),
    Form.TUPLES: ("Tuples", "A line for each answer, with all the question's hard negatives, texts alone."),
    Form.DATASETS: ("Hugging Face data sets", "Rows with equally many hard negatives in a data set each, split into parts, in a zip."),
    Form.LOG: ("History of judgements", "Every event with who, when and what was shown: the only form that holds ambiguous and skipped pairs."),
}


def draw_export(page: Page, *, answered: int, with_negatives: int) -> None:
    """The list of forms, each with what it is for and its download."""
    st.caption("Each form comes back in through the import tab, as far as it can carry what is here. Pairs that nobody could decide are in the history alone.")
    for form, (name, what) in WORDS.items():
        shape = SHAPES[form]
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container():
                st.markdown(f"**{name}**")
                st.caption(what)
            st.download_button(
                "Download",
                partial(render_download, page.workspace, page.project_id, form),
                f"{page.project_id}-{form.value}.{shape.ending}",
                "application/zip" if shape.ending == "zip" else "text/plain",
                disabled=(shape.needs_answers and not answered) or (form == Form.TRIPLETS and not with_negatives),
                icon=":material/download:",
                on_click="ignore",
                key=f"take_{form.value}",
            )
