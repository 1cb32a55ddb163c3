"""The command line: everything the pages can do, without a browser.

Figures go to stdout (as JSON with `--json`), progress and errors to stderr. Exit code 0, 1 for an error, 2 for wrong usage. `--home DIR` may
stand anywhere; without it PAIRSMITH_HOME counts.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from core import __version__
from core.cli_output import Out, describe_run, export_log, export_pairs, follow_run, run_doctor, show_project
from core.curation.review_queue import apply_events, next_records
from core.ingest.read import import_path
from core.ingest.sample import create_sample, read_oracle
from core.jobs.engine import LocalEngine
from core.model import ModelKind, NotFound, PairsmithError, Run, RunKind
from core.retrieval.models import EMBEDDED_DEFAULT
from core.store import artefacts, projects, runs
from core.tuning.config import TuneConfig
from core.workspace import Workspace, open_workspace

app = typer.Typer(name="pairsmith", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
project_app = typer.Typer(no_args_is_help=True, help="List projects, or show one.")
app.add_typer(project_app, name="project")

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
ProjectName = Annotated[str, typer.Argument(help="The project's id.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"pairsmith {__version__}")
        raise typer.Exit


@app.callback()
def root(
    home: Annotated[Path | None, typer.Option(help="Folder that holds all state; else PAIRSMITH_HOME, else ~/.pairsmith.")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Tune embedding models on your own domain, with hard negatives that experts reviewed."""
    if home is not None:
        os.environ["PAIRSMITH_HOME"] = str(home.expanduser().resolve())


@app.command()
def init(
    project: Annotated[str | None, typer.Argument(help="Also make an empty project of this id.")] = None,
    sample: Annotated[bool, typer.Option(help="Also make the sample project of contract clauses.")] = False,
    base_model: Annotated[str, typer.Option(help="Base model of the project: the embedded default, a hub id or a folder.")] = "",
    json: Json = False,
) -> None:
    """Make the home folder, and a project where asked."""
    workspace = open_workspace()
    made = [create_sample(workspace).id] if sample else []
    if project:
        with workspace.store.write() as conn:
            made.append(projects.add_project(conn, project, base_model=base_model or workspace.settings.base_model).id)
    Out(json).show({"home": str(workspace.home), "projects": made}, f"Home {workspace.home}" + "".join(f"\nproject {name}" for name in made))


@project_app.command("list")
def project_list(json: Json = False) -> None:
    """List the projects with what they hold."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        found = [{"id": item.id, "name": item.name, **projects.count_contents(conn, item.id)} for item in projects.list_projects(conn)]
    lines = [f"{row['id']}: {row['documents']} documents, {row['labelled_anchors']} of {row['anchors']} anchors with answers" for row in found]
    Out(json).show({"projects": found}, "\n".join(lines) or "No project yet. `pairsmith init --sample` makes the sample.")


@project_app.command("show")
def project_show(project: ProjectName, json: Json = False) -> None:
    """Show a project: contents, parts of the split, models, runs, snapshots."""
    value = show_project(open_workspace(), project)
    Out(json).show(value)


@app.command("import")
def import_(
    project: ProjectName,
    path: Annotated[Path, typer.Argument(help="JSONL of anchor, positive, hard_negatives; a BEIR folder; a corpus as JSONL or CSV.")],
    base_model: Annotated[str, typer.Option(help="Base model, where the project is new.")] = "",
    json: Json = False,
) -> None:
    """Bring in a file or folder, all or nothing; a project that does not exist is made."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        is_new = projects.find_project(conn, project) is None
    stored = import_path(workspace, project, path, new_with=(base_model or workspace.settings.base_model) if is_new else None)
    Out(json).show({"project": project, "created": is_new, "changed": stored}, f"{project}: " + ", ".join(f"{count} {what}" for what, count in stored.items()))


@app.command()
def embed(project: ProjectName, system: Annotated[str, typer.Option(help="base, tuned or a model's id.")] = "base", json: Json = False) -> None:
    """Encode what the vector cache lacks of the corpus and the anchors."""
    _run_and_show(project, RunKind.EMBED, {"system": system}, json)


@app.command()
def mine(
    project: ProjectName,
    system: Annotated[str, typer.Option(help="The model that mines: base, tuned or a model's id.")] = "base",
    depth: Annotated[int, typer.Option(min=1, help="Neighbours taken from each ranking.")] = 50,
    per_anchor: Annotated[int, typer.Option(min=1, help="Candidates shown for an anchor.")] = 8,
    suspicious_ratio: Annotated[float, typer.Option(help="Similarity over the lowest answer's from which a candidate may well be an answer.")] = 0.95,
    json: Json = False,
) -> None:
    """Mine hard-negative candidates for the review queue."""
    config = {"system": system, "depth": depth, "per_anchor": per_anchor, "suspicious_ratio": suspicious_ratio}
    _run_and_show(project, RunKind.MINE, config, json)


@app.command()
def judge(
    project: ProjectName,
    oracle: Annotated[Path | None, typer.Option(help="Answer the queue from this qrels file; the log marks it as the oracle's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="With --oracle: judge at most so many.")] = None,
    show: Annotated[int, typer.Option("--next", min=1, help="Without a judgement: show the next records of the queue.")] = 5,
    anchor: Annotated[str, typer.Option(help="Judge one pair: the anchor's id.")] = "",
    document: Annotated[str, typer.Option(help="Judge one pair: the document's id.")] = "",
    label: Annotated[str, typer.Option(help="positive, hard_negative, ambiguous, skipped or cannot_judge.")] = "",
    grade: Annotated[int, typer.Option(help="Grade of a positive: 3 fully, 2 partly, 1 touches.")] = 3,
    undo: Annotated[str, typer.Option(help="Take back the judgement with this client id.")] = "",
    author: Annotated[str, typer.Option(help="Whose judgement it is.")] = "cli",
    json: Json = False,
) -> None:
    """Review the queue: show it, judge one pair, take one back, or let known judgements answer."""
    from core.curation.oracle import answer_queue

    workspace = _open(project)
    if oracle is not None:
        if not oracle.is_file():
            raise PairsmithError(f"There is no qrels file {str(oracle)!r}.")
        counts = answer_queue(workspace, project, read_oracle(oracle), limit=limit)
        Out(json).show(
            {"project": project, **counts},
            f"The oracle judged {sum(counts.values())}: {counts['hard_negatives']} hard negatives, {counts['positives']} answers.",
        )
    elif label or undo:
        event: dict[str, Any] = {"client_id": uuid.uuid4().hex}
        event |= {"undoes": undo} if undo else {"anchor_id": anchor, "document_id": document, "label": label, "grade": grade}
        applied = apply_events(workspace, project, author, [event])
        if applied.refused:
            raise PairsmithError(next(iter(applied.refused.values())))
        Out(json).show({"client_id": event["client_id"]}, f"Saved as {event['client_id']}.")
    else:
        records = next_records(workspace, project, author, n=show)
        rows = [
            {"anchor_id": item.anchor_id, "document_id": item.document_id, "anchor": item.anchor, "candidate": item.candidate.text, "answers": item.answers}
            for item in records
        ]
        Out(json).show(
            {"records": rows},
            "\n\n".join(f"{row['anchor_id']} {row['anchor']}\n  {row['document_id']} {row['candidate']}" for row in rows) or "The queue is empty.",
        )


@app.command()
def search(project: ProjectName, query: str, k: Annotated[int, typer.Option(min=1)] = 10, json: Json = False) -> None:
    """Search the corpus by words and, while a worker runs, by meaning."""
    from core.retrieval.models import describe_model
    from core.retrieval.search import search_documents

    workspace = _open(project)
    with workspace.store.read() as conn:
        record = describe_model(projects.get_project(conn, project).base_model)
    found = search_documents(workspace, project, query, k=k, record=record)
    rows = [{"rank": hit.rank, "id": hit.document.id, "score": hit.score, "text": hit.document.text} for hit in found.hits]
    Out(json).show({"hits": rows, "note": found.note}, "\n".join(f"{row['rank']:>3} {row['id']}  {row['text']}" for row in rows) or "Nothing found.")


@app.command()
def tune(
    project: ProjectName,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = TuneConfig.epochs,
    batch: Annotated[int, typer.Option(help="Rows a step.")] = TuneConfig.batch,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = TuneConfig.learning_rate,
    warmup: Annotated[float, typer.Option(help="Share of the steps over which the rate rises.")] = TuneConfig.warmup,
    negatives: Annotated[int, typer.Option(help="Reviewed hard negatives a row, at most.")] = TuneConfig.negatives,
    generic_share: Annotated[float, typer.Option(help="Share of everyday pairs mixed in.")] = TuneConfig.generic_share,
    scale: Annotated[float, typer.Option(help="Inverse temperature of the loss.")] = TuneConfig.scale,
    min_grade: Annotated[int, typer.Option(help="Lowest grade that counts as an answer.")] = TuneConfig.min_grade,
    evaluations: Annotated[int, typer.Option(help="Times development NDCG@5 is measured.")] = TuneConfig.evaluations,
    merge: Annotated[bool, typer.Option(help="Blend the tuned weights with the base's against forgetting.")] = TuneConfig.merge,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = TuneConfig.seed,
    json: Json = False,
) -> None:
    """Tune the base model, wait, and print run, model and verdict."""
    config = TuneConfig(epochs, batch, learning_rate, warmup, negatives, generic_share, scale, min_grade, evaluations, merge, seed)
    run = _run(project, RunKind.TUNE, config.to_json())
    result = dict(run.result or {})
    value = {"run": run.id, "model": result.get("model_id"), "verdict": result.get("test", {}).get("verdict"), **result}
    verdict = value["verdict"] or {}
    Out(json).show(value, f"{verdict.get('title')}: {verdict.get('reason')}\n{verdict.get('advice')}\nrun {run.id}, model {str(value['model'])[:12]}")


@app.command()
def evaluate(
    project: ProjectName,
    system: Annotated[list[str] | None, typer.Option(help="base, tuned, bm25 or a model's id; may be given several times.")] = None,
    queries: Annotated[str, typer.Option(help="all, train, dev or test.")] = "test",
    json: Json = False,
) -> None:
    """Measure systems on the anchors that have answers. Opening the test part is logged."""
    from core.evaluation.evaluate import ALL, evaluate_system
    from core.model import Part

    if queries not in (ALL, *Part):
        raise typer.BadParameter(f"{queries!r} is none of all, train, dev, test.", param_hint="--queries")
    workspace = _open(project)
    figures = {name: evaluate_system(workspace, project, name, queries) for name in system or ["base"]}
    value = {"project": project, "queries": queries, "systems": {name: item.to_json() for name, item in figures.items()}}
    lines = [f"{name}: NDCG@5 {item.measures['ndcg@5']:.3f} ({item.interval[0]:.3f} to {item.interval[1]:.3f}), n = {item.n}" for name, item in figures.items()]
    Out(json).show(value, "\n".join(lines))


@app.command()
def clumps(
    project: Annotated[str | None, typer.Argument(help="The project; leave it out with --base and --tuned.")] = None,
    base: Annotated[Path | None, typer.Option(help="Vectors of the base model, .npy (n, d).")] = None,
    tuned: Annotated[Path | None, typer.Option(help="Vectors of the same rows under the tuned model, .npy.")] = None,
    reference_base: Annotated[Path | None, typer.Option(help="Generic texts under the base model, .npy.")] = None,
    reference_tuned: Annotated[Path | None, typer.Option(help="Generic texts under the tuned model, .npy.")] = None,
    system: Annotated[str, typer.Option(help="The tuned model: tuned (the newest) or a model's id.")] = "tuned",
    json: Json = False,
) -> None:
    """Say whether the tuned model tells the documents apart."""
    from core.geometry.array_input import clumps_of_arrays

    if project is None:
        if base is None or tuned is None:
            raise typer.BadParameter("name a project, or give both --base and --tuned.")
        value = clumps_of_arrays(base, tuned, reference_base, reference_tuned)
    else:
        from core.evaluation.systems import BASE, find_system
        from core.geometry.map_run import measure_clumps

        workspace = _open(project)
        records = [find_system(workspace, project, name) for name in (BASE, system)]
        if records[0] is None or records[1] is None:
            raise PairsmithError("BM25 has no vectors. Name a model: tuned, or a model's id.")
        value = measure_clumps(workspace, project, records[0], records[1])
    Out(json).show(value, f"{value['verdict']}: " + " ".join(value["reasons"]))


@app.command("map")
def map_(project: ProjectName, system: Annotated[str, typer.Option(help="tuned (the newest) or a model's id.")] = "tuned", json: Json = False) -> None:
    """Draw the maps of base and tuned, for the map page."""
    _run_and_show(project, RunKind.MAP, {"system": system}, json)


@app.command()
def export(
    project: ProjectName,
    out: Annotated[Path, typer.Option(help="File (pairs, log) or folder (model) to write; it must not exist.")],
    what: Annotated[str, typer.Option(help="pairs: JSONL that imports again; log: every judgement event; model: the tuned model's folder.")] = "pairs",
    system: Annotated[str, typer.Option(help="With model: tuned (the newest) or a model's id.")] = "tuned",
    json: Json = False,
) -> None:
    """Write judgements or a model to disk."""
    workspace = _open(project)
    if out.exists():
        raise PairsmithError(f"{out} exists already. Remove it, or name another place.")
    if what == "pairs":
        value: dict[str, Any] = {"rows": export_pairs(workspace, project, out)}
    elif what == "log":
        value = {"rows": export_log(workspace, project, out)}
    elif what == "model":
        value = {"model": _export_model(workspace, project, system, out)}
    else:
        raise typer.BadParameter(f"{what!r} is none of pairs, log, model.", param_hint="--what")
    Out(json).show({"project": project, "out": str(out), **value}, f"Wrote {out}.")


@app.command("runs")
def runs_(project: ProjectName, json: Json = False) -> None:
    """List the runs of a project, newest first."""
    workspace = _open(project)
    with workspace.store.read() as conn:
        found = [describe_run(run) for run in runs.list_runs(conn, project)]
    Out(json).show({"runs": found}, "\n".join(f"{row['id']} {row['kind']:<8} {row['status']}" for row in found) or "No run yet.")


@app.command()
def cancel(run: Annotated[str, typer.Argument(help="The run's id.")], json: Json = False) -> None:
    """Ask a run to stop."""
    workspace = open_workspace()
    with workspace.store.read() as conn:
        runs.get_run(conn, run)
    LocalEngine(workspace).request_cancel(run)
    with workspace.store.read() as conn:
        status = runs.get_run(conn, run).status
    Out(json).show({"run": run, "status": status.value}, f"{run}: {status.value}, asked to stop")


@app.command()
def worker(until_idle: Annotated[bool, typer.Option(help="End when no run waits.")] = False) -> None:
    """Carry out runs until stopped (Ctrl-C)."""
    from core.jobs.worker import run_worker

    run_worker(open_workspace(), until_idle=until_idle)


@app.command()
def doctor(json: Json = False) -> None:
    """Check this installation: home, database, embedded model, worker, versions."""
    report = run_doctor(open_workspace(), EMBEDDED_DEFAULT)
    Out(json).show(report, "\n".join(f"{'ok ' if check['ok'] else 'NOT'} {check['name']}: {check['detail']}" for check in report["checks"]))
    if not report["ok"]:
        raise typer.Exit(1)


def main() -> None:
    """Entry point: `--home` may stand anywhere, errors end as one line on stderr and exit code 1."""
    arguments = _hoist_home(sys.argv[1:])
    try:
        app(arguments)
    except PairsmithError as error:
        typer.echo(f"pairsmith: {error}", err=True)
        sys.exit(1)


def _hoist_home(arguments: list[str]) -> list[str]:
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--home="):
            return [argument, *arguments[:place], *arguments[place + 1 :]]
        if argument == "--home" and place + 1 < len(arguments):
            return [*arguments[place : place + 2], *arguments[:place], *arguments[place + 2 :]]
    return arguments


def _open(project: str) -> Workspace:
    workspace = open_workspace()
    with workspace.store.read() as conn:
        projects.get_project(conn, project)
    return workspace


def _run(project: str, kind: RunKind, config: dict[str, Any]) -> Run:
    workspace = _open(project)
    return follow_run(workspace, LocalEngine(workspace).enqueue(project, kind, config))


def _run_and_show(project: str, kind: RunKind, config: dict[str, Any], json: bool) -> None:
    run = _run(project, kind, config)
    result = dict(run.result or {})
    Out(json).show({"run": run.id, **result}, "\n".join(f"{name}: {value}" for name, value in result.items()))


def _export_model(workspace: Workspace, project: str, system: str, out: Path) -> str:
    import shutil

    with workspace.store.read() as conn:
        if system == "tuned":
            tuned = [model for model in artefacts.list_models(conn, project) if model.kind == ModelKind.TUNED]
            if not tuned:
                raise NotFound(f"Project {project!r} has no tuned model yet. `pairsmith tune {project}` makes one.")
            record = tuned[0]
        else:
            record = artefacts.get_model(conn, project, system)
    shutil.copytree(record.location, out)
    return record.id


if __name__ == "__main__":
    main()
