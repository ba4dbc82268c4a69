"""Finds reasons why the monitor's indices cannot be written: missing, red or blocked indices, and missing templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.store.elasticsearch import indices, schema
from monitor.store.elasticsearch.client import translated_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.store.elasticsearch.cluster import Cluster

HEALTH_TIMEOUT_SECONDS = 10.0
_WRITE_BLOCKS = ("read_only", "read_only_allow_delete", "write")
_HINT_BY_BLOCK = {"read_only_allow_delete": "a node's disk is full: free space"}


def index_faults(cluster: Cluster) -> list[str]:
    """Returns a line for each fault of the monitor's aliases, indices and templates.  Raises StoreError."""
    stored = indices.stored_indices(cluster)
    kinds = {name.kind for name in stored.values()}
    missing = [cluster.alias(kind) for kind in schema.DOCUMENT_KINDS if kind not in kinds]
    faults = [f"the alias {alias} is missing (media-monitor setup)" for alias in missing]
    if names := sorted(stored):
        faults += _red_indices(cluster, names)
        faults += _blocked_indices(cluster, names)
    faults += [f"the template {name} is missing (media-monitor setup)" for name in _missing_templates(cluster)]
    return faults


def _red_indices(cluster: Cluster, names: list[str]) -> Iterator[str]:
    client = cluster.client.options(ignore_status=408, request_timeout=HEALTH_TIMEOUT_SECONDS)
    with translated_errors():
        response = client.cluster.health(index=names, level="indices", timeout="5s")
    for name, index in sorted(response["indices"].items()):
        if index["status"] == "red":
            absent = index["number_of_shards"] - index["active_primary_shards"]
            shards = f"{absent} of {index['number_of_shards']} primary shards"
            yield f"the index {name} is red: {shards} unavailable (is a node away? GET _cluster/allocation/explain)"


def _blocked_indices(cluster: Cluster, names: list[str]) -> Iterator[str]:
    with translated_errors():
        response: Any = cluster.client.indices.get_settings(index=names, name="index.blocks.*", flat_settings=True)
    for name, value in sorted(response.body.items()):
        for block in _WRITE_BLOCKS:
            if value.get("settings", {}).get(f"index.blocks.{block}") == "true":
                hint = _HINT_BY_BLOCK.get(block, f"PUT {name}/_settings with index.blocks.{block}: null removes it")
                yield f"the index {name} takes no writes: index.blocks.{block} is set ({hint})"


def _missing_templates(cluster: Cluster) -> Iterator[str]:
    """Yields the names of missing templates; nothing if this key may not read templates (403)."""
    client = cluster.client.options(ignore_status=(403, 404))
    with translated_errors():
        for name in schema.component_templates(cluster.prefix, cluster.settings):
            if client.cluster.get_component_template(name=name).meta.status == 404:
                yield name
        for name in schema.index_templates(cluster.prefix, cluster.settings):
            if client.indices.get_index_template(name=name).meta.status == 404:
                yield name
