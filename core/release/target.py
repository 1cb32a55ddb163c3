"""Where a project's index lives: the kind of database, its place and the alias. One file a project in the home; no password is ever written there.

The key or password of a database comes from `PAIRSMITH_RELEASE_KEY`.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from core.model import PairsmithError
from core.workspace import Workspace, replace_file

_ALIAS = re.compile(r"[a-z][a-z0-9_]{0,30}")


class StoreKind(StrEnum):
    """The databases that an index can be built in."""

    FAISS = "faiss"
    QDRANT = "qdrant"
    MILVUS = "milvus"
    PGVECTOR = "pgvector"
    WEAVIATE = "weaviate"
    PINECONE = "pinecone"


@dataclass(frozen=True)
class Target:
    """A database and the alias that applications ask by."""

    kind: StoreKind
    place: str
    """A folder (faiss, embedded qdrant), a file (Milvus Lite), or a URL; for Pinecone the host of an index."""
    alias: str


def check_target(target: Target) -> Target:
    """The target, once it can be used in every database. Raises `PairsmithError`."""
    if not _ALIAS.fullmatch(target.alias):
        raise PairsmithError(f"The alias {target.alias!r} cannot be used. Use 1 to 31 lower-case letters, digits and underscores, a letter first.")
    if not target.place:
        raise PairsmithError(f"The place of the {target.kind} index is empty. Give a folder, a file or a URL with --place.")
    if "://" in target.place and urlsplit(target.place).password:
        raise PairsmithError("The URL holds a password, and targets are kept on disk. Leave it out of the URL and put it into PAIRSMITH_RELEASE_KEY.")
    return target


def default_target(workspace: Workspace, project_id: str) -> Target:
    """FAISS files inside the home, under an alias made of the project's id."""
    words = re.sub(r"[^a-z0-9]+", "_", project_id.lower()).strip("_") or "index"
    alias = words if words[0].isalpha() else f"p_{words}"
    return Target(StoreKind.FAISS, str(workspace.home / "indexes" / project_id), alias[:31].rstrip("_"))


def read_target(workspace: Workspace, project_id: str) -> Target:
    """The project's target as it was set, else the default."""
    path = workspace.home / "release" / f"{project_id}.json"
    if not path.exists():
        return default_target(workspace, project_id)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return check_target(Target(StoreKind(values["kind"]), str(values["place"]), str(values["alias"])))
    except (ValueError, KeyError, TypeError) as error:
        raise PairsmithError(
            f"{path} cannot be read ({error!r}). Set the target again with `pairsmith release target {project_id} --store … --place …`."
        ) from error


def write_target(workspace: Workspace, project_id: str, target: Target) -> Target:
    """Keep the target for the project. Raises `PairsmithError` for one that cannot be used."""
    with replace_file(workspace.home / "release" / f"{project_id}.json") as path:
        path.write_text(json.dumps(asdict(check_target(target)), indent=2), encoding="utf-8")
    return target
