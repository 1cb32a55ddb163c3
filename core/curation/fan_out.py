"""What follows from one decision: near-duplicates of the document and paraphrases of the anchor are judged with it, and taken back with it.

Hard negative, ambiguous and cannot judge go to pairs of which nothing is said, or of which only an earlier consequence says something. An answer
also overrides hard negatives, whoever said them: it leaves every negative list of the anchor, its paraphrases and the document's near-duplicates.
A skip goes nowhere. Any other explicit word on a pair stands. Where another expert said otherwise, the pair is disputed (`core.curation.agreement`),
and with it what followed from the words said of it, until it is settled or all come round; no word on another pair ends that.
Invariants: a consequence is an event of its own whose `caused_by` is the decision's
client id, written in the decision's transaction, under an id that follows from the decision's and the pair's; a decision or an undo whose id is in
the log already changes nothing, and what followed from it is told again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from core.curation.agreement import find_follow_up, is_disputed
from core.model import Anchor, Document, Judgement, Label, PairsmithError
from core.store import corpus, judgements
from core.store.anchor_groups import read_members
from core.store.projects import take_turn

DISPUTE = "Another expert judged this otherwise. It waits on the agreement page to be settled, and counts as ambiguous until then."
_GOES_TO_OPEN = (Label.HARD_NEGATIVE, Label.AMBIGUOUS, Label.CANNOT_JUDGE)


@dataclass(frozen=True)
class Twins:
    """Near-duplicate groups of a corpus, looked up from both ends. Made from the group name by document id; None where they are not known."""

    groups: Mapping[str, str] | None
    members: dict[str, list[str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for document_id, group in sorted((self.groups or {}).items()):
            self.members.setdefault(group, []).append(document_id)

    def of(self, document_id: str) -> list[str]:
        """The document and its near-duplicates, by id."""
        group = (self.groups or {}).get(document_id)
        return [document_id] if group is None else self.members[group]


@dataclass(frozen=True)
class AlsoJudged:
    """A pair that was judged, or opened again, with the one the expert saw."""

    anchor: Anchor
    document: Document
    label: Label
    grade: int


@dataclass(frozen=True)
class Followed:
    """What followed from a decision, or from taking one back, by anchor and document id, and what a person should know of it."""

    pairs: Sequence[AlsoJudged] = ()
    warnings: Sequence[str] = ()
    told: str = ""
    """What came of a wish for more like it."""


def apply_decision(conn: Connection, project_id: str, event: Judgement, twins: Twins, *, saw: str | None = None, now: float | None = None) -> Followed:
    """Append a decision and what follows from it. `saw`: the client id of the word on the pair that the expert had before them.

    Raises `PairsmithError`, before anything is kept, where the project lacks the anchor or document.
    """
    if saw:
        event = replace(event, shown={**(event.shown or {}), "saw": saw})
    # The decision goes first: with it comes the project's turn, so that what is read below is what stands when the consequences are written.
    if not judgements.append_judgements(conn, project_id, [event], now=now):
        known = judgements.find_event(conn, project_id, event.client_id) or event
        on_top, elsewhere = _part_caused(conn, project_id, known)
        return Followed(_tell(conn, project_id, elsewhere), _warn(on_top) if on_top else _find_contradictions(conn, project_id, known, twins))
    *before, _ = judgements.read_pair(conn, project_id, event.anchor_id, event.document_id)
    if follow := find_follow_up(event, before, saw=saw):
        also = _dispute_caused(conn, project_id, follow, event, before) if is_disputed(follow) else []
        judgements.append_judgements(conn, project_id, [follow, *also], now=now)
        return Followed(_tell(conn, project_id, also), _warn([follow]))
    caused = _derive_events(conn, project_id, event, twins)
    if caused:
        judgements.append_judgements(conn, project_id, caused, now=now)
    return Followed(_tell(conn, project_id, caused), _find_contradictions(conn, project_id, event, twins))


def undo_decision(conn: Connection, project_id: str, client_id: str, *, author: str, undo_id: str, now: float | None = None) -> Followed | None:
    """Take back a decision and those of its consequences that still stand, by the new event `undo_id`. None where it was taken back by another undo.

    What only says how a decision stands to the words before it (a dispute, a settled word that stands) is taken back with that decision. A consequence
    that was judged again since stays, and is named in a warning. Raises `PairsmithError` as `judgements.undo_judgement` does, and for a dispute that
    another's word opened.
    """
    take_turn(conn, project_id)
    decision = _find_decision(conn, project_id, client_id, author)
    client_id = decision.client_id if decision else client_id
    on_top, caused = _part_caused(conn, project_id, decision) if decision else ([], [])
    for item in on_top:
        judgements.undo_judgement(conn, project_id, item.client_id, author=author, caused_by=undo_id, now=now)
    if judgements.undo_judgement(conn, project_id, client_id, author=author, undo_id=undo_id, now=now) is None:
        if judgements.find_event(conn, project_id, undo_id) is None:
            return None
        return Followed(_tell(conn, project_id, judgements.read_caused(conn, project_id, undo_id)))
    taken: list[Judgement] = []
    kept: list[Judgement] = []
    for event in caused:
        try:
            undo = judgements.undo_judgement(
                conn, project_id, event.client_id, author=author, undo_id=_name_event(undo_id, event.anchor_id, event.document_id), caused_by=undo_id, now=now
            )
        except PairsmithError:  # judged again since
            kept.append(event)
        else:
            taken += [undo] if undo else []
    return Followed(_tell(conn, project_id, taken), [f"{event.document_id} was judged again since, and that stays." for event in kept])


def _find_decision(conn: Connection, project_id: str, client_id: str, author: str) -> Judgement | None:
    """The event to take back: this one, or the decision on which it lies."""
    event = judgements.find_event(conn, project_id, client_id)
    cause = judgements.find_event(conn, project_id, event.caused_by) if event and event.undoes is None and event.caused_by else None
    if event is None or cause is None or not _is_same_pair(event, cause):
        return event
    if is_disputed(event) and cause.author != author:
        raise PairsmithError("Experts differ on this record. It cannot be taken back for them: settle it on the agreement page.")
    return cause


def retell(conn: Connection, project_id: str, client_ids: Sequence[str]) -> dict[str, Followed]:
    """What followed from decisions and undos that are in the log already, by their ids; those from which nothing followed are left out."""
    caused: dict[str, list[Judgement]] = {}
    for event in judgements.read_caused(conn, project_id, *client_ids):
        caused.setdefault(event.caused_by or "", []).append(event)
    return {client_id: Followed(_tell(conn, project_id, events)) for client_id, events in caused.items()}


def _derive_events(conn: Connection, project_id: str, event: Judgement, twins: Twins) -> list[Judgement]:
    """The events of all other pairs that the decision holds for too, by anchor and document id."""
    if event.label != Label.POSITIVE and event.label not in _GOES_TO_OPEN:
        return []
    anchor_ids = [anchor.id for anchor in read_members(conn, project_id, event.anchor_id)]
    alike = twins.of(event.document_id)
    document_ids = sorted(corpus.get_documents(conn, project_id, alike)) if len(alike) > 1 else alike
    pairs = [(anchor_id, document_id) for anchor_id in anchor_ids for document_id in document_ids]
    if len(pairs) < 2:
        return []
    said = {(item.anchor_id, item.document_id): item for item in judgements.read_state(conn, project_id, anchor_ids=anchor_ids)}
    return [
        replace(
            event,
            client_id=_name_event(event.client_id, anchor_id, document_id),
            anchor_id=anchor_id,
            document_id=document_id,
            note="",
            shown_at=None,
            active_ms=None,
            caused_by=event.client_id,
            shown=None,
        )
        for anchor_id, document_id in pairs
        if (anchor_id, document_id) != (event.anchor_id, event.document_id) and _is_to_follow(conn, project_id, event, said.get((anchor_id, document_id)))
    ]


def _is_to_follow(conn: Connection, project_id: str, event: Judgement, said: Judgement | None) -> bool:
    if said is None:
        return True
    if (said.label, said.grade) == (event.label, event.grade):
        return False
    if event.label == Label.POSITIVE and said.label == Label.HARD_NEGATIVE:
        return True
    standing = judgements.find_standing(conn, project_id, said.anchor_id, said.document_id)
    cause = judgements.find_event(conn, project_id, standing.caused_by) if standing and standing.caused_by else None
    if standing is None or standing.caused_by is None:
        return False
    if is_disputed(standing):
        return cause is not None and _is_same_pair(cause, event)
    return cause is None or not _is_same_pair(cause, said)


def _dispute_caused(conn: Connection, project_id: str, follow: Judgement, event: Judgement, before: Sequence[Judgement]) -> list[Judgement]:
    """The events by which all that followed from the words on a pair is disputed with it, by anchor and document id."""
    pairs = {(item.anchor_id, item.document_id) for item in judgements.read_caused(conn, project_id, *(item.client_id for item in before))}
    said = {item.client_id for item in before}
    disputed: list[Judgement] = []
    for anchor_id, document_id in sorted(pairs - {(event.anchor_id, event.document_id)}):
        standing = judgements.find_standing(conn, project_id, anchor_id, document_id)
        if standing is not None and standing.caused_by in said and standing.label in (Label.POSITIVE, Label.HARD_NEGATIVE):
            disputed.append(replace(follow, client_id=_name_event(event.client_id, anchor_id, document_id), anchor_id=anchor_id, document_id=document_id))
    return disputed


def _find_contradictions(conn: Connection, project_id: str, event: Judgement, twins: Twins) -> list[str]:
    """What speaks against a hard negative: a near-duplicate, or the document itself for a paraphrase, that is marked as an answer."""
    if event.label != Label.HARD_NEGATIVE:
        return []
    anchor_ids = [anchor.id for anchor in read_members(conn, project_id, event.anchor_id)]
    alike = set(twins.of(event.document_id))
    if len(anchor_ids) * len(alike) == 1:
        return []
    answers = judgements.read_state(conn, project_id, labels=[Label.POSITIVE], anchor_ids=anchor_ids)
    found = [item for item in answers if item.document_id in alike and item.grade > 0]
    near = sorted({item.document_id for item in found} - {event.document_id})
    same = sorted({item.anchor_id for item in found if item.document_id == event.document_id} - {event.anchor_id})
    return [f"Its near-duplicate {document_id} is marked as an answer." for document_id in near] + [
        f"It is marked as an answer of {anchor_id}, which asks the same." for anchor_id in same
    ]


def _part_caused(conn: Connection, project_id: str, decision: Judgement) -> tuple[list[Judgement], list[Judgement]]:
    """What followed from a decision on its own pair, where it says how the decision stands to the words before it, and elsewhere."""
    caused = [event for event in judgements.read_caused(conn, project_id, decision.client_id) if event.undoes is None]
    on_top = [event for event in caused if _is_same_pair(event, decision)]
    return on_top, [event for event in caused if event not in on_top]


def _is_same_pair(one: Judgement, other: Judgement) -> bool:
    return (one.anchor_id, one.document_id) == (other.anchor_id, other.document_id)


def _warn(on_top: Sequence[Judgement]) -> list[str]:
    return [DISPUTE] if any(is_disputed(event) for event in on_top) else []


def _tell(conn: Connection, project_id: str, events: Sequence[Judgement]) -> list[AlsoJudged]:
    if not events:
        return []
    anchors = corpus.get_anchors(conn, project_id, sorted({event.anchor_id for event in events}))
    documents = corpus.get_documents(conn, project_id, sorted({event.document_id for event in events}))
    return [AlsoJudged(anchors[event.anchor_id], documents[event.document_id], event.label, event.grade) for event in events]


def _name_event(client_id: str, anchor_id: str, document_id: str) -> str:
    """The id of the event that follows from another one for a pair."""
    return hashlib.sha256(f"{client_id}\0{anchor_id}\0{document_id}".encode()).hexdigest()[:32]
