"""A series of a run as a line: loss or development figures by step, redrawn while the run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st


def draw_series(points: Sequence[Sequence[float]], *, title: str, y_title: str, key: str, steps: int = 0, help_text: str = "") -> None:
    """A line through `points`, pairs of step and value, each marked; the axis of values need not begin at zero.

    `steps`: how many steps the run has in all, where that is known. Says so where there is nothing to draw yet.
    """
    with st.container(border=True):
        st.markdown(f"**{title}**", help=help_text or None)
        if not points:
            st.caption("Nothing measured yet.")
            return
        frame = pd.DataFrame([(int(step), float(value)) for step, value in points], columns=["step", "value"])
        most = max(steps, int(frame["step"].max()), 1)
        spec = {
            "mark": {"type": "line", "point": True},
            "height": 200,
            "encoding": {
                "x": {"field": "step", "type": "quantitative", "title": "Step", "axis": {"tickMinStep": 1, "format": "d"}, "scale": {"domain": [0, most]}},
                "y": {"field": "value", "type": "quantitative", "title": y_title, "scale": {"zero": False}, "axis": {"format": ".3f"}},
                "tooltip": [
                    {"field": "step", "type": "quantitative", "title": "Step"},
                    {"field": "value", "type": "quantitative", "title": y_title, "format": ".4f"},
                ],
            },
        }
        last = frame.iloc[-1]
        st.vega_lite_chart(
            frame, spec, key=key, alt=f"{title}: {last['value']:.4f} at step {int(last['step'])}, from {frame.iloc[0]['value']:.4f} at the start"
        )
