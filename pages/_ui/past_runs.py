"""Earlier tuning runs in a small table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from core.model import Run
from pages._ui.runs import WORDS, format_seconds


def draw_past(past: Sequence[Run]) -> None:
    """Tuning runs with their figures on the held-out anchors, one a row."""
    rows = []
    for run in past:
        test = (run.result or {}).get("test") or {}
        rows.append(
            {
                "Started": datetime.fromtimestamp(run.started_at or run.created_at, UTC),
                "State": WORDS[run.status],
                "Verdict": (test.get("verdict") or {}).get("title", "—"),
                "Base": (test.get("base") or {}).get("ndcg@5"),
                "Tuned": (test.get("tuned") or {}).get("ndcg@5"),
                "Took": format_seconds(run.finished_at - run.started_at) if run.finished_at and run.started_at else "—",
                "Rounds": run.config.get("epochs"),
                "Run": run.id,
            }
        )
    score = {name: st.column_config.NumberColumn(format="%.3f", help="NDCG@5 on the held-out anchors.") for name in ("Base", "Tuned")}
    config = {
        "Started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="In UTC."),
        "Rounds": st.column_config.NumberColumn(help="How often the training pairs were gone through."),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config | score, alt="Tuning runs, newest first", placeholder="—")
