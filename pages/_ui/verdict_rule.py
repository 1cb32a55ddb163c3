"""How a verdict came about: each condition with what was found, and what weakens it whatever its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages._ui.text import escape_label


def show_doubts(comparison: Mapping[str, Any]) -> None:
    """What weakens the verdict, a line each."""
    for words in comparison.get("doubts", ()):
        st.caption(f":material/warning: {escape_label(words)}")


def say_stale(changed: Sequence[str], consequence: str) -> None:
    """What changed since figures were measured, and what follows for them; nothing where nothing did."""
    if changed:
        st.warning(" ".join([*changed, consequence]), icon=":material/update:")


def draw_rule(comparison: Mapping[str, Any]) -> None:
    """The conditions of "Better", met or not."""
    checks = comparison["verdict"].get("checks", ())
    if not checks:
        return
    met = sum(check["met"] for check in checks)
    with st.expander(f"The rule: {met} of {len(checks)} conditions of a better system are met", icon=":material/gavel:"):
        for check in checks:
            icon = ":material/check_circle:" if check["met"] else ":material/cancel:"
            st.markdown(f"{icon} {escape_label(check['asked'])} — **{escape_label(check['found'])}**")
        st.caption("Better needs all of them; worse needs an interval below 0 and the same p-value. Everything else is not distinguishable.")
