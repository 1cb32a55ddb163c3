"""Where the difference lies: by a field of the anchors, or of the documents that answer them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.evaluation.slices import FEW, list_fields, slice_scores
from core.model import PairsmithError
from pages._ui.outcome import Measured
from pages._ui.page import Page
from pages._ui.text import escape_label


def draw_slices(page: Page, measured: Measured) -> None:
    """A choice of the field, and its slices in a table, the largest loss first."""
    fields = list_fields(page.workspace, page.project_id)
    if not fields:
        st.caption("Neither anchors nor documents have fields to slice by. Fields come with an import.")
        return
    field = st.selectbox("Field", fields, format_func=_say_field, key="slice_field")
    try:
        slices = slice_scores(page.workspace, page.project_id, measured.found, field)
    except PairsmithError as error:
        st.info(escape_label(str(error)), icon=":material/info:")
        return
    first, second = measured.titles
    rows = [
        {
            "Value": item.value,
            "Anchors": item.n,
            first: item.base,
            second: item.tuned,
            "Difference": item.gain,
            "95 % interval": f"{item.low:+.3f} to {item.high:+.3f}",
        }
        for item in slices
    ]
    number = st.column_config.NumberColumn(format="%.3f")
    change = st.column_config.NumberColumn(format="%+.3f", width="small")
    bounds = st.column_config.TextColumn(help="Of the difference: how far chance alone could move it.")
    config = {first: number, second: number, "Difference": change, "95 % interval": bounds}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, alt="Slices with NDCG@5 under both systems, the largest loss first")
    few = sum(item.n < FEW for item in slices)
    st.caption(
        "Slices say where to look, not what is proven: among many, some differ by luck alone, so none has a p-value. "
        + (f"{few} of {len(slices)} have fewer than {FEW} anchors." if few else "")
    )


def _say_field(field: str) -> str:
    kind, _, name = field.partition(".")
    return f"{name} (of the {'question' if kind == 'anchor' else 'answer'})"
