"""Tuning, evaluating and mapping models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_and_show, run_to_end
from core.cli.output import Out
from core.model import PairsmithError, RunKind
from core.tuning.config import TuneConfig


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
    run = run_to_end(project, RunKind.TUNE, config.to_json())
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
    workspace = open_project(project)
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

        workspace = open_project(project)
        records = [find_system(workspace, project, name) for name in (BASE, system)]
        if records[0] is None or records[1] is None:
            raise PairsmithError("BM25 has no vectors. Name a model: tuned, or a model's id.")
        value = measure_clumps(workspace, project, records[0], records[1])
    Out(json).show(value, f"{value['verdict']}: " + " ".join(value["reasons"]))


@app.command("map")
def map_(project: ProjectName, system: Annotated[str, typer.Option(help="tuned (the newest) or a model's id.")] = "tuned", json: Json = False) -> None:
    """Draw the maps of base and tuned, for the map page."""
    run_and_show(project, RunKind.MAP, {"system": system}, json)
