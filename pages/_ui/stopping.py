"""When to stop: the target, the time left, wrong negatives left, and the value meter's curve with what it says in words.

Reads rows that a run left behind: nothing is measured here. No text of the corpus is shown.
"""

from __future__ import annotations

import streamlit as st

from core.curation.audit import AuditEstimate, estimate_left
from core.curation.options import change_options
from core.curation.stopping import Advice, Stopping, read_stopping
from core.jobs.engine import LocalEngine
from core.model import PairsmithError, RunKind, RunStatus
from core.store import judgements
from pages._ui.charts import draw_value
from pages._ui.figures import MEASURES, STILL
from pages._ui.page import Page, get_workspace
from pages._ui.runs import format_seconds, latest_run, watch_run
from pages._ui.sign_in import is_lead_here

ICONS = {
    Advice.GO_ON: ":material/trending_up:",
    Advice.LEVEL: ":material/trending_flat:",
    Advice.WORSE: ":material/trending_down:",
    Advice.TOO_FEW: ":material/hourglass_empty:",
}
FEW, EVERY = 1_000, 50
"""From so many events on, the dear estimate is made anew every so many: what one judgement more changes of it is far below its interval."""
TARGET, NOTICE = "stopping-target", "stopping-notice"


@st.cache_data(max_entries=16, show_spinner=False)
def load_estimate(home: str, project_id: str, last_seq: int, mined_by: str) -> AuditEstimate | None:
    """The audit's estimate as first asked for since the judgement `last_seq`, on what the run `mined_by` found: it is the same for everybody."""
    return estimate_left(get_workspace(), project_id)


def draw_stopping(page: Page) -> None:
    """Draw everything there is to decide by whether to go on reviewing."""
    with page.workspace.store.read() as conn:
        last = judgements.last_seq(conn, page.project_id)
    mined = latest_run(page, RunKind.MINE)
    since = last if last < FEW else last - last % EVERY
    known = (str(page.workspace.home), page.project_id, since, f"{mined.id} {mined.status}" if mined else "")
    found = read_stopping(page.workspace, page.project_id, author=page.author, estimate=lambda _workspace, _project_id: load_estimate(*known))
    st.subheader(
        "When to stop", help="Whether more reviewing is worth your time: how far the target is, and what the last judgements taught a quick test model."
    )
    if st.session_state.get(NOTICE):
        st.warning(st.session_state.pop(NOTICE))
    _draw_target(page, found)
    _draw_value(page, found)


def _draw_target(page: Page, found: Stopping) -> None:
    target, wrong = found.target, found.wrong
    row = st.container(horizontal=True)
    row.metric(
        "Anchors at the target",
        f"{target.reached:,} of {target.anchors:,}",
        f"{target.reviewed:.1f} hard negatives each, {target.wanted} wanted",
        delta_color="off",
        delta_arrow="off",
        help="Training anchors with an answer that have as many reviewed hard negatives as wanted.",
    )
    minutes = target.minutes_left
    row.metric(
        "Time left",
        "Not known yet" if minutes is None else "Done" if minutes == 0 else format_seconds(minutes * 60),
        "no decision was timed yet" if target.pace_s is None else f"{target.pace_s:.0f} s a decision",
        delta_color="off",
        delta_arrow="off",
        help="Reviewing that is left to the target at your recent pace and yield. Pauses are not counted: a decision counts with two minutes at most.",
    )
    row.metric(
        "Answers overlooked",
        "Not known yet" if wrong is None else f"{wrong.share:.0%}",
        "too few random checks judged" if wrong is None else f"{wrong.low:.0%} to {wrong.high:.0%} of {wrong.left:,} unreviewed",
        delta_color="off",
        delta_arrow="off",
        help="Of the documents nobody reviewed that do not look like answers, the share that probably are answers, told from random checks in the queue. "
        "The range is its 95 % interval.",
    )
    st.number_input(
        "Hard negatives wanted for each anchor",
        min_value=1,
        max_value=50,
        value=target.wanted,
        key=f"{TARGET}-{page.project_id}-{target.wanted}",
        on_change=_change_target,
        args=(page.project_id, page.author, f"{TARGET}-{page.project_id}-{target.wanted}"),
        disabled=not is_lead_here(page.author),
        help="For everybody in the project; leads set it.",
        width=280,
    )


def _change_target(project_id: str, author: str, key: str) -> None:
    try:
        change_options(get_workspace(), project_id, author=author, negatives_target=int(st.session_state[key]))
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)


def _draw_value(page: Page, found: Stopping) -> None:
    name, words = MEASURES["ndcg@5"]
    st.markdown(
        "**What your judgements are worth**",
        help=f"After each batch a quick test model learns from the judgements of the training anchors in seconds, and is measured on anchors set apart for it. "
        f"{name}: {words} A full tuning run usually gains more.",
    )
    st.markdown(f"{ICONS[found.word.advice]} {found.word.words}")
    if found.points:
        newest = found.points[-1]
        reached = f"{name} {newest.value:.3f} after {newest.judged:,} judgements, {newest.base:.3f} with the base model"
        st.plotly_chart(draw_value(found.points, measure=name), key="value-curve", config=STILL, alt=f"{reached}. {found.word.words}")
        st.caption(
            f"Measured on {newest.anchors:,} anchors. The band is the 95 % interval of the gain over the base model: how far chance alone could move it. "
            f"{found.since:,} judgements since the last point."
        )
    run = latest_run(page, RunKind.METER)
    if run is not None and run.status != RunStatus.SUCCEEDED:
        watch_run(page, run)
    if run is None or run.status.is_over:
        st.button(
            "Measure now",
            key="measure-value",
            icon=":material/speed:",
            on_click=_measure,
            args=(page.project_id,),
            help="It is measured by itself after each batch of judgements, as long as a worker runs.",
        )


def _measure(project_id: str) -> None:
    try:
        LocalEngine(get_workspace()).enqueue_alone(project_id, RunKind.METER, {})
    except PairsmithError as error:
        st.session_state[NOTICE] = str(error)
