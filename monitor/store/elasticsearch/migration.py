"""Templates and indices made, and documents moved to a newer mapping: a new index, a copy, and the alias turned."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from elasticsearch import ApiError

from monitor.errors import StoreRefused
from monitor.store.elasticsearch import bulk, schema
from monitor.store.elasticsearch.bulk import Write
from monitor.store.elasticsearch.client import explained, not_elasticsearch, part
from monitor.store.elasticsearch.cluster import PAGE_DOCUMENTS, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.models import Json

log = logging.getLogger(__name__)

KEEP_ALIVE = "5m"  # between two pages of a copy


def setup(cluster: Cluster) -> None:
    """Makes what is missing and migrates what is older.

    Asks first and writes only where something is to be done: a crawler's key may not make indices.
    Raises StoreRefused where an index is newer than this program, or is no alias of ours.
    """
    current = versions(cluster)
    for kind in schema.KINDS:
        if kind not in current and (found := _without_alias(cluster, kind)) is not None:
            _put_alias(cluster, kind, found)
            current[kind] = found
    for kind, version in current.items():
        if version > schema.VERSIONS[kind]:
            raise StoreRefused(
                f"{cluster.alias(kind)} has mapping version {version}, this program knows {schema.VERSIONS[kind]}",
                hint="a newer media-monitor made it: update this one",
            )
    missing = [kind for kind in schema.KINDS if kind not in current]
    older = [kind for kind in schema.KINDS if current.get(kind, schema.VERSIONS[kind]) < schema.VERSIONS[kind]]
    if missing or older:
        put_templates(cluster)
    for kind in missing:
        _make(cluster, kind, alias=True)
    for kind in older:
        migrate(cluster, kind, current[kind])


def versions(cluster: Cluster) -> dict[str, int]:
    """The mapping's version of each kind of document that is there."""
    with explained():
        answer = cluster.client.options(ignore_status=404).indices.get_alias(
            name=[cluster.alias(kind) for kind in schema.KINDS]
        )
    if not isinstance(answer.body, dict):
        raise not_elasticsearch(answer.meta.status)
    found: dict[str, int] = {}
    for index, value in answer.body.items():
        match = re.fullmatch(re.escape(cluster.prefix) + r"-(\w+)-v(\d+)", index)
        if match and isinstance(value, dict) and f"{cluster.prefix}-{match[1]}" in value.get("aliases", {}):
            found[match[1]] = int(match[2])
    return {kind: version for kind, version in found.items() if kind in schema.KINDS}


def _without_alias(cluster: Cluster, kind: str) -> int | None:
    """The version of an index that lost its alias, as one does that is restored from a snapshot.

    Of several it is the oldest: a migration deletes that when its copy is whole.
    """
    with explained():
        answer = cluster.client.indices.get(index=f"{cluster.alias(kind)}-v*", features="aliases")
    found = [re.fullmatch(re.escape(cluster.alias(kind)) + r"-v(\d+)", index) for index in answer]
    return min((int(match[1]) for match in found if match), default=None)


def _put_alias(cluster: Cluster, kind: str, version: int) -> None:
    index, alias = schema.index(cluster.prefix, kind, version), cluster.alias(kind)
    log.info("%s gets its alias %s back", index, alias)
    with explained():
        cluster.client.indices.update_aliases(
            actions=[{"add": {"index": index, "alias": alias, "is_write_index": True}}]
        )


def put_templates(cluster: Cluster) -> list[str]:
    """Writes the component and index templates and returns their names."""
    with explained():
        for name, template in schema.component_templates(cluster.prefix).items():
            cluster.client.cluster.put_component_template(name=name, **template)
        for name, template in schema.index_templates(cluster.prefix).items():
            arguments = {key.removeprefix("_"): value for key, value in template.items()}
            cluster.client.indices.put_index_template(name=name, **arguments)
    return [*schema.component_templates(cluster.prefix), *schema.index_templates(cluster.prefix)]


def _make(cluster: Cluster, kind: str, *, alias: bool) -> None:
    """Makes an index of the current version, with its alias where there is none yet; one that is there is fine."""
    name = schema.index(cluster.prefix, kind)
    aliases = {cluster.alias(kind): {"is_write_index": True}} if alias else None
    with explained():
        try:
            cluster.client.indices.create(index=name, aliases=aliases)
        except ApiError as error:
            kind_of = error.body.get("error", {}).get("type") if isinstance(error.body, dict) else ""
            if kind_of == "invalid_alias_name_exception" or "index with the same name" in str(error.body):
                raise StoreRefused(
                    f"an index is in the way of the alias {cluster.alias(kind)}",
                    hint="choose another store.prefix, or delete that index",
                ) from error
            if kind_of != "resource_already_exists_exception":
                raise


def migrate(
    cluster: Cluster,
    kind: str,
    old_version: int,
    transform: Callable[[Json], Json] = lambda document: document,
) -> int:
    """Copies a kind's documents into an index of the current mapping, turns the alias and returns how many there are.

    Writers wait meanwhile: the old index is read-only from the first document to the turn.  Killed in between, it is
    taken up by whoever calls `setup` next; two at the same time do no harm, as no copy overwrites a document.
    Raises StoreRefused where a document does not fit the new mapping: then the old index is writable again and still
    the one in use.
    """
    old, new = schema.index(cluster.prefix, kind, old_version), schema.index(cluster.prefix, kind)
    log.info("copying %s to %s", old, new)
    _make(cluster, kind, alias=False)
    with explained():
        cluster.client.indices.add_block(index=old, block="write")
    try:
        count = _copy(cluster, kind, old, new, transform)
        with explained():
            turn: list[Json] = [
                {"add": {"index": new, "alias": cluster.alias(kind), "is_write_index": True}},
                {"remove_index": {"index": old}},
            ]
            cluster.client.indices.update_aliases(actions=turn)
    except StoreRefused:
        if versions(cluster).get(kind) == schema.VERSIONS[kind]:
            return cluster.count(kind, {"match_all": {}})  # another process was there first
        with explained():
            cluster.client.indices.delete(index=new)
            cluster.client.indices.put_settings(index=old, settings={"index.blocks.write": None})
        raise
    log.info("%s holds %d documents, %s is gone", new, count, old)
    return count


def _copy(cluster: Cluster, kind: str, old: str, new: str, transform: Callable[[Json], Json]) -> int:
    """Copies what ``new`` does not have yet, counts both, and returns how many documents there are."""
    client = cluster.client
    with explained():
        client.indices.refresh(index=old)
        view = client.open_point_in_time(index=old, keep_alive=KEEP_ALIVE)["id"]
    after = None
    try:
        while True:
            with explained():
                answer = client.search(
                    pit={"id": view, "keep_alive": KEEP_ALIVE},
                    size=PAGE_DOCUMENTS,
                    sort=[{"_shard_doc": "asc"}],
                    search_after=after,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                )
            hits = part(answer, "hits", "hits")
            if not hits:
                break
            view, after = answer["pit_id"], hits[-1]["sort"]
            copies = [Write(kind=kind, id=hit["_id"], document=transform(hit["_source"]), op="create") for hit in hits]
            for write, written in zip(copies, bulk.bulk(client, copies, names={kind: new}, aliases=False), strict=True):
                if written.rejected:
                    raise StoreRefused(f"the document {write.id} does not fit {new}: {written.reason}")
    finally:
        with explained():
            client.options(ignore_status=404).close_point_in_time(id=view)
    with explained():
        client.indices.refresh(index=new)
        had, has = (client.count(index=index)["count"] for index in (old, new))
    if had > has:
        raise StoreRefused(f"{old} has {had} documents, its copy {new} only {has}")
    return int(has)
