"""The verdict on the screen: an icon, a colour and words, so that none of the three carries it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from core.evaluation.verdict import Outcome
from core.model import Run

ICONS = {
    Outcome.BETTER: ":material/check_circle:",
    Outcome.FORGOT: ":material/balance:",
    Outcome.UNCLEAR: ":material/help:",
    Outcome.WORSE: ":material/cancel:",
}
COLOURS: Mapping[Outcome, Literal["green", "orange", "blue", "red"]] = {
    Outcome.BETTER: "green",
    Outcome.FORGOT: "orange",
    Outcome.UNCLEAR: "blue",
    Outcome.WORSE: "red",
}
_BOXES = {Outcome.BETTER: st.success, Outcome.FORGOT: st.warning, Outcome.UNCLEAR: st.info, Outcome.WORSE: st.error}


def read_verdict(run: Run | None) -> Mapping[str, Any] | None:
    """The verdict that a finished run gave, or None."""
    test = (run.result or {}).get("test") if run else None
    return test.get("verdict") if isinstance(test, Mapping) else None


def show_verdict(verdict: Mapping[str, Any], *, large: bool = False) -> None:
    """The verdict in a coloured box: title (as a heading where `large`), reason, and what would change it."""
    outcome = Outcome(verdict["outcome"])
    title = f"## {verdict['title']}\n\n" if large else f"**{verdict['title']}**  \n"
    _BOXES[outcome](f"{title}{verdict['reason']}  \n{verdict['advice']}", icon=ICONS[outcome])


def badge_verdict(verdict: Mapping[str, Any] | None) -> None:
    """The verdict as a small badge, or that there is none."""
    if verdict is None:
        st.badge("No verdict yet", icon=":material/hourglass_empty:", color="gray")
        return
    outcome = Outcome(verdict["outcome"])
    st.badge(verdict["title"], icon=ICONS[outcome], color=COLOURS[outcome], help=verdict["reason"])
