"""Cross-encoders on the models page: training one on the reviewed pairs, taking one in, and what the newest training brought."""

from __future__ import annotations

import streamlit as st

from core.jobs.engine import LocalEngine
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.retrieval.rerankers import list_rerankers
from core.tuning.reranker_config import RerankerConfig
from pages._ui.page import Page
from pages._ui.reranker_taking import draw_taking
from pages._ui.runs import latest_run, watch_run
from pages._ui.series import draw_series
from pages._ui.text import escape_label

BASE = "The base model, with a new head"


def draw_rerankers(page: Page) -> None:
    """The whole section."""
    st.subheader(
        "Cross-encoder",
        anchor=False,
        help="A model that reads a question and a document together. It is too slow for a whole corpus, but puts the first results in a better order, and "
        "tells likely answers apart when negatives are looked for.",
    )
    if refused := st.session_state.pop("reranker_refused", None):
        st.warning(escape_label(refused), icon=":material/warning:")
    run = latest_run(page, RunKind.RERANKER)
    if run is not None:
        watch_run(page, run, _draw_live if run.progress.figures else None)
        if run.status == RunStatus.SUCCEEDED:
            _draw_outcome(run)
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown("**Train one on the reviewed pairs**")
        st.caption("From answers and reviewed hard negatives of the training anchors; development anchors choose its best moment.")
        choices = {"": BASE, **{record.id: record.name for record in list_rerankers(page.workspace, page.project_id)}}
        st.selectbox("Begin from", list(choices), format_func=choices.__getitem__, key="reranker_start")
        is_going = run is not None and not run.status.is_over
        st.button("Train", key="reranker_train", icon=":material/play_arrow:", disabled=is_going, on_click=_start, args=(page,))
    with right.container(border=True, height="stretch"):
        draw_taking(page)


def _start(page: Page) -> None:
    config = RerankerConfig(start=st.session_state["reranker_start"])
    try:
        LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.RERANKER, config.to_json())
    except PairsmithError as error:
        st.session_state["reranker_refused"] = str(error)


def _draw_live(run: Run) -> None:
    figures, steps = run.progress.figures, run.progress.total if run.progress.message == "Training" else 0
    left, right = st.columns(2)
    with left:
        draw_series(
            figures.get("loss", []), title="Loss", y_title="Loss", key=f"loss-{run.id}", steps=steps, help_text="How wrong it still is on training pairs."
        )
    with right:
        text = "How good the first five results are once it has put them in order; step 0 is the base model's own order. The best point is kept."
        draw_series(figures.get("dev_ndcg@5", []), title="Development NDCG@5", y_title="NDCG@5", key=f"dev-{run.id}", steps=steps, help_text=text)


def _draw_outcome(run: Run) -> None:
    result = run.result or {}
    test, train = result["test"], result["train"]
    gain = test["difference"]
    st.write(
        f"On {gain['n']} held-out anchors NDCG@5 is {test['base']:.3f} in the base model's order and {test['reranked']:.3f} in the cross-encoder's: "
        f"{gain['gain']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}."
    )
    st.caption(f"Trained on {train['answers']:,} answers and {train['negatives']:,} reviewed negatives, {train['steps']:,} steps.")
