"""Fixtures that more than one room's tests use."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from servers import elasticsearch_node, missing

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def _delete(url: str, prefix: str) -> None:
    def call(method: str, path: str) -> Any:
        request = urllib.request.Request(f"{url}/{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {}

    indices = call("GET", f"_cat/indices/{prefix}-*?format=json&h=index&expand_wildcards=all")
    for name in sorted(row["index"] for row in indices):
        call("DELETE", name)
    for kind in ("_index_template", "_component_template"):  # an index template goes before what it is composed of
        for found in call("GET", f"{kind}/{prefix}-*").get(f"{kind[1:]}s", []):
            call("DELETE", f"{kind}/{found['name']}")
