"""Fixtures that more than one room's tests use."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from servers import elasticsearch_node, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.schema import StoreSettings


@pytest.fixture(scope="session")
def elasticsearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Elasticsearch: MONITOR_TEST_ELASTICSEARCH, or one that lives as long as the test run."""
    if url := os.environ.get("MONITOR_TEST_ELASTICSEARCH"):
        yield url.rstrip("/")
        return
    try:
        node = elasticsearch_node.single(tmp_path_factory.mktemp("elasticsearch"))
    except elasticsearch_node.Missing as reason:
        missing(str(reason))
    yield node.url
    node.stop()


@pytest.fixture
def elasticsearch_prefix(elasticsearch_url: str) -> Iterator[str]:
    """A prefix of indices and templates that is this test's own; what it made is deleted afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield prefix
    _delete(elasticsearch_url, prefix)


@pytest.fixture(scope="session")
def _elasticsearch_indices(elasticsearch_url: str) -> Iterator[str]:
    """A prefix whose indices are made once, as making them takes seconds."""
    from monitor.config.schema import StoreSettings
    from monitor.store.elasticsearch import ElasticsearchStore

    prefix = f"test-{uuid.uuid4().hex[:12]}"
    store = ElasticsearchStore.open(StoreSettings(url=elasticsearch_url, prefix=prefix))
    store.setup()
    store.close()
    yield prefix
    _delete(elasticsearch_url, prefix)


@pytest.fixture
def elasticsearch_store(elasticsearch_url: str, _elasticsearch_indices: str) -> Iterator[StoreSettings]:
    """Settings of a store that is set up and empty; it is emptied again afterwards."""
    from monitor.config.schema import StoreSettings

    prefix = _elasticsearch_indices
    yield StoreSettings(url=elasticsearch_url, prefix=prefix)
    _call(elasticsearch_url, "POST", f"{prefix}-*/_refresh")
    while hits := _call(elasticsearch_url, "GET", f"{prefix}-*/_search?size=10000&_source=false")["hits"]["hits"]:
        lines = [json.dumps({"delete": {"_index": hit["_index"], "_id": hit["_id"]}}) for hit in hits]
        _call(elasticsearch_url, "POST", "_bulk?refresh=true", "\n".join([*lines, ""]))


def _call(url: str, method: str, path: str, body: str | None = None) -> Any:
    data, headers = (body.encode(), {"Content-Type": "application/x-ndjson"}) if body else (None, {})
    request = urllib.request.Request(f"{url}/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def _delete(url: str, prefix: str) -> None:
    indices = _call(url, "GET", f"_cat/indices/{prefix}-*?format=json&h=index&expand_wildcards=all")
    if indices:
        _call(url, "DELETE", ",".join(row["index"] for row in indices))
    for kind in ("index_template", "component_template"):  # an index template goes before what it is composed of
        for found in _call(url, "GET", f"_{kind}")[f"{kind}s"]:
            if found["name"].startswith(f"{prefix}-"):
                _call(url, "DELETE", f"_{kind}/{found['name']}")
