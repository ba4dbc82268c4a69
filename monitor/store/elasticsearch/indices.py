"""The indices of one monitor as the server has them: lists and makes them, and writes their templates."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from elasticsearch import ApiError

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import now, rfc3339
from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.client import error_type, nested_value, not_elasticsearch_error, translated_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.elasticsearch.schema import IndexName

log = logging.getLogger(__name__)

CLOSE_ATTEMPTS: Final = 10  # to close the aliases while another process deletes indices
OPENED_AT: Final = "opened_at"  # in the ``_meta`` of a mapping: when the index was made


def stored_indices(cluster: Cluster) -> dict[str, IndexName]:
    """Returns the indices behind the aliases of all kinds, by name."""
    return {
        index: name
        for index, aliases in sorted(_aliases_by_index(cluster).items())
        if (name := schema.parse_index_name(cluster.prefix, index)) is not None and cluster.alias(name.kind) in aliases
    }


def _aliases_by_index(cluster: Cluster, further: Iterable[str] = ()) -> dict[str, Json]:
    """Returns the settings of the aliases of all kinds, and of ``further`` ones, by index and alias."""
    with translated_errors():
        response = cluster.client.options(ignore_status=404).indices.get_alias(
            name=[*map(cluster.alias, schema.DOCUMENT_KINDS), *further]
        )
    if not isinstance(response.body, dict):
        raise not_elasticsearch_error(response.meta.status)
    # The response for missing aliases has an error as well.
    return {index: value.get("aliases", {}) for index, value in response.body.items() if isinstance(value, dict)}


def stored_mapping_versions(cluster: Cluster) -> dict[str, int]:
    """Returns the mapping version of each kind whose alias exists: the oldest of those of its indices."""
    versions: dict[str, int] = {}
    for name in stored_indices(cluster).values():
        versions[name.kind] = min(name.version, versions.get(name.kind, name.version))
    return versions


def indices_without_alias(cluster: Cluster, kind: str) -> list[IndexName]:
    """Returns the indices of a kind that has no alias; of those with several versions only the oldest.

    An index that was restored from a snapshot may lack its alias.  Version 0 is the index under the kind's former name.
    The oldest, because a migration deletes the old index only after a complete copy.
    """
    if kind in schema.FORMER_KIND_NAMES:
        former = schema.index_name(cluster.prefix, kind, 0)
        with translated_errors():
            response = cluster.client.options(ignore_status=404).indices.get(index=former, features="aliases")
        if response.meta.status != 404:
            return [schema.IndexName(kind, 0, None)]
    with translated_errors():
        indices = cluster.client.indices.get(index=schema.index_pattern(cluster.prefix, kind), features="aliases")
    names = [name for index in indices if (name := schema.parse_index_name(cluster.prefix, index))]
    oldest = min((name.version for name in names), default=None)
    return [name for name in names if name.version == oldest]


def restore_alias(cluster: Cluster, name: IndexName) -> None:
    """Adds an index to the alias of its kind."""
    index, alias = schema.full_index_name(cluster.prefix, name), cluster.alias(name.kind)
    log.info("restoring the alias %s of %s", alias, index)
    with translated_errors():
        cluster.client.indices.update_aliases(actions=[alias_action(cluster, name)])


def alias_action(cluster: Cluster, name: IndexName) -> Json:
    """Returns the action that adds an index to the alias of its kind, through which nothing can be written."""
    index = schema.full_index_name(cluster.prefix, name)
    alias = schema.alias_name(cluster.prefix, name.kind, name.version)
    return {"add": {"index": index, "alias": alias, "is_write_index": False}}


def close_aliases(cluster: Cluster, former: Collection[IndexName] = ()) -> None:
    """Makes the aliases refuse writes, so that programs of before `schema` named indices in writes stop with an error.

    One request closes all of them, so that such a program writes either all kinds of documents or none.  Also closes
    the aliases of ``former``, indices under a former name of their kind.  Sends no writing request if all are closed.
    """
    for _ in range(CLOSE_ATTEMPTS):
        actions = _closing_actions(cluster, former)
        if not actions:
            return
        with translated_errors():
            response = cluster.client.options(ignore_status=404).indices.update_aliases(actions=actions)
        if response.meta.status != 404:  # else another process has deleted one of the indices meanwhile
            return
    raise StoreUnavailable("the aliases cannot be closed for writing: their indices change all the time")


def _closing_actions(cluster: Cluster, former: Collection[IndexName]) -> list[Json]:
    """Returns the actions that close the aliases which take writes."""
    former_names = {schema.full_index_name(cluster.prefix, name): name for name in former}
    aliases = [schema.alias_name(cluster.prefix, name.kind, name.version) for name in former]
    actions = []
    for index, settings in _aliases_by_index(cluster, aliases).items():
        if name := former_names.get(index) or schema.parse_index_name(cluster.prefix, index):
            action = alias_action(cluster, name)
            if settings.get(action["add"]["alias"], {}).get("is_write_index") is not False:
                actions.append(action)
    return actions


def put_templates(cluster: Cluster) -> list[str]:
    """Writes all component templates and index templates; returns their names."""
    components = schema.component_templates(cluster.prefix, cluster.settings)
    templates = schema.index_templates(cluster.prefix, cluster.settings)
    with translated_errors():
        for name, template in components.items():
            cluster.client.cluster.put_component_template(name=name, **template)
        for name, template in templates.items():
            arguments = {key.removeprefix("_"): value for key, value in template.items()}
            cluster.client.indices.put_index_template(name=name, **arguments)
    return [*components, *templates]


def delete_former_templates(cluster: Cluster) -> None:
    """Deletes the templates that only earlier versions of this program use."""
    client = cluster.client.options(ignore_status=404)
    with translated_errors():
        for name in schema.former_index_templates(
            cluster.prefix
        ):  # first, because they refer to the component templates
            client.indices.delete_index_template(name=name)
        for name in schema.former_component_templates(cluster.prefix):
            client.cluster.delete_component_template(name=name)


def create_index(
    cluster: Cluster,
    kind: str,
    partition: int = schema.FIRST_PARTITION,
    *,
    is_visible: bool = True,
    meta: Json | None = None,
) -> None:
    """Creates a kind's index with the current mapping, and its alias; does nothing if the index exists.

    Without ``is_visible`` the index gets no alias.  ``meta`` are further values for the mapping's ``_meta``.
    Raises StoreRefused if another index has the name of the alias, or if the server does not allow it.
    """
    alias = cluster.alias(kind)
    values = {**schema.index_mapping(kind)["_meta"], OPENED_AT: rfc3339(now()), **(meta or {})}
    with translated_errors():
        try:
            cluster.client.indices.create(
                index=schema.index_name(cluster.prefix, kind, partition=partition),
                aliases={alias: {"is_write_index": False}} if is_visible else None,
                mappings={"_meta": values},
            )
        except ApiError as error:
            if error_type(error) == "invalid_alias_name_exception" or "index with the same name" in str(error.body):
                raise StoreRefused(
                    f"an index has the name of the alias {alias}",
                    hint="choose another store.prefix, or delete that index",
                ) from error
            if error_type(error) != "resource_already_exists_exception":
                raise


def index_meta(cluster: Cluster, index: str) -> Json:
    """Returns the ``_meta`` of the mapping of an index."""
    with translated_errors():
        mapping = cluster.client.indices.get_mapping(index=index)
    meta: Json = nested_value(mapping, index, "mappings").get("_meta", {})
    return meta


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardState:
    """A primary shard: its documents and bytes, and the sequence number up to which every copy has all writes."""

    documents: int
    size: int
    checkpoint: int


def shard_states(cluster: Cluster, index: str) -> dict[int, ShardState]:
    """Returns the primary shards of an index by number.  Raises StoreUnavailable if one is missing."""
    with translated_errors():
        response = cluster.client.indices.stats(index=index, metric=["docs", "store"], level="shards")
    shards = nested_value(response, "indices", index, "shards")
    states = {
        int(number): ShardState(
            documents=copy["docs"]["count"],
            size=copy["store"]["size_in_bytes"],
            checkpoint=copy["seq_no"]["global_checkpoint"],  # a search may ask a replica that is behind
        )
        for number, copies in shards.items()
        for copy in copies
        if copy["routing"]["primary"]
    }
    if response["_shards"]["failed"] or len(states) < len(shards):
        raise StoreUnavailable(f"not all shards of {index} are there")
    return states
