"""Documents a second that a migration to a newer mapping copies, and how long writers wait at its end.

    python -m benchmarks.indexing.migration URL [--documents 200000]

Addresses are copied to a mapping with one more field.  The bound are the client's helpers `scan` and `bulk`, which read
and write the same documents, follow no writes and cannot be taken up.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING
from unittest.mock import patch

from elasticsearch import helpers

from benchmarks.indexing.disk import address
from benchmarks.indexing.speed import delete, open_store
from monitor.store.elasticsearch import documents, indices, migration, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.models import Json
    from monitor.store.elasticsearch import ElasticsearchStore


def fill(store: ElasticsearchStore, index: str, count: int) -> None:
    def actions() -> Iterator[Json]:
        for number in range(count):
            entry = address(number, count).entry
            yield {"_index": index, "_id": entry.id, "_source": documents.frontier_entry_document(entry)}

    helpers.bulk(store.cluster.client, actions(), chunk_size=1000, refresh=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--documents", type=int, default=200_000)
    options = parser.parse_args()
    store = open_store(options.url, timeout="300s")
    client = store.cluster.client
    old = schema.IndexName("urls", schema.MAPPING_VERSIONS["urls"], None)
    old_index = schema.full_index_name(store.cluster.prefix, old)
    try:
        fill(store, old_index, options.documents)
        mapping = {**schema.PROPERTIES_BY_KIND["urls"], "weight": {"type": "integer"}}
        with (
            patch.dict(schema.MAPPING_VERSIONS, urls=old.version + 1),
            patch.dict(schema.PROPERTIES_BY_KIND, urls=mapping),
        ):
            indices.put_templates(store.cluster)
            bound_index = schema.index_name(store.cluster.prefix, "urls", 99)
            client.indices.create(index=bound_index)
            began = time.perf_counter()
            copies = (
                {"_index": bound_index, "_id": hit["_id"], "_source": hit["_source"]}
                for hit in helpers.scan(client, index=old_index, size=1000)
            )
            helpers.bulk(client, copies, chunk_size=1000, refresh=True)
            bound = time.perf_counter() - began
            client.indices.delete(index=bound_index)
            began = time.perf_counter()
            migration.copy_while_written(store.cluster, old)
            copied = time.perf_counter() - began
            began = time.perf_counter()
            assert migration.migrate_index(store.cluster, old) == options.documents
            waited = time.perf_counter() - began
        print(f"scan and bulk    {options.documents / bound:8,.0f} documents/s")
        print(f"migration        {options.documents / copied:8,.0f} documents/s")
        print(f"ratio            {bound / copied:8.2f}   (target: at least 0.8)")
        print(f"writers wait     {waited:8.1f} s")
    finally:
        delete(store)
        client.close()


if __name__ == "__main__":
    main()
