"""Groups of paraphrases: making one, taking it apart, and what was said of one member carried over to the others.

Invariants: a group is named by the smallest id of its members and has two at least; every event carried over names the decision it follows from
(`caused_by`), and is taken back when its anchor and that decision's no longer stand in one group; where the members disagree on a document nothing is carried.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.curation.paraphrases import forget_refused, remember_refused
from core.model import Anchor, Judgement, Label, PairsmithError, hash_text
from core.store import corpus, judgements
from core.store.anchor_groups import read_members
from core.store.projects import take_turn
from core.workspace import Workspace


@dataclass(frozen=True)
class GroupChange:
    """What became of a group: its members now (none where it is gone), the events that were written, and the documents its members disagree on."""

    group: str | None
    members: Sequence[str]
    carried: Sequence[Judgement] = ()
    undone: Sequence[Judgement] = ()
    disputed: Sequence[str] = ()


def make_group(workspace: Workspace, project_id: str, ids: Sequence[str], *, author: str, now: float | None = None) -> GroupChange:
    """Join these anchors, with the groups they stand in, to one, and carry answers and hard negatives of each over to the others.

    Raises `NotFound` for an unknown id and `PairsmithError` for fewer than two anchors; then nothing changes.
    """
    at = time.time() if now is None else now
    with workspace.store.write() as conn:
        take_turn(conn, project_id)
        anchors = {member.id: member for anchor_id in dict.fromkeys(ids) for member in read_members(conn, project_id, anchor_id)}
        if len(anchors) < 2:
            raise PairsmithError("A group has two or more anchors. Name them by their ids.")
        members = sorted(anchors)
        corpus.set_groups(conn, project_id, dict.fromkeys(members, members[0]))
        forget_refused(conn, project_id, members)
        events, disputed = plan_carrying(anchors, _read_words(conn, project_id, members), members[0], author, at)
        judgements.append_judgements(conn, project_id, events, now=at)
    return GroupChange(members[0], members, carried=events, disputed=disputed)


def plan_carrying(anchors: Mapping[str, Anchor], words: Sequence[Judgement], group: str, author: str, at: float) -> tuple[list[Judgement], list[str]]:
    """The events that give every anchor the answers and hard negatives of the others, and the documents on which their words disagree.

    A pair that has a word of its own keeps it, a skip included, which says nothing of the document. Of several words of one label the last in the log is
    carried; that a pair is ambiguous stays with its anchor.
    """
    by_document: dict[str, list[Judgement]] = {}
    for word in sorted(words, key=lambda item: item.seq or 0):
        by_document.setdefault(word.document_id, []).append(word)
    events: list[Judgement] = []
    disputed: list[str] = []
    for document_id, heard in sorted(by_document.items()):
        told = {word.anchor_id for word in heard}
        said = [word for word in heard if word.label not in (Label.SKIPPED, Label.CANNOT_JUDGE)]
        if len({word.label for word in said}) > 1:
            disputed.append(document_id)
            continue
        if not said or said[-1].label == Label.AMBIGUOUS:
            continue
        for anchor_id in sorted(set(anchors) - told):
            events.append(
                Judgement(
                    client_id=uuid.uuid4().hex,
                    anchor_id=anchor_id,
                    document_id=document_id,
                    label=said[-1].label,
                    grade=said[-1].grade,
                    source=said[-1].source,
                    author=author,
                    decided_at=at,
                    caused_by=said[-1].caused_by or said[-1].client_id,
                    shown={"view": "group", "group": group, "anchor": hash_text(anchors[anchor_id].text)},
                )
            )
    return events, disputed


def leave_group(workspace: Workspace, project_id: str, ids: Sequence[str], *, author: str, now: float | None = None) -> GroupChange:
    """Take these anchors out of their group, and take back what was carried between them and the rest; a group of one is none.

    Those taken out are not proposed as one with the rest again. Raises `PairsmithError` when an anchor stands in no group, or they stand in several.
    """
    at = time.time() if now is None else now
    wanted = set(ids)
    with workspace.store.write() as conn:
        take_turn(conn, project_id)
        found = [corpus.get_anchor(conn, project_id, anchor_id) for anchor_id in sorted(wanted)]
        members = [anchor.id for anchor in read_members(conn, project_id, found[0].id)] if found else []
        alone = [anchor.id for anchor in found if len(read_members(conn, project_id, anchor.id)) < 2]
        if alone or not found:
            raise PairsmithError(f"Anchor {alone[0]!r} stands in no group, so there is nothing to take apart." if alone else "Name at least one anchor.")
        if len({anchor.question for anchor in found}) > 1:
            raise PairsmithError("These anchors stand in different groups. Take one group apart at a time.")
        staying = [member for member in members if member not in wanted]
        if len(staying) < 2:
            staying = []
        corpus.set_groups(conn, project_id, {member: staying[0] if member in staying else None for member in members})
        remember_refused(conn, project_id, members if not staying else sorted({*wanted, staying[0]}))
        undone = _take_back_carried(conn, project_id, members, set(staying), author, at)
    return GroupChange(staying[0] if staying else None, staying, undone=undone)


def dissolve_group(workspace: Workspace, project_id: str, anchor_id: str, *, author: str, now: float | None = None) -> GroupChange:
    """Take the whole group of an anchor apart. Raises `PairsmithError` when it stands in none."""
    with workspace.store.read() as conn:
        corpus.get_anchor(conn, project_id, anchor_id)
        members = [anchor.id for anchor in read_members(conn, project_id, anchor_id)]
    return leave_group(workspace, project_id, members, author=author, now=now)


def _take_back_carried(conn: Connection, project_id: str, members: Sequence[str], staying: set[str], author: str, at: float) -> list[Judgement]:
    """Undo each standing word of a member that follows from a decision on another, unless both still stand in the group."""
    undone: list[Judgement] = []
    for word in _read_words(conn, project_id, members):
        last: Judgement | None = None
        standing: Judgement | None = word
        while standing is not None and _is_carried(conn, project_id, standing, staying):  # what lay under it may have been carried too
            last = judgements.undo_judgement(conn, project_id, standing.client_id, author=author, now=at)
            standing = judgements.find_standing(conn, project_id, word.anchor_id, word.document_id)
        undone += [last] if last else []
    return undone


def _is_carried(conn: Connection, project_id: str, word: Judgement, staying: set[str]) -> bool:
    cause = judgements.find_event(conn, project_id, word.caused_by) if word.caused_by else None
    return cause is not None and cause.anchor_id != word.anchor_id and not {word.anchor_id, cause.anchor_id} <= staying


def _read_words(conn: Connection, project_id: str, members: Sequence[str]) -> list[Judgement]:
    """The present word on each pair of the members, as the event it comes from: an undo that brought it back does not say what it follows from."""
    words = judgements.read_state(conn, project_id, anchor_ids=members)
    found = [judgements.find_standing(conn, project_id, word.anchor_id, word.document_id) if word.undoes else word for word in words]
    return [word for word in found if word is not None]
