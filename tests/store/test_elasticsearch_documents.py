"""Documents of Elasticsearch, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.models import Candidate, Disposition, FrontierEntry, Outcome
from monitor.store.elasticsearch import documents, migration
from monitor.store.elasticsearch.bulk import DocumentWrite

if TYPE_CHECKING:
    from monitor.models import Json

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_frontier_entry_is_read_as_it_was_written() -> None:
    entry = FrontierEntry(
        id="a",
        candidate=Candidate(url="https://x.example/a", outlet="x", source="rss", guid="urn:1", summary="A line."),
        first_seen_at=NOON,
        next_at=None,
        other_sources=("sitemap",),
        outcome=Outcome(disposition=Disposition.FAILED, kind="dns", detail="no name"),
        settled_at=NOON,
    )
    document = documents.frontier_entry_document(entry)
    assert (document["disposition"], document["kind"], document["detail"]) == ("failed", "dns", "no name")
    assert "next_at" not in document
    assert documents.read_frontier_entry(entry.id, document) == entry


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"story": "s", "disposition": "unchanged"}, {"story": "s", "disposition": "stored", "kind": "", "detail": ""}),
        ({"story": "s", "disposition": "duplicate"}, {"story": "s", "disposition": "duplicate"}),
        ({"disposition": "unchanged"}, {"disposition": "off-topic"}),
        ({"disposition": "failed", "kind": "dns"}, {"disposition": "failed", "kind": "dns"}),
        ({"alias": True, "story": "s"}, {"alias": True, "story": "s"}),
    ],
)
def test_the_outcome_of_a_url_replaces_that_of_its_last_fetch(old: Json, new: Json) -> None:
    transform = migration.transform_to_current_version("urls", 1)
    assert transform(DocumentWrite(kind="urls", id="a", document=old)).document == new
