"""The store in Elasticsearch: one protocol, the same contract as the file's."""

from monitor.store.elasticsearch.store import ElasticsearchStore

__all__ = ["ElasticsearchStore"]
