"""The crawl frontier in Elasticsearch: each URL that a source has listed has a document in the index ``urls``."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.models import CoverageCount, Disposition, FrontierEntry, SourceCoverage, from_rfc3339, rfc3339
from monitor.store import listed_urls
from monitor.store.elasticsearch import documents
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.protocol import MAX_PAGE_WAIT, is_ahead
from monitor.urls import story_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.models import Candidate, Json, Outcome
    from monitor.store.elasticsearch.cluster import Cluster, StoredDocument
    from monitor.store.records import UrlAlias

#: Fields of a stored URL that decide whether a listed URL is new and which sources it lacks.
_STORED_URL_FIELDS = ("source", "other_sources", "disposition", "alias")
#: Sources of the composite aggregation that counts coverage.
_COVERAGE_KEYS: tuple[Json, ...] = (
    {"day": {"date_histogram": {"field": "first_seen_at", "calendar_interval": "day"}}},
    {"disposition": {"terms": {"field": "disposition", "missing_bucket": True}}},
    {"kind": {"terms": {"field": "kind", "missing_bucket": True}}},
)


# An address has no field with its id to sort by, so equal ones of a response are put in order by `_in_order`.
_NEWEST_FIRST_SORT: tuple[Json, ...] = (
    {"first_seen_at": "desc"},
    {"published_at": {"order": "desc", "missing": "_last"}},
)


class Frontier:
    """Keeps the frontier entries; implements `monitor.store.protocol.Frontier`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def enqueue(self, candidates: Sequence[Candidate], *, now: datetime) -> list[FrontierEntry]:
        return self._add_listed(((candidate, None) for candidate in candidates), now=now)

    def record_dropped(self, dropped: Sequence[tuple[Candidate, Outcome]], *, now: datetime) -> int:
        return len(self._add_listed(dropped, now=now))

    def _add_listed(self, listed: Iterable[tuple[Candidate, Outcome | None]], *, now: datetime) -> list[FrontierEntry]:
        """Adds entries for new URLs, and new sources to the entries of stored URLs; returns the added entries.

        Gets the stored URLs first, because most URLs are stored, and writes that conflict are slow.
        """
        entries = listed_urls.new_entries(listed, now=now)
        former_entries = self._cluster.get_documents("urls", listed_urls.former_ids(entries.values()), fields=("url",))
        for former in former_entries.values():
            entries.pop(story_id(former.document.get("url", "")), None)
        stored = self._cluster.get_documents("urls", list(entries), fields=_STORED_URL_FIELDS)
        new, writes, source_writes = [], [], []
        for entry in entries.values():
            known = stored.get(entry.id)
            if known is None or listed_urls.replaces_stored(entry, known.document.get("disposition")):
                new.append(entry)
                writes.append(
                    DocumentWrite(
                        kind="urls",
                        id=entry.id,
                        document=documents.frontier_entry_document(entry),
                        op="index" if known else "create",
                        revision=known.revision if known else None,
                    )
                )
            elif not known.document.get("alias"):
                recorded = known.document.get("other_sources", [])
                sources = [entry.candidate.source, *entry.other_sources]
                merged = listed_urls.merge_sources(known.document.get("source", ""), recorded, sources)
                if list(merged) != recorded:
                    source_writes.append(
                        DocumentWrite(
                            kind="urls",
                            id=entry.id,
                            document={"other_sources": list(merged)},
                            op="update",
                            revision=known.revision,
                        )
                    )
        self._cluster.write_documents(source_writes)  # one that conflicts is written by the next poll
        results = self._cluster.write_documents(writes, keep_rejected=True)
        return [entry for entry, result in zip(new, results, strict=True) if result.is_done]

    def due_entries(self, outlet: str, *, now: datetime, limit: int) -> list[FrontierEntry]:
        due: list[Json] = [{"term": {"outlet": outlet}}, {"exists": {"field": "next_at"}}]
        waiting = documents.time_within_query("next_at", after=now, until=now + MAX_PAGE_WAIT)
        fetched: Json = {"exists": {"field": "disposition"}}
        new = self._cluster.find(
            "urls", {"bool": {"filter": due, "must_not": [fetched, waiting]}}, sort=_NEWEST_FIRST_SORT, limit=limit
        )
        ids = [stored.id for stored in _in_order(new, newest_first=True)]
        others = self._cluster.find(
            "urls",
            {"bool": {"filter": [*due, fetched], "must_not": [waiting]}},
            sort=[{"next_at": "asc"}],
            limit=limit - len(ids),
        )
        ids += [stored.id for stored in _in_order(others)]
        # Gets the entries by id, because the search may miss what another process has written in the last second.
        stored_entries = self._cluster.get_documents("urls", ids)
        entries = (
            documents.read_frontier_entry(name, stored_entries[name].document) for name in ids if name in stored_entries
        )
        return [
            entry for entry in entries if entry.next_at is not None and not is_ahead(entry.next_at, now, MAX_PAGE_WAIT)
        ]

    def next_fetch_at(self, outlet: str, *, now: datetime) -> datetime | None:
        waiting = documents.time_within_query("next_at", after=now, until=now + MAX_PAGE_WAIT)
        query = {"bool": {"filter": [{"term": {"outlet": outlet}}, waiting]}}
        order: list[Json] = [{"next_at": "asc"}]
        first = next(self._cluster.find("urls", query, sort=order, limit=1, fields=("next_at",)), None)
        return from_rfc3339(first.document["next_at"]) if first else None

    def entries(self, ids: Sequence[str]) -> dict[str, FrontierEntry | UrlAlias]:
        stored = self._cluster.get_documents("urls", ids)
        return {name: documents.read_url_record(name, document.document) for name, document in stored.items()}

    def entries_with_guid(self, outlet: str, source: str, guid: str, *, limit: int) -> list[FrontierEntry]:
        if not guid:
            return []
        terms = [{"term": {name: value}} for name, value in (("outlet", outlet), ("guid", guid), ("source", source))]
        query = {"bool": {"filter": terms}}
        first = self._cluster.find("urls", query, sort=[{"first_seen_at": "asc"}], limit=limit)
        return [documents.read_frontier_entry(stored.id, stored.document) for stored in _in_order(first)]

    def recent_entries(self, outlet: str, *, limit: int) -> list[FrontierEntry]:
        newest = self._cluster.find("urls", _listed_by(outlet), sort=[{"first_seen_at": "desc"}], limit=limit)
        return [
            documents.read_frontier_entry(stored.id, stored.document) for stored in _in_order(newest, newest_first=True)
        ]

    def coverage(self, outlet: str, *, since: datetime) -> list[CoverageCount]:
        query = _listed_by(outlet, {"range": {"first_seen_at": {"gte": rfc3339(since)}}})
        waiting = {"waiting": {"filter": {"exists": {"field": "next_at"}}}}
        buckets = self._cluster.composite_buckets("urls", query, keys=_COVERAGE_KEYS, aggregations=waiting)
        return [
            CoverageCount(
                outlet=outlet,
                day=datetime.fromtimestamp(key["day"] / 1000, UTC).date(),
                disposition=Disposition(key["disposition"]) if key["disposition"] else None,
                kind=key["kind"] or "",
                waiting=bucket["waiting"]["doc_count"],
                count=count,
            )
            for key, count, bucket in buckets
        ]

    def source_coverage(self, outlet: str, *, since: datetime) -> list[SourceCoverage]:
        query = _listed_by(outlet, {"range": {"first_seen_at": {"gte": rfc3339(since)}}})
        query["bool"]["must_not"] = [{"term": {"disposition": Disposition.DROPPED}}]
        is_alone = {"alone": {"filter": {"bool": {"must_not": [{"exists": {"field": "other_sources"}}]}}}}
        listed, alone = Counter[str](), Counter[str]()
        for field in ("source", "other_sources"):
            keys = [{"source": {"terms": {"field": field}}}]
            for key, count, bucket in self._cluster.composite_buckets("urls", query, keys=keys, aggregations=is_alone):
                listed[key["source"]] += count
                alone[key["source"]] += bucket["alone"]["doc_count"]
        return [
            SourceCoverage(source=source, listed=listed[source], listed_alone=alone[source])
            for source in sorted(listed)
        ]


def _in_order(found: Iterable[StoredDocument], *, newest_first: bool = False) -> list[StoredDocument]:
    """Returns documents in the order in which a search found them, and those that it takes for equal in order of id."""
    sign = -1 if newest_first else 1
    return sorted(found, key=lambda stored: ([sign * value for value in stored.sort], stored.id))


def _listed_by(outlet: str, *filters: Json) -> Json:
    """Returns the query for the URLs that the outlet's sources listed, without aliases and imported stories."""
    return {"bool": {"filter": [{"term": {"outlet": outlet}}, {"exists": {"field": "source"}}, *filters]}}
