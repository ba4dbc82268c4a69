"""The crawl frontier in Elasticsearch: each URL that a source has listed has a document in the index ``urls``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import FrontierEntry, rfc3339
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.cluster import Cluster
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.models import Candidate


class Frontier(Cluster):
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        """See `Store.enqueue`.  Gets the stored URLs first: most URLs are stored, and writes that conflict are slow."""
        offered: dict[str, Candidate] = {}
        for candidate in candidates:
            offered.setdefault(story_id(candidate.url), candidate)
        known = self.get_documents("urls", list(offered), fields=())
        entries = [
            FrontierEntry(id=name, candidate=candidate, first_seen_at=now, next_at=now)
            for name, candidate in offered.items()
            if name not in known
        ]
        writes = [
            DocumentWrite(kind="urls", id=entry.id, document=documents.frontier_entry_document(entry), op="create")
            for entry in entries
        ]
        results = self.write_documents(writes, keep_rejected=True)
        return [entry for entry, result in zip(entries, results, strict=True) if result.is_done]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        query = {"bool": {"filter": [{"term": {"outlet": outlet}}, {"range": {"next_at": {"lte": rfc3339(now)}}}]}}
        ids = [stored.id for stored in self.find("urls", query, sort=[{"next_at": "asc"}, {"id": "asc"}], limit=limit)]
        # Gets the entries by id, because the search may miss what another process has written in the last second.
        stored_entries = self.get_documents("urls", ids)
        entries = (
            documents.read_frontier_entry(stored_entries[name].document) for name in ids if name in stored_entries
        )
        return [entry for entry in entries if entry.next_at is not None and entry.next_at <= now]
