"""Cross-encoders on the models page: training one on the reviewed pairs, with what it would find, and what the newest training brought."""

from __future__ import annotations

import streamlit as st

from core.evaluation.found import find_staleness
from core.jobs.engine import LocalEngine
from core.model import PairsmithError, Run, RunKind, RunStatus
from core.retrieval.models import is_here
from core.retrieval.rerankers import list_rerankers
from core.store import judgements, projects, runs
from core.tuning.checks import check_memory
from core.tuning.findings import refuse_blocked
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_preflight import RerankerPreflight, run_reranker_preflight
from pages._ui.model_label import label_model
from pages._ui.page import Page
from pages._ui.preflight import LABEL, REVIEW, draw_findings, say_cost
from pages._ui.reranker_taking import draw_taking
from pages._ui.runs import latest_run, watch_run
from pages._ui.series import draw_series
from pages._ui.text import escape_label
from pages._ui.verdict_rule import say_stale

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
            _draw_outcome(page, run)
    with st.container(border=True):
        _draw_training(page, is_going=run is not None and not run.status.is_over)
    with st.container(border=True):
        draw_taking(page)


def _draw_training(page: Page, *, is_going: bool) -> None:
    """What a training would begin from, find and take, and the button that starts it."""
    st.markdown("**Train one on the reviewed pairs**")
    st.caption("From answers and reviewed hard negatives of the training anchors; development anchors choose its best moment.")
    choices = {"": BASE, **{record.id: label_model(record) for record in list_rerankers(page.workspace, page.project_id)}}
    start = st.selectbox("Begin from", list(choices), format_func=choices.__getitem__, key="reranker_start")
    report = _check(page, str(start))
    if report.answers and report.negatives:
        st.caption(
            f"{report.answers:,} answers and {report.negatives:,} reviewed negatives to learn from, {report.dev:,} development and {report.test:,} held-out "
            f"anchors. {report.steps:,} steps, {say_cost(report)}."
        )
    draw_findings(report, next_page=REVIEW if any(item.code == "no_negatives" for item in report.blocks) else LABEL)
    blocked = is_going or bool(report.blocks)
    st.button("Train", key="reranker_train", icon=":material/play_arrow:", disabled=blocked, on_click=None if blocked else _start, args=(page,))


@st.cache_data(max_entries=32, show_spinner="Looking at the data …")
def _check_once(_page: Page, home: str, project_id: str, state: tuple[object, ...], start: str) -> RerankerPreflight:
    return run_reranker_preflight(_page.workspace, project_id, RerankerConfig(start=start))


def _check(page: Page, start: str) -> RerankerPreflight:
    """What a training would find now. Looked at once for each state of the judgements, the corpus, the base model and the runs that say how fast it is;
    the memory that is free is asked for each time."""
    with page.workspace.store.read() as conn:
        project = projects.get_project(conn, page.project_id)
        done = [runs.newest_success(conn, page.project_id, kind) for kind in (RunKind.RERANKER, RunKind.EMBED, RunKind.MINE, RunKind.TUNE)]
        numbers = (judgements.last_seq(conn, page.project_id), project.corpus_revision, project.anchor_revision)
    state = (*numbers, is_here(project.base_model), *[run.id if run else "" for run in done])
    return check_memory(_check_once(page, str(page.workspace.home), page.project_id, state, start))


def _start(page: Page) -> None:
    config = RerankerConfig(start=st.session_state["reranker_start"])
    try:
        refuse_blocked(_check(page, config.start).blocks)
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


def _draw_outcome(page: Page, run: Run) -> None:
    result = run.result or {}
    test, train = result["test"], result["train"]
    gain = test["difference"]
    st.write(
        f"On {gain['n']} held-out anchors NDCG@5 is {test['base']:.3f} in the base model's order and {test['reranked']:.3f} in the cross-encoder's: "
        f"{gain['gain']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}."
    )
    say_stale(
        find_staleness(page.workspace, page.project_id, test) if "facts" in test else [], "These figures may no longer hold; training again measures anew."
    )
    st.caption(f"Trained on {train['answers']:,} answers and {train['negatives']:,} reviewed negatives, {train['steps']:,} steps.")
