"""Tuning, and what is to be known before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out, render_cost, render_finding
from core.model import PairsmithError, RunKind
from core.tuning.config import TuneConfig
from core.tuning.findings import refuse_blocked
from core.tuning.preflight import Preflight, count_training, run_preflight
from core.tuning.recipes import AUTO, explain_missing, find_recipe


@app.command()
def tune(
    project: ProjectName,
    recipe: Annotated[str, typer.Option(help="auto (by the number of training anchors), small, medium or large; options below change it.")] = AUTO,
    method: Annotated[str | None, typer.Option(help="whole (the model) or adapter (a matrix on query vectors, in seconds).")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows.")] = None,
    batch: Annotated[int | None, typer.Option(help="Rows a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps over which the rate rises.")] = None,
    negatives: Annotated[int | None, typer.Option(help="Reviewed hard negatives a row, at most.")] = None,
    unreviewed_negatives: Annotated[bool | None, typer.Option(help="Fill rows up with mined negatives that nobody reviewed.")] = None,
    generic_share: Annotated[float | None, typer.Option(help="Share of everyday pairs mixed in.")] = None,
    generic_path: Annotated[str | None, typer.Option(help="JSON Lines of everyday pairs (query, pos, neg); else those bundled.")] = None,
    loss: Annotated[str | None, typer.Option(help="mnrl, cached_mnrl or gist.")] = None,
    mini_batch: Annotated[int | None, typer.Option(help="Rows in memory at once, with cached_mnrl and gist.")] = None,
    scale: Annotated[float | None, typer.Option(help="Inverse temperature of the loss; else the model family's own.")] = None,
    frozen_layers: Annotated[int | None, typer.Option(help="Leave the embeddings and so many of the first layers as they are.")] = None,
    lora_rank: Annotated[int | None, typer.Option(help="Train low-rank adapters of this rank and merge them; 0 trains the weights.")] = None,
    matryoshka: Annotated[list[int] | None, typer.Option(help="A shorter vector length that shall serve alone; may be given several times.")] = None,
    min_grade: Annotated[int | None, typer.Option(help="Lowest grade that counts as an answer.")] = None,
    evaluations: Annotated[int | None, typer.Option(help="Times development NDCG@5 is measured.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many measurements without a new best; 0 never stops early.")] = None,
    merge: Annotated[bool | None, typer.Option(help="Blend the tuned weights with the base's against forgetting.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Train with so many seeds to see how far luck moves the result.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print recipe, settings and estimate; train nothing.")] = False,
    json: Json = False,
) -> None:
    """Tune the base model, wait, and print run, model and verdict."""
    given = {name: value for name, value in locals().items() if name not in ("project", "recipe", "dry_run", "json") and value is not None}
    workspace = open_project(project)
    anchors = count_training(workspace, project)
    chosen = find_recipe(recipe, anchors)
    if chosen.config is None and not dry_run:
        raise PairsmithError(f"{explain_missing(anchors)} To tune all the same, name a recipe: --recipe small.")
    config = replace(chosen.config or TuneConfig(), **given)
    if dry_run:
        report = run_preflight(workspace, project, config)
        plan: dict[str, Any] = {"recipe": chosen.to_json(), "config": config.to_json(), "preflight": report.to_json()}
        Out(json).show(plan, f"{chosen.title}: {chosen.why}\n{_render_settings(config.to_json())}\n{_render(report)}")
        return
    refuse_blocked(run_preflight(workspace, project, config).blocks)
    run = run_to_end(project, RunKind.TUNE, config.to_json())
    result = dict(run.result or {})
    value = {"run": run.id, "model": result.get("model_id"), "verdict": result.get("test", {}).get("verdict"), **result}
    verdict = value["verdict"] or {}
    Out(json).show(value, f"{verdict.get('title')}: {verdict.get('reason')}\n{verdict.get('advice')}\nrun {run.id}, model {str(value['model'])[:12]}")


@app.command()
def preflight(
    project: ProjectName,
    recipe: Annotated[str, typer.Option(help="Whose settings to check: auto, small, medium or large.")] = AUTO,
    tokens: Annotated[bool, typer.Option(help="Count tokens with the model's tokenizer rather than estimate them from characters.")] = True,
    json: Json = False,
) -> None:
    """Say what a tuning run would find: counts, leaks, contradictions, cost; what stops it and what weakens it."""
    workspace = open_project(project)
    config = find_recipe(recipe, count_training(workspace, project)).config or TuneConfig()
    count: Any = None
    if tokens:
        from core.retrieval.models import describe_here
        from core.retrieval.tokens import count_tokens
        from core.store import projects

        with workspace.store.read() as conn:
            reference = projects.get_project(conn, project).base_model
        base = describe_here(reference)
        count = count_tokens(base) if base else None
    report = run_preflight(workspace, project, config, count_tokens=count)
    Out(json).show({"project": project, **report.to_json()}, _render(report))


def _render(report: Preflight) -> str:
    return "\n".join([*map(render_finding, report.findings), f"{report.rows} rows, {render_cost(report)}"])


def _render_settings(settings: dict[str, Any]) -> str:
    return "\n".join(f"  {name}: {value}" for name, value in settings.items())
