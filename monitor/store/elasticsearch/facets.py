"""Counts the values and days of the stories that match a query."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING

from monitor.store.facet_counts import day_counts
from monitor.store.records import FACET_FIELDS, DayCount, Facets

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster

MAX_SEARCH_SECONDS = 10.0  # of a response, so that no search keeps the cluster from others
BY_DAY: Json = {"date_histogram": {"field": "date", "calendar_interval": "day", "min_doc_count": 1}}


def count_values(cluster: Cluster, query: Json, *, limit: int) -> Facets:
    """Returns the most frequent values of the stories that match an Elasticsearch query."""
    total, results = cluster.aggregate(
        "stories",
        query,
        {field: _most_frequent(name, limit) for field, name in FACET_FIELDS.items()},
        max_seconds=MAX_SEARCH_SECONDS,
    )
    values = {
        field: tuple((bucket["key"], bucket["doc_count"]) for bucket in results[field]["buckets"])
        for field in FACET_FIELDS
    }
    return Facets(values=values, counted=total)


def count_by_day(cluster: Cluster, query: Json, *, field: str | None, limit: int) -> list[DayCount]:
    """Returns the number of matching stories by day, and with ``field`` by its most frequent values."""
    aggregations: Json = {"values": BY_DAY}
    if field is not None:
        aggregations = {"values": {**_most_frequent(FACET_FIELDS[field], limit), "aggregations": {"days": BY_DAY}}}
    _, results = cluster.aggregate("stories", query, aggregations, max_seconds=MAX_SEARCH_SECONDS)
    counts: Counter[tuple[date, str]] = Counter()
    for bucket in results["values"]["buckets"]:
        for day in bucket["days"]["buckets"] if field is not None else [bucket]:
            counts[_day(day), bucket["key"] if field is not None else ""] = day["doc_count"]
    return day_counts(counts, limit=limit)


def _most_frequent(name: str, limit: int) -> Json:
    """Returns the aggregation of a field's most frequent values; ``limit`` is at least 1."""
    return {"terms": {"field": name, "size": limit, "order": [{"_count": "desc"}, {"_key": "asc"}]}}


def _day(bucket: Json) -> date:
    return datetime.fromisoformat(bucket["key_as_string"]).date()
