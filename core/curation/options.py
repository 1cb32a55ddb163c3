"""The settings of a project's curation: a frozen value on top of the JSON that the project row holds. Unknown names are ignored, so that an older
Pairsmith can open a newer project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from core.model import PairsmithError, Project
from core.roles import require_lead
from core.store import projects
from core.workspace import Workspace

DEFAULT_KEYS: Mapping[str, str] = {
    "hard_negative": "a",
    "fully": "p",
    "partly": "2",
    "touches": "1",
    "ambiguous": "b",
    "skipped": "s",
    "cannot_judge": "n",
    "undo": "u",
    "reason": "e",
    "note": "t",
    "full": "f",
    "marks": "d",
    "more": "m",
    "search": "/",
    "help": "?",
}
"""The keys of the judging panel, by action."""
RESERVED_KEYS = "cr"
"""Streamlit's own: clear the cache, rerun."""

FOR_LEADS: Mapping[str, str] = {
    "keys": "the keys of the judging panel",
    "overlap": "how much of the queue two experts judge",
    "negatives_target": "how many hard negatives are wanted",
}
"""What leads alone may change, since it holds for everybody in the project, in words."""


@dataclass(frozen=True)
class CurationOptions:
    """How a project's documents and reviewers are treated."""

    parent_field: str = ""
    """The document field that names the parent document of a passage; empty where passages have none."""
    negatives_target: int = 3
    """Reviewed hard negatives wanted for each training anchor."""
    overlap: float = 0.0
    """Share of the queue that two experts judge, to see how far they agree."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Other keys of the judging panel, by action."""


def read_options(project: Project) -> CurationOptions:
    """The options of a project, the default where it has none."""
    return _choose_known(project.options)


def _choose_known(options: Mapping[str, Any]) -> CurationOptions:
    known = {item.name for item in fields(CurationOptions)}
    return CurationOptions(**{name: value for name, value in options.items() if name in known})


def change_options(workspace: Workspace, project_id: str, *, author: str = "", **changes: Any) -> CurationOptions:
    """Set some options of a project and return them all; `author` is who asks for it.

    Raises `PairsmithError` for a target below 1, for keys that cannot be told apart or used, and where somebody who does not lead changes what holds for
    everybody who reviews: keys, overlap and target.
    """
    for name, what in FOR_LEADS.items():
        if name in changes:
            require_lead(workspace.settings, author, f"change {what}")
    if changes.get("negatives_target", 1) < 1:
        raise PairsmithError(f"A target of {changes['negatives_target']} hard negatives an anchor is no target. Give 1 or more.")
    if "keys" in changes:
        changes["keys"] = check_keys(changes["keys"])
    with workspace.store.write() as conn:
        projects.update_options(conn, project_id, lambda held: {**held, **asdict(CurationOptions(**asdict(_choose_known(held)) | changes))})
        return read_options(projects.get_project(conn, project_id))


def check_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """The keys that differ from the usual ones, in lower case. Raises `PairsmithError` for what cannot be used.

    That is an action that does not exist, a key that is not one printable character or is reserved, and two actions on one key.
    """
    unknown = sorted(set(keys) - set(DEFAULT_KEYS))
    if unknown:
        raise PairsmithError(f"{unknown[0]!r} is no action of the judging panel. There are: {', '.join(DEFAULT_KEYS)}.")
    chosen = {action: str(keys.get(action, usual)).strip().lower() for action, usual in DEFAULT_KEYS.items()}
    for action, key in chosen.items():
        if len(key) != 1 or not key.isprintable() or key in RESERVED_KEYS:
            raise PairsmithError(f"{key!r} cannot be the key for {action.replace('_', ' ')}: give one character, and neither C nor R.")
    doubled = next((key for key in chosen.values() if list(chosen.values()).count(key) > 1), None)
    if doubled is not None:
        names = " and ".join(action.replace("_", " ") for action, key in chosen.items() if key == doubled)
        raise PairsmithError(f"The key {doubled.upper()} would mean {names} at once. Give each its own.")
    return {action: key for action, key in chosen.items() if key != DEFAULT_KEYS[action]}
