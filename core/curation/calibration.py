"""From this project's own decisions to the ratio from which a candidate may well be an answer.

A logistic curve of P(answer | ratio), where ratio is a candidate's similarity over that of its anchor's lowest answer, with a bootstrap over anchors.
What reviewers see is not drawn at random, but being chosen by the ratio itself does not bend a curve over the ratio. What was shown for another reason
(a near-duplicate of an answer, the same parent, a reranker's word, more like an answer) would, and is left out; so is what followed from a decision on
another pair, and what was not decided by a person in review: marks made by searching, imports, settlements, the oracle. The rest of the queue reaches each
anchor's nearest candidates only: far from the threshold the curve leans on the few audit items, and on its shape. No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.curation.agreement import REFEREE
from core.curation.mining import PARENT_REASON, RERANKER_REASON, START_RATIO, TWIN_REASON
from core.curation.shown import ASKED_VIEWS, was_reviewed
from core.model import MACHINES, Label, Source
from core.store import candidate_table, decisions
from core.workspace import Workspace

MIN_CLICKS = 40
"""Below this a curve of two parameters says more of chance than of the corpus: its interval spans most of the range."""
CHANCE = 0.2
"""A candidate is suspicious from this chance of being an answer. At one in five, reviewing costs five decisions (under a minute of keys) an answer found,
about what finding one by search on the label page takes; and a negative that is wrong with this chance is no longer worth training on unseen."""
BOUNDS = (0.80, 1.05)
"""A threshold outside is clamped: below, nearly the whole queue would be suspicious; above, what beats the known answers would pass as safe."""
GRID = np.round(np.arange(0.5, 1.3001, 0.02), 2)
RESAMPLES = 200
_OTHER_REASONS = {TWIN_REASON, PARENT_REASON, RERANKER_REASON, *ASKED_VIEWS}


@dataclass(frozen=True)
class Click:
    """One decision of a reviewer on a mined candidate."""

    anchor_id: str
    ratio: float
    is_answer: bool
    audit: bool
    model_id: str | None


@dataclass(frozen=True)
class Calibration:
    """The curve and the threshold that follows from it. `chance`, `low` and `high` (95 %) go with `grid`; they are empty where no curve was fitted."""

    threshold: float
    is_fallback: bool
    """Whether the threshold is the start value, because the clicks do not tell a better one."""
    reason: str
    """Why this threshold, in plain words."""
    clicks: int
    answers: int
    anchors: int
    audit: int
    """How many of the clicks were on audit items."""
    grid: Sequence[float] = ()
    chance: Sequence[float] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    points: Sequence[tuple[float, bool]] = ()
    """Ratio of each click, and whether it was an answer."""

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return asdict(self)


def calibrate(workspace: Workspace, project_id: str, *, model_id: str | None = None) -> Calibration:
    """The calibration of a project. With `model_id`, the clicks on what that model mined where they are enough, since each model has ratios of its own."""
    clicks = read_clicks(workspace, project_id)
    own = [click for click in clicks if click.model_id == model_id]
    if model_id is None or len(own) == len(clicks):
        return fit_curve(clicks)
    if len(own) >= MIN_CLICKS:
        return fit_curve(own, note=f" Only the {len(own)} clicks on what this model found count; {len(clicks) - len(own)} on another's do not.")
    return fit_curve(clicks, note=f" {len(clicks) - len(own)} of them are on what another model found, whose ratios may differ.")


def read_clicks(workspace: Workspace, project_id: str) -> list[Click]:
    """The decisions on mined candidates that stand, by anchor and document id, with the ratio each had when it was shown, else when it was last mined.

    Left out: what has no ratio, is neither an answer nor a hard negative, was not decided by a person in review, followed from a decision on another pair,
    or was shown for a reason besides its ratio.
    """
    with workspace.store.read() as conn:
        found = decisions.read_decisions(conn, project_id, labels=[Label.POSITIVE, Label.HARD_NEGATIVE], source=Source.MINED, but=(REFEREE, *MACHINES))
        mined = {(item.anchor_id, item.document_id): item for item in candidate_table.read_judged(conn, project_id)}
    clicks: list[Click] = []
    for event in found:
        shown = event.shown or {}
        candidate = mined.get((event.anchor_id, event.document_id))
        ratio = shown.get("ratio", candidate.ratio if candidate else None)
        reason = shown.get("reason", candidate.reason if candidate else "")
        if ratio is None or reason in _OTHER_REASONS or shown.get("view") in ASKED_VIEWS.values() or not was_reviewed(event):
            continue
        audit = bool(shown.get("audit", candidate.audit if candidate else False))
        model_id = shown.get("model", candidate.model_id if candidate else None)
        clicks.append(Click(event.anchor_id, float(ratio), event.label == Label.POSITIVE and event.grade > 0, audit, model_id))
    return clicks


def fit_curve(clicks: Sequence[Click], *, note: str = "", seed: int = 0) -> Calibration:
    """Fit the curve and find the threshold; the start value, and why, where the clicks do not carry one."""
    x, y = np.array([click.ratio for click in clicks], float), np.array([click.is_answer for click in clicks], bool)
    names = {anchor_id: place for place, anchor_id in enumerate(sorted({click.anchor_id for click in clicks}))}
    counts = {"clicks": len(clicks), "answers": int(y.sum()), "anchors": len(names), "audit": sum(click.audit for click in clicks)}
    counts_points: dict[str, Any] = counts | {"points": [(float(ratio), bool(answer)) for ratio, answer in zip(x, y, strict=True)]}

    def fall_back(why: str, **curve: Any) -> Calibration:
        return Calibration(START_RATIO, True, f"{why} The start value {START_RATIO} is used.{note}", **counts_points, **curve)

    if len(clicks) < MIN_CLICKS:
        return fall_back(f"{len(clicks)} decisions on candidates are too few to learn from: {MIN_CLICKS} are needed.")
    if y.all() or not y.any():
        return fall_back(f"All {len(clicks)} decisions say the same ({'an answer' if y.all() else 'no answer'}), so they do not tell where answers begin.")
    slope, intercept = _fit(x, y, np.ones(len(x)))
    if slope <= 0:
        return fall_back("Candidates nearer to the question were answers no more often than those farther away.")
    anchor = np.array([names[click.anchor_id] for click in clicks])
    low, high = _bootstrap(x, y, anchor, len(names), seed)
    curve: dict[str, Any] = {"grid": GRID.tolist(), "chance": _chance(GRID, slope, intercept).tolist(), "low": low.tolist(), "high": high.tolist()}
    reached = (np.log(CHANCE / (1 - CHANCE)) - intercept) / slope
    threshold = round(float(np.clip(reached, *BOUNDS)), 3)
    words = f"From a ratio of {reached:.2f} on, one candidate in {round(1 / CHANCE)} was an answer, by {len(clicks)} decisions on {len(names)} anchors."
    if threshold != round(float(reached), 3):
        words += f" Kept within {BOUNDS[0]} and {BOUNDS[1]}: {threshold} is used."
    return Calibration(threshold, False, words + note, **counts_points, **curve)


def _fit(x: NDArray[np.float64], y: NDArray[np.bool_], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept of a weakly regularised logistic regression over the ratio; the ratio is scaled so that the penalty is slight."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, solver="newton-cholesky").fit((x[:, np.newaxis] - 1) * 10, y, sample_weight=weight)
    slope = float(model.coef_[0, 0]) * 10
    return slope, float(model.intercept_[0]) - slope


def _chance(ratio: NDArray[np.float64], slope: float, intercept: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * ratio + intercept, -50, 50))), float)


def _bootstrap(x: NDArray[np.float64], y: NDArray[np.bool_], anchor: NDArray[np.int64], n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % band (g,) over `GRID`, resampling whole anchors: decisions on one anchor are not independent. Samples of one class alone are passed over."""
    rng = np.random.default_rng(seed)
    curves = []
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(n, size=n), minlength=n)[anchor].astype(float)
        used = weight > 0
        if 0 < y[used].sum() < used.sum():
            curves.append(_chance(GRID, *_fit(x[used], y[used], weight[used])))
    if not curves:
        return np.zeros(len(GRID)), np.ones(len(GRID))
    return tuple(np.percentile(np.array(curves), [2.5, 97.5], axis=0))
