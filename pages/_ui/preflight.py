"""What a tuning run would find, on the screen: counts, then what stops it, weakens it, or is good to know."""

from __future__ import annotations

import math

import streamlit as st

from core.tuning.checks import Checked
from core.tuning.findings import Level
from core.tuning.preflight import Preflight
from pages._ui.runs import format_seconds
from pages._ui.text import escape_label

LABEL = ("label.py", "Label answers")
REVIEW = ("negatives.py", "Review negatives")


def draw_counts(report: Preflight) -> None:
    """What a run needs and has, and how small a difference its verdict can tell."""
    with st.container(horizontal=True):
        st.metric("Training anchors", f"{report.train:,}", border=True, help="Questions with answers that the model learns from.")
        st.metric("Development anchors", f"{report.dev:,}", border=True, help="Measured while it trains, to choose the best moment. Not learned from.")
        st.metric("Held-out anchors", f"{report.test:,}", border=True, help="Never seen by the run. The verdict is given on these alone.")
        st.metric(
            "Hard negatives", f"{report.hard_negatives:,}", border=True, help="Reviewed by an expert, of training anchors: look like an answer, are none."
        )
    if math.isfinite(report.detectable):
        st.caption(
            f"With {report.test:,} held-out anchors, a true difference of about {report.detectable:.2f} in NDCG@5 or more would show, four times out of five. "
            "Smaller ones may be real and still look like chance.",
            help="NDCG@5 says how good the first five results are, from 0 (no answer among them) to 1 (the best answers first). "
            "A spread of 0.30 between questions is assumed until a run has measured it; four times as many anchors halve the smallest difference.",
        )


def say_cost(report: Checked, speed: str = "") -> str:
    """Time and memory in words, the memory where it is known. `speed`: what the time was reckoned by."""
    memory = f", about {report.memory_gb:.1f} GB of memory" if report.memory_gb else ""
    return f"about {format_seconds(report.seconds)}{speed}{memory}"


def draw_findings(report: Checked, *, next_page: tuple[str, str] = LABEL) -> None:
    """Blocks and warnings in boxes, notes behind a click. `next_page`: file and words of the page that mends what stops it, once there are documents."""
    for item in report.findings:
        words = escape_label(f"{item.text} {item.action}".strip())
        if item.level == Level.BLOCK:
            st.error(words, icon=":material/block:")
        elif item.level == Level.WARN:
            st.warning(words, icon=":material/warning:")
    if report.blocks:
        file, words = next_page if report.documents else ("corpus.py", "Import documents")
        st.page_link(file, label=words, icon=":material/arrow_forward:")
    notes = [item for item in report.findings if item.level == Level.NOTE and item.code != "power"]
    if notes:
        with st.expander(f"Good to know ({len(notes)})", icon=":material/info:"):
            for item in notes:
                st.text(f"{item.text} {item.action}".strip())
