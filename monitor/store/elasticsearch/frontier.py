"""The crawl frontier: an address met once is a document of ``urls`` for ever, waiting while it has a ``next_at``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import FrontierEntry, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.cluster import Cluster
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate


class Frontier(Cluster):
    """The part of the store that knows which addresses were met and which are to be fetched."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """See `Store.enqueue`.  Most of a feed is known: asking which costs less than writing them in vain."""
        offered: dict[str, Candidate] = {}
        for candidate in candidates:
            offered.setdefault(story_id(candidate.url), candidate)
        known = self.get("urls", list(offered), fields=())
        visits = [
            FrontierEntry(id=name, candidate=candidate, first_seen_at=now, next_at=now)
            for name, candidate in offered.items()
            if name not in known
        ]
        writes = [
            Write(kind="urls", id=visit.id, document=documents.frontier_entry(visit), op="create") for visit in visits
        ]
        written = self.write(writes, keep=True)
        return [visit for visit, result in zip(visits, written, strict=True) if result.done]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        query = {"bool": {"filter": [{"term": {"outlet": outlet}}, {"range": {"next_at": {"lte": rfc3339(now)}}}]}}
        found = [
            stored.id for stored in self.find("urls", query, sort=[{"next_at": "asc"}, {"id": "asc"}], limit=limit)
        ]
        # Who held the outlet before may have finished some within the second that a search is behind.
        read = self.get("urls", found)
        visits = (documents.read_frontier_entry(read[name].document) for name in found if name in read)
        return [visit for visit in visits if visit.next_at is not None and visit.next_at <= now]
