"""Which judgements of a file count: the word of a file stands once it is imported, and an expert's word after it stands against the same file.

The rule, for each pair of which the file says something other than the project does:
- Where the pair's last word is an import's, the file's word counts, also when an older import said so before a newer one.
- Where the last word is a person's (an undo is one), the file's word counts unless the pair had it before: an expert who changed or took back that
  very word has seen it. It does not matter whether it came from this file, another one or a person, so a file that was passed over because the pair
  said the same already needs no trace in the log. A word that its author took back, such as a slip of the key, was never the pair's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from core.model import Judgement, Label, Source
from core.store import judgements


def choose_judgements(conn: Connection, project_id: str, coming: Sequence[Judgement], *, graded: bool = True) -> list[Judgement]:
    """Those judgements that would change the project, each pair and word once, in the order given.

    `graded`: False where the file only says that something is an answer, which an answer of any grade says too. A word whose id is in the log already
    gets an id of its own, made from the event it replaces, so that the same file again changes nothing.
    """
    if not coming:
        return []
    state = {(item.anchor_id, item.document_id): item for item in judgements.read_state(conn, project_id)}
    open_items = [item for item in coming if not _says_same(state.get((item.anchor_id, item.document_id)), item, graded=graded)]
    if not open_items:
        return []
    logs: dict[tuple[str, str], list[Judgement]] = {(item.anchor_id, item.document_id): [] for item in open_items}
    for event in judgements.read_log(conn, project_id):
        if (event.anchor_id, event.document_id) in logs:
            logs[event.anchor_id, event.document_id].append(event)
    known = judgements.known_events(conn, project_id, [item.client_id for item in open_items])
    chosen: dict[str, Judgement] = {}
    for item in open_items:
        log = logs[item.anchor_id, item.document_id]
        if log and not _is_import(log[-1]) and _had_word(log, item, graded=graded):
            continue
        chosen[item.client_id] = replace(item, client_id=f"{item.client_id}-{log[-1].seq}") if item.client_id in known else item
    return list(chosen.values())


def find_overruled(conn: Connection, project_id: str, events: Sequence[Judgement]) -> dict[tuple[str, str], bool]:
    """The pairs whose word here another home's log, appended after it, would replace by another one; for each, whether the word here is the later one.

    A pair of which every event here stands in that log too is none of them: there the log only goes on. Times are `recorded_at`; without one in the log
    the word here counts as the later.
    """
    ids = {event.client_id for event in events}
    known = judgements.known_events(conn, project_id, sorted(ids))
    last = {(event.anchor_id, event.document_id): event for event in events if event.client_id not in known}
    if not last:
        return {}
    own = {(event.anchor_id, event.document_id) for event in judgements.read_log(conn, project_id) if event.client_id not in ids}
    state = {(item.anchor_id, item.document_id): item for item in judgements.read_state(conn, project_id)}
    return {
        pair: event.recorded_at is None or (state[pair].recorded_at or 0) > event.recorded_at
        for pair, event in last.items()
        if pair in own and pair in state and not _says_same(state[pair], event, graded=True)
    }


def _had_word(log: Sequence[Judgement], coming: Judgement, *, graded: bool) -> bool:
    """Whether the pair once said what is coming: by an import, or by a person who did not take it back."""
    taken_back = {event.undoes for event in log if event.undoes}
    return any(
        _says_same(event, coming, graded=graded) and (_is_import(event) or (event.undoes is None and event.client_id not in taken_back)) for event in log
    )


def _is_import(event: Judgement) -> bool:
    return event.source == Source.IMPORT and event.undoes is None


def _says_same(word: Judgement | None, coming: Judgement, *, graded: bool) -> bool:
    if word is None:
        return False
    return word.label == coming.label and (word.grade == coming.grade or (not graded and word.label == Label.POSITIVE))
