"""What the benchmark of the queue's order holds ours against."""

from __future__ import annotations

from core.model import Candidate, CandidateStatus
from tests.bench.suspicious import FIRST, measure_order


def make_candidates(status: CandidateStatus, count: int, *, audit: bool = False) -> list[Candidate]:
    return [Candidate("a", f"{status}-{audit}-{n}", status, "why", 1.0, 0.5, 0.8, 1, None, "none", audit=audit) for n in range(count)]


def test_a_random_order_is_over_what_is_queued_and_not_over_what_was_set_aside():
    """Once candidates in no queue watered the baseline down, and the ratio was that much too good."""
    likely, proposed, aside = (make_candidates(status, 100) for status in CandidateStatus)
    audited = make_candidates(CandidateStatus.SUSPICIOUS, 20, audit=True)
    hidden = {(item.anchor_id, item.document_id) for item in [*likely[:40], *likely[60:70], *proposed[:5], *aside[:1]]}
    shares = measure_order([*audited, *likely, *proposed, *aside], hidden)
    assert FIRST == 50
    assert shares == {"first": 40 / 50, "suspicious": 50 / 120, "queued": 55 / 220, "all": 56 / 320}
    assert measure_order([], hidden) == dict.fromkeys(shares, 0.0)
