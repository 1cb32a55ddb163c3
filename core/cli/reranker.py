"""Cross-encoders: training one on the reviewed pairs, taking one in, listing them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out, render_cost, render_finding
from core.model import RunKind
from core.retrieval.models import is_hub_id
from core.retrieval.rerankers import list_rerankers, take_reranker
from core.store import artefacts
from core.tuning.findings import refuse_blocked
from core.tuning.reranker_config import RerankerConfig
from core.tuning.reranker_preflight import run_reranker_preflight

reranker_app = typer.Typer(no_args_is_help=True, help="Train a cross-encoder on the reviewed pairs, take one in, or list them.")
app.add_typer(reranker_app, name="reranker")


@reranker_app.command("train")
def train(
    project: ProjectName,
    start: Annotated[str | None, typer.Option(help="What it begins from: a cross-encoder by name, folder or hub id; else the base model.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pairs.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps over which the rate rises.")] = None,
    depth: Annotated[int | None, typer.Option(help="Documents of a held-out anchor that it puts in order.")] = None,
    min_grade: Annotated[int | None, typer.Option(help="Lowest grade that counts as an answer.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Times development NDCG@5 is measured.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many measurements without a new best; 0 never stops early.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    json: Json = False,
) -> None:
    """Train a cross-encoder, wait, and print what it adds to the base model on the held-out anchors."""
    given: dict[str, Any] = {name: value for name, value in locals().items() if name not in ("project", "json") and value is not None}
    config = replace(RerankerConfig(), **given)
    refuse_blocked(run_reranker_preflight(open_project(project), project, config).blocks)
    run = run_to_end(project, RunKind.RERANKER, config.to_json())
    result = dict(run.result or {})
    test = result["test"]
    gain = test["difference"]
    words = f"NDCG@5 {test['base']:.3f} with the base model, {test['reranked']:.3f} reranked: {gain['gain']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
    Out(json).show({"run": run.id, **result}, f"{words}, n = {gain['n']}\nrun {run.id}, reranker {result['model_name']} ({result['model_id'][:12]})")


@reranker_app.command("preflight")
def preflight(
    project: ProjectName,
    start: Annotated[str | None, typer.Option(help="What it would begin from, as in train.")] = None,
    tokens: Annotated[bool, typer.Option(help="Count tokens with the start's tokenizer rather than estimate them from characters.")] = True,
    json: Json = False,
) -> None:
    """Say what the training of a cross-encoder would find: counts, leaks, contradictions, cut pairs, cost; what stops it and what weakens it."""
    report = run_reranker_preflight(open_project(project), project, RerankerConfig(start=start or ""), tokens=tokens)
    counted = f"{report.answers} answers and {report.negatives} reviewed negatives"
    Out(json).show({"project": project, **report.to_json()}, "\n".join([*map(render_finding, report.findings), f"{counted}, {render_cost(report)}"]))


@reranker_app.command("add")
def add(project: ProjectName, reference: Annotated[str, typer.Argument(help="A folder or a hub id of a cross-encoder.")], json: Json = False) -> None:
    """Take a cross-encoder into the project, so that it is named, listed and offered. One of the hub is fetched by a run; Ctrl-C cancels it."""
    workspace = open_project(project)
    if is_hub_id(reference):
        run = run_to_end(project, RunKind.TAKE, {"reference": reference}, alone=True)
        with workspace.store.read() as conn:
            record = artefacts.get_model(conn, project, str((run.result or {})["model_id"]))
    else:
        record = take_reranker(workspace, project, reference)
    Out(json).show({"id": record.id, "name": record.name, "location": record.location}, f"{record.name} ({record.id[:12]})")


@reranker_app.command("list")
def list_(project: ProjectName, json: Json = False) -> None:
    """List the project's cross-encoders, newest first."""
    found = list_rerankers(open_project(project), project)
    value = [{"id": item.id, "name": item.name, "location": item.location, "snapshot": item.snapshot_id, "run": item.run_id} for item in found]
    Out(json).show({"project": project, "rerankers": value}, "\n".join(f"{item.id[:12]} {item.name}" for item in found) or "There is none yet.")
