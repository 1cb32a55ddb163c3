"""What a project's lead tells its reviewers, in Markdown: read by all, written by leads, each version kept with who wrote it and when.

The last `KEPT` versions stand in the project's options under `guideline_history`, oldest first; the newest of them is the text in force.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from core.model import PairsmithError, Project
from core.roles import require_lead
from core.store import projects
from core.workspace import Workspace

KEPT = 20
LONGEST = 20_000
"""Characters a guideline may have."""
_NAME = "guideline_history"


@dataclass(frozen=True)
class GuidelineVersion:
    """One text of the guideline, who saved it and when."""

    text: str
    author: str
    saved_at: float


def read_versions(project: Project) -> Sequence[GuidelineVersion]:
    """The versions kept, newest first; none where no guideline was ever written."""
    return [GuidelineVersion(str(item["text"]), str(item["author"]), float(item["saved_at"])) for item in reversed(project.options.get(_NAME, []))]


def write_guideline(workspace: Workspace, project_id: str, text: str, author: str, *, shown: str | None = None, now: float | None = None) -> bool:
    """Put a new guideline in force; False where the text is the present one. An empty text takes the guideline away.

    `shown`: the text in force that the author had before them. Raises `PairsmithError` for anybody but a lead, for a text of more than `LONGEST`
    characters, and where another text than `shown` is in force by now.
    """
    require_lead(workspace.settings, author, "write the guideline")
    clean = text.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "ignore").decode("utf-8").strip()
    if len(clean) > LONGEST:
        raise PairsmithError(f"The guideline has {len(clean):,} characters; {LONGEST:,} are the most. Nothing was saved. Shorten it, or link to the rest.")
    version = GuidelineVersion(clean, author, time.time() if now is None else now)
    with workspace.store.write() as conn:
        projects.take_turn(conn, project_id)
        project = projects.get_project(conn, project_id)
        if clean == project.guideline:
            return False
        if shown is not None and shown != project.guideline:
            by = next((f" by {saved.author}" for saved in read_versions(project)), "")
            raise PairsmithError(f"Another guideline was saved{by} since you opened this one. Nothing was saved. Read it, then save yours again.")
        projects.set_guideline(conn, project_id, clean)
        projects.update_options(conn, project_id, lambda held: {**held, _NAME: [*held.get(_NAME, []), asdict(version)][-KEPT:]})
    return True
