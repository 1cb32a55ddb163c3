"""Tune: what a run needs and has, starting one, watching it, and its verdict."""

from __future__ import annotations

import streamlit as st

from core.jobs.engine import LocalEngine
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.retrieval.models import is_here
from core.store import artefacts, judgements, projects, runs
from core.tuning.checks import check_memory
from core.tuning.config import ASSUMED_TEXTS_PER_S, TuneConfig
from core.tuning.findings import refuse_blocked
from core.tuning.preflight import Preflight, count_training, run_preflight
from core.tuning.recipes import Recipe, choose_recipe, explain_missing
from pages._ui.judging_panel import drain_outbox
from pages._ui.page import open_page
from pages._ui.past_runs import draw_past
from pages._ui.preflight import draw_counts, draw_findings, say_cost
from pages._ui.runs import start_run, watch_run
from pages._ui.series import draw_series
from pages._ui.text import escape_label
from pages._ui.tune_after import draw_after, draw_kept
from pages._ui.tune_form import draw_config, read_config
from pages._ui.verdict import read_verdict, show_verdict

PAST = 20
page = open_page(
    "Tune", ":material/model_training:", caption="The base model learns from your judgements. Held-out questions, which it never sees, give the verdict."
)


@st.cache_data(max_entries=32, show_spinner="Looking at the data …")
def check_once(home: str, project_id: str, state: tuple[int, ...], config: TuneConfig, cut_share: float | None, texts_per_s: float) -> Preflight:
    """What a run would find, looked at once for each state of the judgements, the candidates and the corpus."""
    return run_preflight(page.workspace, project_id, config, cut_share=cut_share, texts_per_s=texts_per_s)


@st.cache_data(max_entries=32, show_spinner=False)
def count_once(home: str, project_id: str, state: tuple[int, ...]) -> int:
    """Training anchors, counted once for each state."""
    return count_training(page.workspace, project_id)


def read_state() -> tuple[int, ...]:
    """Numbers that change with whatever a run would find."""
    with page.workspace.store.read() as conn:
        project = projects.get_project(conn, page.project_id)
        mined = runs.newest_success(conn, page.project_id, RunKind.MINE)
        numbers = judgements.last_seq(conn, page.project_id), project.corpus_revision, project.anchor_revision, int(mined.created_at) if mined else 0
    return *numbers, is_here(project.base_model)


def read_measured() -> tuple[float | None, float | None]:
    """Texts a second of the newest tuning run here, and the share of documents cut as the newest embedding run counted; None where there is none."""
    with page.workspace.store.read() as conn:
        tuned = runs.list_runs(conn, page.project_id, kind=RunKind.TUNE, limit=PAST)
        embedded = runs.newest_success(conn, page.project_id, RunKind.EMBED)
    speeds = [((run.result or {}).get("train") or {}).get("texts_per_s") for run in tuned]
    speed = next(filter(None, speeds), None)
    return speed, (embedded.result or {}).get("cut_share") if embedded else None


def check(config: TuneConfig) -> Preflight:
    """What a run with these settings would find now; the memory that is free is asked for each time."""
    speed, cut_share = read_measured()
    return check_memory(check_once(str(page.workspace.home), page.project_id, read_state(), config, cut_share, speed or ASSUMED_TEXTS_PER_S))


def read_recipe() -> Recipe:
    """The recipe for the project's size."""
    return choose_recipe(count_once(str(page.workspace.home), page.project_id, read_state()))


def launch() -> None:
    """Queue the run with the knobs as they stand now; what cannot be run, or a second run while another goes on, is refused with words."""
    try:
        config = read_config(read_recipe().config or TuneConfig())
        refuse_blocked(check(config).blocks)
        LocalEngine(page.workspace).enqueue_alone(page.project_id, RunKind.TUNE, config.to_json())
    except PairsmithError as error:
        st.session_state["tune_refused"] = str(error)


def draw_launch(*, is_next: bool = True) -> None:
    """The settings, what they would cost, and the button that starts; `is_next` where starting is what the page is about now."""
    above, recipe = st.container(), read_recipe()
    config = draw_config(recipe.config or TuneConfig())
    report = check(config or recipe.config or TuneConfig())
    with above:
        draw_counts(report)
        if recipe.config is None and report.documents:
            st.warning(explain_missing(report.train), icon=":material/pause_circle:")
        elif recipe.config:
            st.info(f"**{recipe.title}**  \n{recipe.why}", icon=":material/menu_book:")
    draw_findings(report)
    if config and not report.blocks:
        source = " at the speed of the newest run here" if read_measured()[0] else " at the speed of two processor cores, as no run was measured here yet"
        cost = say_cost(report, " once the documents are encoded" if config.method == "adapter" else source)
        st.caption(f"{report.rows:,} pairs to learn from, {report.steps:,} steps, {cost}.")
    kind = "primary" if is_next and recipe.config else "secondary"
    words = "Start tuning" if recipe.config else "Tune all the same"
    blocked = config is None or bool(report.blocks)
    st.button(words, type=kind, icon=":material/play_arrow:", disabled=blocked, on_click=None if blocked else launch, key="start_tuning")


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
        if not result.get("adapter") and st.button(
            "Open the map", icon=":material/scatter_plot:", key="to_map", help="Draws the maps of both models where there are none yet."
        ):
            ensure_map(str(result.get("model_id")))
            st.switch_page("map.py")


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
            draw_after(newest.result or {})
    else:
        watch_run(page, newest, draw_live if newest.progress.figures else None)
        draw_kept(newest.result or {})
    with st.expander("Tune again", icon=":material/replay:", expanded=newest.status != RunStatus.SUCCEEDED):
        draw_launch(is_next=newest.status != RunStatus.SUCCEEDED)
else:
    draw_launch()
if over := [run for run in past_runs if run.status.is_over]:
    st.subheader("Earlier runs" if active else "Runs", anchor=False)
    draw_past(over)
