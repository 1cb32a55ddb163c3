"""Release: what is live, what would change, re-indexing, going back, dropping, and asking the live index."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out
from core.evaluation.systems import TUNED, find_system
from core.model import ModelRecord, PairsmithError, RunKind
from core.release.hub import upload_model
from core.release.live import Live, drop_version, look_at_live, roll_back, search_live
from core.release.plan import make_plan
from core.release.store import Version
from core.release.stores import opened
from core.release.take_guard import write_guard
from core.release.target import StoreKind, Target, read_target, write_target
from core.workspace import Workspace

release_app = typer.Typer(no_args_is_help=True, help="Bring a vector database to a model, safely: status, plan, reindex, rollback, drop, search.")
app.add_typer(release_app, name="release")
System = Annotated[str, typer.Option(help="The model: tuned (the newest), base, or a model's id.")]


@release_app.command()
def target(
    project: ProjectName,
    store: Annotated[StoreKind | None, typer.Option(help="The database.")] = None,
    place: Annotated[str, typer.Option(help="A folder, a file or a URL. Its key or password goes into PAIRSMITH_RELEASE_KEY.")] = "",
    alias: Annotated[str, typer.Option(help="The name that applications ask by.")] = "",
    json: Json = False,
) -> None:
    """Show where the project's index lives, or say where."""
    workspace = open_project(project)
    found = read_target(workspace, project)
    if store or place or alias:
        if store and store != found.kind and not place:
            raise typer.BadParameter("say where it is with --place.", param_hint="--store")
        found = write_target(workspace, project, Target(store or found.kind, place or found.place, alias or found.alias))
    Out(json).show({"project": project, "store": found.kind.value, "place": found.place, "alias": found.alias}, f"{found.kind} at {found.place}, {found.alias}")


@release_app.command()
def status(project: ProjectName, json: Json = False) -> None:
    """Say what is live, and list every version with its age and size."""
    workspace = open_project(project)
    where = read_target(workspace, project)
    with opened(where, workspace.settings) as store:
        live = look_at_live(store)
    Out(json).show({"project": project, "store": where.kind.value, **describe_live(live)}, "\n".join(say_live(live)))


@release_app.command()
def plan(project: ProjectName, system: System = TUNED, json: Json = False) -> None:
    """Say what a re-index would do; nothing is written."""
    workspace = open_project(project)
    record = _find_model(workspace, project, system)
    with opened(read_target(workspace, project), workspace.settings) as store:
        found = make_plan(workspace, project, record, store)
    lines = [
        f"live: {found.live or 'nothing'}" + (f" ({found.live_model})" if found.live_model else ""),
        f"then: {found.name} ({found.model}), {found.standing.value}",
        f"{found.documents:,} documents, {found.to_encode:,} to encode, {found.to_write:,} to write, about {found.bytes / 1e6:.1f} MB",
        *([found.verdict] if found.verdict else []),
        *found.warnings,
    ]
    Out(json).show({"project": project, **found.to_json()}, "\n".join(lines))


@release_app.command("reindex")
def reindex_(project: ProjectName, system: System = TUNED, json: Json = False) -> None:
    """Build the index of a model beside the live one, verify it, switch the alias, and wait until it is done."""
    workspace = open_project(project)
    _find_model(workspace, project, system)
    run = run_to_end(project, RunKind.REINDEX, {"system": system}, alone=True)
    result = dict(run.result or {})
    lines = [f"{check['name']}: {check['value']} ({check['needed']})" for check in result["checks"]]
    lines.append(f"{result['version']} is live: {result['documents']:,} documents, {result['encoded']:,} encoded, {result['written']:,} written")
    Out(json).show({"run": run.id, **result}, "\n".join(lines))


@release_app.command()
def rollback(
    project: ProjectName,
    to: Annotated[str, typer.Option(help="The version to point the alias at; else the one that was live before.")] = "",
    json: Json = False,
) -> None:
    """Point the alias back."""
    workspace = open_project(project)
    with opened(read_target(workspace, project), workspace.settings) as store:
        before, after = roll_back(store, to or None)
    Out(json).show({"project": project, "before": before, "live": after}, f"{after} is live; before it was {before or 'nothing'}.")


@release_app.command()
def drop(project: ProjectName, version: Annotated[str, typer.Argument(help="The version's name.")], json: Json = False) -> None:
    """Delete an old version; refused while the alias points at it."""
    workspace = open_project(project)
    with opened(read_target(workspace, project), workspace.settings) as store:
        drop_version(store, version)
    Out(json).show({"project": project, "dropped": version}, f"{version} is gone.")


@release_app.command()
def search(
    project: ProjectName,
    query: Annotated[str, typer.Argument(help="The question.")],
    k: Annotated[int, typer.Option(min=1, help="Documents to find.")] = 5,
    json: Json = False,
) -> None:
    """Ask the live index as an application does. A question that was never embedded needs a running worker."""
    workspace = open_project(project)
    with opened(read_target(workspace, project), workspace.settings) as store:
        record, hits = search_live(workspace, project, store, query, k)
    value = {"model": record.name, "hits": [{"document_id": hit.document.id, "score": hit.score, "text": hit.document.content} for hit in hits]}
    Out(json).show({"project": project, **value}, "\n".join(f"{hit.score:.3f}  {hit.document.id}  {hit.document.content[:100]}" for hit in hits))


@release_app.command()
def upload(
    project: ProjectName,
    repo: Annotated[str, typer.Option(help="Owner and name on the hub, with a slash between.")],
    system: System = TUNED,
    public: Annotated[bool, typer.Option("--public", help="Make a repository that everybody sees, where it is new.")] = False,
    json: Json = False,
) -> None:
    """Upload the model with its card to a hub; the token comes from HF_TOKEN. `export --what model` writes the same to disk."""
    workspace = open_project(project)
    record = _find_model(workspace, project, system)
    url = upload_model(workspace, project, record, repo, private=not public)
    Out(json).show({"project": project, "model": record.id, "url": url}, f"Uploaded {record.name} to {url}.")


@release_app.command()
def guard(out: Annotated[Path, typer.Option(help="Folder to write the package pairsmith_guard into.")], json: Json = False) -> None:
    """Write the guard that an application takes with it: numpy and the store's client, no Pairsmith."""
    written = write_guard(out)
    Out(json).show({"out": str(written)}, f"Wrote {written}.")


def describe_live(live: Live) -> dict[str, Any]:
    """What is live, for JSON."""
    manifest = live.manifest
    shown = {name: getattr(manifest, name) for name in ("model", "fingerprint", "snapshot", "verdict", "figures")} if manifest else {}
    versions = [describe_version(version) for version in live.versions]
    return {"alias": live.alias, "live": live.name, "fault": live.fault, **shown, "rollback_to": live.rollback_to, "versions": versions}


def describe_version(version: Version) -> dict[str, Any]:
    """A version for JSON."""
    manifest = version.manifest
    return {
        "name": version.name,
        "live": version.is_live,
        "state": version.state,
        "model": manifest.model if manifest else None,
        "fingerprint": manifest.fingerprint if manifest else None,
        "created_at": manifest.created_at if manifest else None,
        "documents": version.count,
        "bytes": version.bytes,
        "fault": version.fault,
    }


def say_live(live: Live) -> list[str]:
    """What is live, in lines."""
    lines = [f"{live.alias}: {live.name or 'nothing is live'}"]
    if live.manifest:
        lines += [f"model {live.manifest.model}, fingerprint {live.manifest.short}", *filter(None, [live.manifest.verdict])]
    lines += filter(None, [live.fault])
    for version in live.versions:
        age = f"{(time.time() - version.manifest.created_at) / 86400:.1f} days old" if version.manifest else version.fault
        size = "size unknown" if version.bytes is None else f"{version.bytes / 1e6:.1f} MB"
        lines.append(f"{'*' if version.is_live else ' '} {version.name}  {version.state}  {version.count:,} documents  {size}  {age}")
    return lines


def _find_model(workspace: Workspace, project: str, system: str) -> ModelRecord:
    record = find_system(workspace, project, system)
    if record is None:
        raise PairsmithError("BM25 has no vectors. Name a model instead: base, tuned, or a model's id.")
    return record
