"""Tune: what a run needs and has, starting one, watching it, and its verdict."""

from __future__ import annotations

import math

import streamlit as st

from core.jobs.engine import LocalEngine
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.store import artefacts, judgements, projects, runs
from core.tuning.config import ASSUMED_TEXTS_PER_S, TuneConfig, estimate_run
from core.tuning.readiness import Readiness, find_obstacle, list_warnings, read_readiness
from pages._ui.judging_panel import drain_outbox
from pages._ui.page import open_page
from pages._ui.past_runs import draw_past
from pages._ui.runs import format_seconds, start_run, watch_run
from pages._ui.series import draw_series
from pages._ui.text import escape_label
from pages._ui.tune_form import draw_config, read_config
from pages._ui.verdict import read_verdict, show_verdict

PAST = 20
page = open_page(
    "Tune", ":material/model_training:", caption="The base model learns from your judgements. Held-out questions, which it never sees, give the verdict."
)


@st.cache_data(max_entries=32, show_spinner=False)
def count_ready(home: str, project_id: str, last_seq: int, revision: int, min_grade: int) -> Readiness:
    """What a run would find, counted once for each state of the judgements and the corpus."""
    return read_readiness(page.workspace, project_id, min_grade=min_grade)


def read_ready(min_grade: int) -> Readiness:
    """What a run would find now."""
    with page.workspace.store.read() as conn:
        key = judgements.last_seq(conn, page.project_id), projects.get_project(conn, page.project_id).corpus_revision
    return count_ready(str(page.workspace.home), page.project_id, *key, min_grade)


def draw_ready(ready: Readiness) -> None:
    """What a run needs and has, and how small a difference its verdict can tell."""
    with st.container(horizontal=True):
        st.metric("Training anchors", f"{ready.train:,}", border=True, help="Questions with answers that the model learns from.")
        st.metric("Development anchors", f"{ready.dev:,}", border=True, help="Measured while it trains, to choose the best moment. Not learned from.")
        st.metric("Held-out anchors", f"{ready.test:,}", border=True, help="Never seen by the run. The verdict is given on these alone.")
        st.metric("Hard negatives", f"{ready.hard_negatives:,}", border=True, help="Reviewed by an expert, of training anchors: look like an answer, are none.")
    if math.isfinite(ready.detectable):
        st.caption(
            f"With {ready.test:,} held-out anchors, a true difference of about {ready.detectable:.2f} in NDCG@5 or more would show, four times out of five. "
            "Smaller ones may be real and still look like chance.",
            help="NDCG@5 says how good the first five results are, from 0 (no answer among them) to 1 (the best answers first). "
            "A spread of 0.30 between questions is assumed until a run has measured it; four times as many anchors halve the smallest difference.",
        )


def draw_estimate(config: TuneConfig, ready: Readiness) -> None:
    """How much a run does and how long it takes here."""
    with page.workspace.store.read() as conn:
        before = runs.newest_success(conn, page.project_id, RunKind.TUNE)
    measured = ((before.result or {}).get("train") or {}).get("texts_per_s") if before else None
    estimate = estimate_run(config, pairs=ready.pairs, documents=ready.documents, dev_anchors=ready.dev, texts_per_s=measured or ASSUMED_TEXTS_PER_S)
    source = "at the speed of the newest run here" if measured else "at the speed of two processor cores, as no run was measured here yet"
    st.caption(f"{ready.pairs:,} pairs to learn from, {estimate.steps:,} steps, about {format_seconds(estimate.seconds)} {source}.")


def launch() -> None:
    """Queue the run with the knobs as they stand now; what cannot be run, or a second run while another goes on, is refused with words."""
    try:
        config = read_config()
        if obstacle := find_obstacle(read_ready(config.min_grade)):
            raise PairsmithError(obstacle)
        LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.TUNE, config.to_json())
    except PairsmithError as error:
        st.session_state["tune_refused"] = str(error)


def draw_launch(*, is_next: bool = True) -> None:
    """The settings, what they would cost, and the button that starts; `is_next` where starting is what the page is about now."""
    kind = "primary" if is_next else "secondary"
    above = st.container()
    config = draw_config()
    ready = read_ready(config.min_grade if config else TuneConfig().min_grade)
    obstacle = find_obstacle(ready)
    with above:
        draw_ready(ready)
    if obstacle:
        st.error(obstacle, icon=":material/block:")
        st.page_link(
            "corpus.py" if not ready.documents else "label.py",
            label="Import documents" if not ready.documents else "Label answers",
            icon=":material/arrow_forward:",
        )
    elif config:
        for warning in list_warnings(ready, negatives=config.negatives):
            st.warning(warning, icon=":material/warning:")
        draw_estimate(config, ready)
    if config is None or obstacle:
        st.button("Start tuning", type=kind, icon=":material/play_arrow:", disabled=True, key="start_tuning")
    else:
        st.button("Start tuning", type=kind, icon=":material/play_arrow:", on_click=launch, key="start_tuning")


def draw_live(run: Run) -> None:
    """Loss and development figures of a run by step."""
    figures = run.progress.figures
    steps = run.progress.total if run.progress.message == "Training" else 0
    left, right = st.columns(2)
    with left:
        text = "What the model still gets wrong on training pairs. It should fall. Steps of everyday pairs alone come near zero: those are easy."
        draw_series(figures.get("loss", []), title="Loss", y_title="Loss", key=f"loss-{run.id}", steps=steps, help_text=text)
    with right:
        text = "How good the first five results are on development anchors, from 0 to 1. The best point is kept."
        draw_series(figures.get("dev_ndcg@5", []), title="Development NDCG@5", y_title="NDCG@5", key=f"dev-{run.id}", steps=steps, help_text=text)


def draw_finished(run: Run) -> None:
    """The verdict of a finished run, and where to go from it."""
    result = run.result or {}
    if verdict := read_verdict(run):
        show_verdict(verdict)
        test = result["test"]
        gain = test["difference"]
        with st.container(horizontal=True):
            st.metric("Base, NDCG@5", f"{test['base']['ndcg@5']:.3f}", border=True, height="stretch", help="On the held-out anchors.")
            st.metric(
                "Tuned, NDCG@5",
                f"{test['tuned']['ndcg@5']:.3f}",
                f"{gain['gain']:+.3f}",
                border=True,
                height="stretch",
                help="On the held-out anchors, with the difference to the base.",
            )
            st.metric(
                "Difference, 95 % interval",
                f"{gain['low']:+.3f} to {gain['high']:+.3f}",
                border=True,
                height="stretch",
                help="Where the true difference most likely lies. If 0 is inside, chance may explain it.",
            )
    with st.container(horizontal=True):
        if st.button("Compare base and tuned", type="primary", icon=":material/compare_arrows:", key="to_compare"):
            st.switch_page("compare.py")
        if st.button("Open the map", icon=":material/scatter_plot:", key="to_map", help="Draws the maps of both models where there are none yet."):
            ensure_map(str(result.get("model_id")))
            st.switch_page("map.py")


def draw_blend(run: Run) -> None:
    """How much of the tuned weights was kept against forgetting, and what that share gave."""
    blend = (run.result or {}).get("merge")
    if blend:
        st.caption(
            f"{blend['weight']:.0%} of the tuned weights were blended with the base's, the best of {len(blend['points'])} shares that forget little: "
            f"development NDCG@5 {blend['dev']:.3f}, on general questions {blend['guard']:.3f} (base {blend['base_guard']:.3f})."
        )


def ensure_map(model_id: str) -> None:
    """Have the maps of base and this model drawn where they are neither there nor on their way."""
    with page.workspace.store.read() as conn:
        drawn = any(item.tuned_id == model_id for item in artefacts.list_projections(conn, page.project_id))
        coming = runs.list_runs(conn, page.project_id, kind=RunKind.MAP, active=True)
    if not drawn and not coming:
        start_run(page, RunKind.MAP, {"system": model_id})


drain_outbox(page)
if refused := st.session_state.pop("tune_refused", None):
    st.warning(escape_label(refused), icon=":material/warning:")
with page.workspace.store.read() as conn:
    past_runs = runs.list_runs(conn, page.project_id, kind=RunKind.TUNE, limit=PAST)
active = next((run for run in past_runs if not run.status.is_over), None)
newest = past_runs[0] if past_runs else None
if active is not None:
    st.subheader("Run in progress", anchor=False)
    watch_run(page, active, draw_live)
    st.caption("You can leave this page or close the browser: the run goes on, and is found here again. Another can start when it is over.")
elif newest is not None:
    st.subheader("Newest run", anchor=False)
    if newest.status == RunStatus.SUCCEEDED:
        draw_finished(newest)
        with st.expander("How it went", icon=":material/show_chart:"):
            draw_live(newest)
            draw_blend(newest)
    else:
        watch_run(page, newest, draw_live if newest.progress.figures else None)
    with st.expander("Tune again", icon=":material/replay:", expanded=newest.status != RunStatus.SUCCEEDED):
        draw_launch(is_next=newest.status != RunStatus.SUCCEEDED)
else:
    draw_launch()
if over := [run for run in past_runs if run.status.is_over]:
    st.subheader("Earlier runs" if active else "Runs", anchor=False)
    draw_past(over)
