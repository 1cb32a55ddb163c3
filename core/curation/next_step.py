"""What to do next in a project: one rule over counts, and the way from import to map as a checklist.

Invariant: exactly one step is next. A step that new work has overtaken (many judgements since the newest model) is open again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.model import RunKind
from core.store import artefacts, judgements, projects, runs
from core.workspace import Workspace

FEWEST_LABELLED = 10
"""Anchors with answers below which training, development and test parts cannot all be filled."""
ENOUGH_LABELLED = 84
"""Anchors with answers of which about 50 come into training, the least at which tuning does not merely learn the questions by heart."""
ENOUGH_NEGATIVES = 100
"""Reviewed hard negatives that make a first run worth it; one for each anchor with answers where there are fewer of those."""
MANY_NEW = 50
"""Judgements since the newest tuned model after which tuning again is the next thing to do."""


@dataclass(frozen=True)
class Standing:
    """How far a project is."""

    documents: int = 0
    anchors: int = 0
    labelled_anchors: int = 0
    hard_negatives: int = 0
    to_review: int = 0
    mined: bool = False
    tuned: bool = False
    """There is a tuned model."""
    measured: bool = False
    """The tuned model (`artefacts.find_tuned`) was measured on the test part."""
    mapped: bool = False
    """There is a map with the tuned model that moved documents, or none did."""
    judged_since: int = 0
    """Judgements since those the tuned model was trained on."""
    active: frozenset[RunKind] = field(default_factory=frozenset)
    """What is being worked on now."""


@dataclass(frozen=True)
class Step:
    """One step of the way: its name, what it is about in a sentence, the page where it is done, and how far it is."""

    name: str
    words: str
    page: str
    action: str
    """What the button that leads there says."""
    done: bool = False
    count: str = ""


def list_steps(standing: Standing) -> list[Step]:
    """The steps in their order, each with what it needs now. Any of them may be done out of order."""
    return [_import(standing), _label(standing), _review(standing), _tune(standing), _compare(standing), _map(standing)]


def next_step(standing: Standing) -> Step:
    """The first step that is not done; where all are, the one that begins the next round."""
    for step in list_steps(standing):
        if not step.done:
            return step
    if standing.to_review:
        words = f"Every step is done once. {standing.to_review:,} documents that look like answers still wait: each one you judge sharpens the next run."
        return Step("Review", words, "negatives", "Review hard negatives")
    return Step("Label", "Every step is done once. More anchors with answers make the next verdict surer.", "label", "Label answers")


def read_standing(workspace: Workspace, project_id: str) -> Standing:
    """The counts of a project as they are now. Raises nothing for an empty one."""
    with workspace.store.read() as conn:
        counts = projects.count_contents(conn, project_id)
        tuned, drawn = artefacts.find_tuned(conn, project_id), artefacts.find_tuned(conn, project_id, whole=True)
        measured = mapped = False
        since = 0
        if tuned is not None:
            measured = artefacts.count_openings(conn, project_id, tuned.id) > 0
            mapped = drawn is None or any(item.tuned_id == drawn.id for item in artefacts.list_projections(conn, project_id))
            snapshot = next((item for item in artefacts.list_snapshots(conn, project_id) if item.id == tuned.snapshot_id), None)
            since = judgements.count_events(conn, project_id, after_seq=snapshot.last_seq) if snapshot else 0
        mined = counts["to_review"] > 0 or runs.newest_success(conn, project_id, RunKind.MINE) is not None
        active = frozenset(run.kind for run in runs.list_runs(conn, project_id, active=True))
    return Standing(
        documents=counts["documents"],
        anchors=counts["anchors"],
        labelled_anchors=counts["labelled_anchors"],
        hard_negatives=counts["hard_negatives"],
        to_review=counts["to_review"],
        mined=mined,
        tuned=tuned is not None,
        measured=measured,
        mapped=mapped,
        judged_since=since,
        active=active,
    )


def _import(standing: Standing) -> Step:
    words = "Bring in the texts that people search, and, if you have them, the questions they ask."
    return Step("Import", words, "corpus", "Import documents", standing.documents > 0, f"{standing.documents:,} documents")


def _label(standing: Standing) -> Step:
    n = standing.labelled_anchors
    done = n >= ENOUGH_LABELLED or (standing.tuned and n >= FEWEST_LABELLED)
    if standing.anchors == 0:
        words = "Add the questions that people ask of these documents, and mark which documents answer them."
    elif n < FEWEST_LABELLED:
        words = f"Mark which documents answer each question. {n} have answers; a run needs {FEWEST_LABELLED} and is worth it from {ENOUGH_LABELLED}."
    else:
        words = f"{n} questions have answers. A run is possible, but below {ENOUGH_LABELLED} a model mostly learns these few by heart: label more first."
    return Step("Label", words, "label", "Label answers", done, f"{n:,} of {standing.anchors:,} anchors have answers")


def _review(standing: Standing) -> Step:
    wanted = min(ENOUGH_NEGATIVES, standing.labelled_anchors)
    n = standing.hard_negatives
    done = standing.labelled_anchors > 0 and (n >= wanted or (standing.mined and standing.to_review == 0) or standing.tuned)
    action = "Review hard negatives"
    if RunKind.MINE in standing.active:
        words = "Pairsmith is looking for documents that resemble answers. The queue fills when it is done."
    elif not standing.mined:
        words, action = "Let Pairsmith find documents that resemble answers and may be none, then say which is which.", "Find hard negatives"
    else:
        words = f"Say of documents that look like answers whether they are. {n:,} of about {wanted:,} hard negatives are reviewed, {standing.to_review:,} wait."
    return Step("Review", words, "negatives", action, done, f"{n:,} hard negatives, {standing.to_review:,} to review")


def _tune(standing: Standing) -> Step:
    if RunKind.TUNE in standing.active:
        return Step("Tune", "A tuning run is going on. You can watch it, or go on labelling.", "tune", "Watch the run", False, "running")
    again = standing.tuned and standing.judged_since >= MANY_NEW
    if again:
        return Step("Tune", f"{standing.judged_since:,} judgements came since the newest model: tune again.", "tune", "Tune again", False, "new judgements")
    words = "Start a run: the base model learns from your judgements, and the held-out questions give the verdict."
    return Step("Tune", words, "tune", "Tune a model", standing.tuned, "a tuned model" if standing.tuned else "no tuned model yet")


def _compare(standing: Standing) -> Step:
    words = "See whether the tuned model finds more, with how sure that is."
    if standing.tuned and not standing.measured:
        words = "The tuned model has no verdict yet: measure it on the held-out questions."
    return Step(
        "Compare", words, "compare", "Compare base and tuned", standing.tuned and standing.measured, "verdict given" if standing.measured else "no verdict yet"
    )


def _map(standing: Standing) -> Step:
    words = "Draw both models' maps of the documents and see whether some clump together."
    return Step("Map", words, "map", "Open the map", standing.tuned and standing.mapped, "drawn" if standing.mapped else "not drawn yet")
