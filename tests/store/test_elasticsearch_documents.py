"""Documents of Elasticsearch, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.models import Candidate, Disposition, FrontierEntry, Outcome
from monitor.store.elasticsearch import documents

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_the_time_of_the_next_fetch_is_that_of_the_entry() -> None:
    candidate = Candidate(url="https://x.example/a", outlet="x")
    entry = FrontierEntry(id="a", candidate=candidate, first_seen_at=NOON, next_at=NOON)
    outcome = Outcome(disposition=Disposition.FAILED, kind="dns", detail="no name", next_at=NOON + timedelta(days=1))
    document = documents.frontier_entry_document(entry, outcome)
    assert document == documents.frontier_entry_document(entry) | {
        "disposition": "failed",
        "kind": "dns",
        "detail": "no name",
    }
    assert document["next_at"] == "2026-11-28T12:00:00Z"
    assert "next_at" not in documents.frontier_entry_document(replace(entry, next_at=None), outcome)
