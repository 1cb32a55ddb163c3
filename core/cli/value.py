"""When to stop: the value meter and the other figures to decide by."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.app import Json, ProjectName, app, open_project, run_to_end
from core.cli.output import Out
from core.curation.stopping import Stopping, point_to_json, read_stopping
from core.model import RunKind


@app.command()
def value(
    project: ProjectName,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure the whole curve anew.")] = False,
    json: Json = False,
) -> None:
    """Measure what the judgements so far are worth: NDCG@5 of a quick adapter on the development anchors, against judgements spent."""
    run = run_to_end(project, RunKind.METER, {"fresh": fresh})
    found = read_stopping(open_project(project), project)
    points = [point_to_json(point) for point in found.points]
    words = found.word.words if points else str((run.result or {}).get("words", found.word.words))
    figures = {"run": run.id, "advice": found.word.advice.value, "words": words, "base": points[-1]["base"] if points else None, "points": points}
    lines = [f"{row['judged']:>6} judgements  NDCG@5 {row['value']:.3f}  gain {row['gain']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})" for row in points]
    Out(json).show(figures, "\n".join([*lines, words]))


@app.command()
def stop(project: ProjectName, json: Json = False) -> None:
    """Say what speaks for stopping: hard negatives against the target, minutes left, wrong ones left, what the last judgements added."""
    found = read_stopping(open_project(project), project)
    Out(json).show({"project": project, **found.to_json()}, _describe(found))


def _describe(found: Stopping) -> str:
    target = found.target
    lines = [f"{target.reached} of {target.anchors} training anchors have {target.wanted} hard negatives; {target.reviewed:.1f} an anchor on average."]
    minutes = target.minutes_left
    if minutes is None:
        lines.append("Time left for the target cannot be told yet.")
    else:
        lines.append("The target is reached." if minutes == 0 else f"About {max(1, round(minutes))} minutes of reviewing left for the target.")
    if found.wrong is None:
        lines.append("How many hard negatives are wrong cannot be told yet: too few random checks were judged.")
    else:
        wrong = found.wrong
        lines.append(f"About {wrong.share:.0%} ({wrong.low:.0%} to {wrong.high:.0%}) of the {wrong.left} documents nobody reviewed are answers in truth.")
    return "\n".join([*lines, found.word.words])
