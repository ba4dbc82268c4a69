"""Fixtures that the tests of several packages use."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from servers import elasticsearch_node, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config.schema import StoreSettings
    from monitor.store import Store

# The machines are shared and stall at times, so no example may fail because it took long.
hypothesis.settings.register_profile(
    "no-time-limits", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("no-time-limits")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database file."""
    from monitor.store.sqlite import SqliteStore

    store = SqliteStore(tmp_path / "monitor.db", timeout=timedelta(seconds=30))
    store.setup()
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def each_store_settings(request: pytest.FixtureRequest) -> StoreSettings:
    """Settings of an empty store of each kind in turn; the file of SQLite is in ``tmp_path``."""
    from monitor.config.schema import StoreSettings

    if request.param == "sqlite":
        return StoreSettings(url="sqlite:monitor.db", timeout=timedelta(seconds=30))
    settings: StoreSettings = request.getfixturevalue("elasticsearch_store")
    return settings


@pytest.fixture
def each_store(each_store_settings: StoreSettings, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind in turn."""
    from monitor.store import open_store

    store = open_store(each_store_settings, tmp_path)
    store.setup()
    yield store
    store.close()


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
def _elasticsearch_indices(elasticsearch_url: str) -> Iterator[list[StoreSettings]]:
    """Two stores whose indices are made once, as making them takes seconds."""
    from monitor.config.schema import StoreSettings
    from monitor.store.elasticsearch import ElasticsearchStore

    made = [StoreSettings(url=elasticsearch_url, prefix=f"test-{uuid.uuid4().hex[:12]}") for _ in range(2)]
    for settings in made:
        store = ElasticsearchStore.open(settings)
        store.setup()
        store.close()
    yield made
    for settings in made:
        _delete(elasticsearch_url, settings.prefix)


@pytest.fixture
def elasticsearch_store(elasticsearch_url: str, _elasticsearch_indices: list[StoreSettings]) -> Iterator[StoreSettings]:
    """Settings of a store that is set up and empty; it is emptied again afterwards."""
    yield _elasticsearch_indices[0]
    _empty(elasticsearch_url, _elasticsearch_indices[0].prefix)


@pytest.fixture
def elasticsearch_other(elasticsearch_url: str, _elasticsearch_indices: list[StoreSettings]) -> Iterator[StoreSettings]:
    """Settings of another such store."""
    yield _elasticsearch_indices[1]
    _empty(elasticsearch_url, _elasticsearch_indices[1].prefix)


def _empty(url: str, prefix: str) -> None:
    _call(url, "POST", f"{prefix}-*/_refresh")
    while hits := _call(url, "GET", f"{prefix}-*/_search?size=10000&_source=false")["hits"]["hits"]:
        lines = [json.dumps({"delete": {"_index": hit["_index"], "_id": hit["_id"]}}) for hit in hits]
        _call(url, "POST", "_bulk?refresh=true", "\n".join([*lines, ""]))


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
