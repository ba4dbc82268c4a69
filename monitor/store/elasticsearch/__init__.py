"""The store in Elasticsearch, which implements the same protocol as the store in SQLite."""

from monitor.store.elasticsearch.store import ElasticsearchStore

__all__ = ["ElasticsearchStore"]
