"""Mapping models, and whether one tells the documents apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out
from core.model import PairsmithError, RunKind
from core.store import artefacts
from core.workspace import Workspace


@app.command()
def clumps(
    project: Annotated[str | None, typer.Argument(help="The project; leave it out with --base and --tuned.")] = None,
    base: Annotated[Path | None, typer.Option(help="Vectors of the base model, .npy (n, d).")] = None,
    tuned: Annotated[Path | None, typer.Option(help="Vectors of the same rows under the tuned model, .npy.")] = None,
    reference_base: Annotated[Path | None, typer.Option(help="Generic texts under the base model, .npy.")] = None,
    reference_tuned: Annotated[Path | None, typer.Option(help="Generic texts under the tuned model, .npy.")] = None,
    queries_base: Annotated[Path | None, typer.Option(help="Queries under the base model, .npy.")] = None,
    queries_tuned: Annotated[Path | None, typer.Option(help="The same queries under the tuned model, .npy.")] = None,
    positives: Annotated[Path | None, typer.Option(help="JSON: for each query the rows of its answers, or {row: grade}.")] = None,
    system: Annotated[str, typer.Option(help="The tuned model: tuned (the newest measured) or a model's id.")] = "tuned",
    json: Json = False,
) -> None:
    """Say whether the tuned model tells the documents apart."""
    from core.geometry.array_input import ArrayFiles, clumps_of_arrays

    if project is None:
        if base is None or tuned is None:
            raise typer.BadParameter("name a project, or give both --base and --tuned.")
        value = clumps_of_arrays(ArrayFiles(base, tuned, reference_base, reference_tuned, queries_base, queries_tuned, positives))
    else:
        from core.evaluation.systems import BASE, find_system
        from core.geometry.map_run import measure_clumps

        workspace = open_project(project)
        records = [find_system(workspace, project, name) for name in (BASE, system)]
        if records[0] is None or records[1] is None:
            raise PairsmithError("BM25 has no vectors. Name a model: tuned, or a model's id.")
        value = measure_clumps(workspace, project, records[0], records[1])
    Out(json).show(value, f"{value['verdict']}: " + " ".join(value["reasons"]))


@app.command()
def quantise(
    project: ProjectName,
    system: Annotated[str, typer.Option(help="base, tuned (the newest measured) or a model's id.")] = "base",
    onnx: Annotated[bool, typer.Option("--onnx", help="Run by onnxruntime instead of OpenVINO.")] = False,
    json: Json = False,
) -> None:
    """Make an 8-bit model of a model, faster where the processor has instructions for it; refused where its NDCG@5 falls."""
    from core.tuning.quantise import Form, quantise_model

    value = quantise_model(open_project(project), project, system, Form.ONNX if onnx else Form.OPENVINO)
    Out(json).show({"project": project, **value}, f"{value['name']} ({value['id'][:12]}): {say_cost(value)}")


def say_cost(value: Mapping[str, Any]) -> str:
    """What 8 bits cost, measured."""
    return f"NDCG@5 {value['after']:.4f} on {value['anchors']} development anchors, {value['before']:.4f} before"


@app.command("map")
def map_(
    project: ProjectName,
    system: Annotated[str, typer.Option(help="tuned (the newest measured) or a model's id.")] = "tuned",
    density: Annotated[bool, typer.Option("--density", help="Draw the density view too, which takes twice as long.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Draw nothing; write the newest map as a Parquet file that Embedding Atlas opens.")] = None,
    json: Json = False,
) -> None:
    """Draw the maps of base and tuned, for the map page; or write the newest as a file."""
    if parquet is None:
        run = run_to_end(project, RunKind.MAP, {"system": system, "density": density})
        result = dict(run.result or {})
        verdict, said = tell_map(open_project(project), project, result["projection_id"])
        Out(json).show({"run": run.id, **result, "verdict": verdict, "said": said}, "\n".join(said))
        return
    from core.geometry.atlas import name_command, write_atlas

    workspace = open_project(project)
    rows = write_atlas(workspace, project, parquet)
    Out(json).show({"documents": rows, "path": str(parquet)}, f"{rows:,} documents written. Open them with `{name_command(parquet)}`.")


def tell_map(workspace: Workspace, project_id: str, projection_id: str) -> tuple[str, list[str]]:
    """The flag of a map and what the map page says of it: the flag in words, its reasons, search, groups, movement."""
    from core.evaluation.clump_words import TRUTH, WORDS, say_movement, say_search
    from core.geometry.stored_map import name_hotspot
    from core.geometry.story import tell_story

    with workspace.store.read() as conn:
        projection = next(item for item in artefacts.list_projections(conn, project_id) if item.id == projection_id)
    if projection.tuned_id is None:
        return "none", ["The map of the base model is drawn. Whether a tuned model clumps can be told once there is one."]
    figures = tell_story(workspace, project_id, projection)
    said = [f"{WORDS[figures['verdict']]}. {TRUTH}", *figures["reasons"], say_search(figures["global"].get("ndcg@5"))]
    said += [f"{name_hotspot(number, spot)} ({len(spot['ids'])} documents)" for number, spot in enumerate(figures["hotspots"], start=1)]
    return str(figures["verdict"]), [*said, *filter(None, [say_movement(figures)])]
