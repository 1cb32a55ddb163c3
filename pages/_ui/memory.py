"""Keeps the collector away from what stays for good: modules and caches.

Streamlit runs a full collection at the end of every run of a page, which walks every object there is: with pandas, Plotly and SQLAlchemy loaded that took
a third of a key's rerun. Objects that live as long as the process are taken out of the walk, once a page, when its second run has loaded what it loads.

The price: a cycle that is alive at a freeze is never collected, even once nothing reaches it. There are at most as many freezes as pages, so that is bounded.
"""

from __future__ import annotations

import gc
from collections import Counter

_runs: Counter[str] = Counter()


def settle_memory(page: str) -> None:
    """Count a run of the page; at its second, freeze what is alive after a collection (`gc.freeze`). Freed by count as ever is what is let go later."""
    _runs[page] += 1
    if _runs[page] == 2:
        gc.collect()
        gc.freeze()
