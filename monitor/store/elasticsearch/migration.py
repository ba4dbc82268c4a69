"""Creates templates and indices, and migrates documents of an older mapping.

A migration copies the documents into a new index, and then switches the alias to the new index.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from elasticsearch import ApiError

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import Story, from_rfc3339
from monitor.store.elasticsearch import bulk, schema
from monitor.store.elasticsearch.bulk import DocumentWrite
from monitor.store.elasticsearch.client import nested_value, not_elasticsearch_error, translated_errors
from monitor.store.elasticsearch.cluster import PAGE_DOCUMENTS, Cluster
from monitor.store.elasticsearch.documents import delay_fields, document_id
from monitor.store.elasticsearch.token_fields import token_fields

if TYPE_CHECKING:
    from monitor.models import Json

log = logging.getLogger(__name__)

ALIAS_ATTEMPTS, ALIAS_PAUSE_SECONDS = 10, 0.2  # after an error that another process's completion may have caused
POINT_IN_TIME_KEEP_ALIVE = "5m"  # how long a copy's point in time stays open after each response

#: Converts the id and body of a document of an older mapping to the next or current mapping.
WriteTransform: TypeAlias = Callable[[DocumentWrite], DocumentWrite]


# ---- transforms of stored documents


def _rename_keys(document: Json, names: dict[str, str]) -> Json:
    """Returns a copy with the keys of ``names`` renamed to their values."""
    return {names.get(name, name): value for name, value in document.items()}


def _transform_story_from_1(write: DocumentWrite) -> DocumentWrite:
    """Adds the delay from publication to the first sight of the story."""
    first_seen_at = from_rfc3339(write.document["first_seen_at"])
    delay = delay_fields("minutes_to_stored", write.document, reached_at=first_seen_at)
    return replace(write, document={**write.document, **delay})


def _transform_story_from_3(write: DocumentWrite) -> DocumentWrite:
    """Adds the beginning of the text, the stems and signed forms of the words, and the boundaries of sentences."""
    return replace(write, document={**write.document, **token_fields(Story.from_json(write.document))})


def _transform_outlet_from_1(write: DocumentWrite) -> DocumentWrite:
    document = _rename_keys(write.document, {"token": "fencing_token", "counts": "dispositions"})
    if "memory" in document:
        document["memory"] = _rename_keys(document["memory"], {"furniture": "boilerplate"})
    return replace(write, document=document)


def _transform_outbox_from_1(write: DocumentWrite) -> DocumentWrite:
    return replace(write, document=_rename_keys(write.document, {"batch": "message_id"}))


def _transform_outbox_from_2(write: DocumentWrite) -> DocumentWrite:
    """Makes the notification one of the channel email, with a new id."""
    document = {**_rename_keys(write.document, {"to": "targets"}), "channel": "email"}
    key = (document["alert"], document["story"], document["version"], document["channel"])
    return replace(write, id=document_id(*key), document=document)


def _transform_note_to_setting(write: DocumentWrite) -> DocumentWrite:
    """Turns a note into a setting with a new id; returns a snooze, which is in the same index, unchanged."""
    if write.document["kind"] != "note":
        return write
    return replace(
        write, id=document_id("setting", write.document["key"]), document={**write.document, "kind": "setting"}
    )


def _transform_url_from_1(write: DocumentWrite) -> DocumentWrite:
    """Replaces the outcome of the last fetch by what became of the URL: a story stays stored when it is rechecked."""
    document = write.document
    if document.get("story") and document.get("disposition") not in {None, "duplicate"}:
        document = {**document, "disposition": "stored", "kind": "", "detail": ""}
    elif document.get("disposition") == "unchanged":
        document = {**document, "disposition": "off-topic"}
    return replace(write, document=document)


def _transform_setting_from_1(write: DocumentWrite) -> DocumentWrite:
    """Renames the settings that name the recipients of a message, which get new ids; returns others unchanged."""
    key = write.document["key"]
    if write.document["kind"] != "setting" or not key.startswith("mail/got/"):
        return write
    key = f"outbox/received/{key.removeprefix('mail/got/')}"
    value = _rename_keys(write.document["value"], {"to": "targets"})
    return replace(write, id=document_id("setting", key), document={"kind": "setting", "key": key, "value": value})


#: Transforms of a document from a mapping version to the next one, by kind and older version.  Documents need no change
#: between two versions without an entry.
TRANSFORMS_BY_KIND_AND_VERSION: Final[dict[str, dict[int, WriteTransform]]] = {
    "stories": {1: _transform_story_from_1, 3: _transform_story_from_3},
    "outlets": {1: _transform_outlet_from_1},
    "outbox": {1: _transform_outbox_from_1, 2: _transform_outbox_from_2},
    "urls": {1: _transform_url_from_1},
    "settings": {0: _transform_note_to_setting, 1: _transform_setting_from_1},
}


def transform_to_current_version(kind: str, version: int) -> WriteTransform:
    """Returns the transform of a kind's documents from a mapping version to the current version."""
    transforms = TRANSFORMS_BY_KIND_AND_VERSION.get(kind, {})
    chain = [transforms[older] for older in range(version, schema.MAPPING_VERSIONS[kind]) if older in transforms]

    def apply_transforms(write: DocumentWrite) -> DocumentWrite:
        for transform_once in chain:
            write = transform_once(write)
        return write

    return apply_transforms


# ---- setup


def set_up_indices(cluster: Cluster) -> None:
    """Creates missing indices, restores missing aliases and migrates older indices.

    Sends only reading requests if there is nothing to do, because a crawler's API key may not create indices.
    Raises StoreRefused if a mapping is newer than this program, or if an index has the name of an alias.
    """
    current = stored_mapping_versions(cluster)
    for kind in schema.DOCUMENT_KINDS:
        if kind not in current and (version := _mapping_version_without_alias(cluster, kind)) is not None:
            if version > 0:
                _restore_alias(cluster, kind, version)
            current[kind] = version
    for kind, version in current.items():
        if version > schema.MAPPING_VERSIONS[kind]:
            raise StoreRefused(
                f"{cluster.alias(kind)} has mapping version {version}, "
                f"this program knows {schema.MAPPING_VERSIONS[kind]}",
                hint="a newer media-monitor made it: update this one",
            )
    missing = [kind for kind in schema.DOCUMENT_KINDS if kind not in current]
    older = [
        kind
        for kind in schema.DOCUMENT_KINDS
        if current.get(kind, schema.MAPPING_VERSIONS[kind]) < schema.MAPPING_VERSIONS[kind]
    ]
    if missing or older:
        put_templates(cluster)
    for kind in missing:
        _create_index(cluster, kind, alias=True)
    if older:
        _delete_former_templates(cluster)
    for kind in older:
        migrate_kind(cluster, kind, current[kind], transform_to_current_version(kind, current[kind]))


def stored_mapping_versions(cluster: Cluster) -> dict[str, int]:
    """Returns the mapping version of each kind whose alias exists, from the name of the index behind the alias."""
    with translated_errors():
        response = cluster.client.options(ignore_status=404).indices.get_alias(
            name=[cluster.alias(kind) for kind in schema.DOCUMENT_KINDS]
        )
    if not isinstance(response.body, dict):
        raise not_elasticsearch_error(response.meta.status)
    by_kind: dict[str, int] = {}
    for index, value in response.body.items():
        match = re.fullmatch(re.escape(cluster.prefix) + r"-(\w+)-v(\d+)", index)
        if match and isinstance(value, dict) and f"{cluster.prefix}-{match[1]}" in value.get("aliases", {}):
            by_kind[match[1]] = int(match[2])
    return {kind: version for kind, version in by_kind.items() if kind in schema.DOCUMENT_KINDS}


def _mapping_version_without_alias(cluster: Cluster, kind: str) -> int | None:
    """Returns the mapping version of the index of a kind that has no alias, or None if there is no index.

    An index that was restored from a snapshot may lack its alias.  Version 0 is the index under the kind's former name.
    Of several indices returns the oldest, because a migration deletes the old index only after a complete copy.
    """
    if kind in schema.FORMER_KIND_NAMES:
        former = schema.index_name(cluster.prefix, kind, 0)
        with translated_errors():
            response = cluster.client.options(ignore_status=404).indices.get(index=former, features="aliases")
        if response.meta.status != 404:
            return 0
    with translated_errors():
        indices = cluster.client.indices.get(index=schema.index_pattern(cluster.prefix, kind), features="aliases")
    matches = [re.fullmatch(re.escape(cluster.alias(kind)) + r"-v(\d+)", index) for index in indices]
    return min((int(match[1]) for match in matches if match), default=None)


def _restore_alias(cluster: Cluster, kind: str, version: int) -> None:
    """Points a kind's alias to its index with that mapping version."""
    index, alias = schema.index_name(cluster.prefix, kind, version), cluster.alias(kind)
    log.info("restoring the alias %s of %s", alias, index)
    with translated_errors():
        cluster.client.indices.update_aliases(
            actions=[{"add": {"index": index, "alias": alias, "is_write_index": True}}]
        )


def put_templates(cluster: Cluster) -> list[str]:
    """Writes all component templates and index templates; returns their names."""
    with translated_errors():
        for name, template in schema.component_templates(cluster.prefix).items():
            cluster.client.cluster.put_component_template(name=name, **template)
        for name, template in schema.index_templates(cluster.prefix).items():
            arguments = {key.removeprefix("_"): value for key, value in template.items()}
            cluster.client.indices.put_index_template(name=name, **arguments)
    return [*schema.component_templates(cluster.prefix), *schema.index_templates(cluster.prefix)]


def _delete_former_templates(cluster: Cluster) -> None:
    """Deletes the templates that only earlier versions of this program use."""
    client = cluster.client.options(ignore_status=404)
    with translated_errors():
        for name in schema.former_index_templates(
            cluster.prefix
        ):  # first, because they refer to the component templates
            client.indices.delete_index_template(name=name)
        for name in schema.former_component_templates(cluster.prefix):
            client.cluster.delete_component_template(name=name)


def _create_index(cluster: Cluster, kind: str, *, alias: bool) -> None:
    """Creates a kind's index with the current mapping, and with ``alias`` its alias; does nothing if the index exists.

    Raises StoreRefused if another index has the name of the alias.
    """
    name = schema.index_name(cluster.prefix, kind)
    aliases = {cluster.alias(kind): {"is_write_index": True}} if alias else None
    with translated_errors():
        try:
            cluster.client.indices.create(index=name, aliases=aliases)
        except ApiError as error:
            error_type = error.body.get("error", {}).get("type") if isinstance(error.body, dict) else ""
            if error_type == "invalid_alias_name_exception" or "index with the same name" in str(error.body):
                raise StoreRefused(
                    f"an index has the name of the alias {cluster.alias(kind)}",
                    hint="choose another store.prefix, or delete that index",
                ) from error
            if error_type != "resource_already_exists_exception":
                raise


# ---- migration


def migrate_kind(cluster: Cluster, kind: str, old_version: int, transform: WriteTransform = lambda write: write) -> int:
    """Copies a kind's documents to a new index with the current mapping, and switches the alias to that index.

    Returns the number of documents in the new index.  From the start of the copy, the old index refuses writes with an
    error that writers retry; the request that switches the alias also deletes the old index.  If the process is
    killed, the next `set_up_indices` resumes the copy.  Two processes may migrate at the same time, because copying
    never overwrites a document; the one whose old index is deleted meanwhile (a search in a deleted index may fail with
    503) returns like the other.
    Raises StoreRefused if a document does not fit the new mapping; the old index is then in use and writable again.
    """
    old = schema.index_name(cluster.prefix, kind, old_version)
    new = schema.index_name(cluster.prefix, kind)
    log.info("copying %s to %s", old, new)
    _create_index(cluster, kind, alias=False)
    try:
        with translated_errors():
            cluster.client.indices.add_block(index=old, block="write")
        count = _copy_documents(cluster, kind, old, new, transform)
        with translated_errors():
            cluster.client.indices.update_aliases(
                actions=[
                    {"add": {"index": new, "alias": cluster.alias(kind), "is_write_index": True}},
                    {"remove_index": {"index": old}},
                ]
            )
    except (StoreRefused, StoreUnavailable) as error:
        if _is_completed_by_another_process(cluster, kind, is_under_way=isinstance(error, StoreUnavailable)):
            return cluster.count_documents(kind, {"match_all": {}})
        if isinstance(error, StoreRefused):
            _undo_migration(cluster, kind, old_version)
        raise
    log.info("%s holds %d documents; %s is deleted", new, count, old)
    return count


def _is_completed_by_another_process(cluster: Cluster, kind: str, *, is_under_way: bool) -> bool:
    """Returns True if a kind's alias has the current mapping; with ``is_under_way`` waits for it a moment.

    A node closes the old index before it shows the new alias: until then, a search in the old index fails with 503.
    """
    attempts = ALIAS_ATTEMPTS if is_under_way else 1
    for attempt in range(attempts):
        if attempt:
            time.sleep(ALIAS_PAUSE_SECONDS)
        if stored_mapping_versions(cluster).get(kind) == schema.MAPPING_VERSIONS[kind]:
            return True
    return False


def _undo_migration(cluster: Cluster, kind: str, old_version: int) -> None:
    """Deletes a kind's new index and makes its old index writable again.

    Deletes nothing if another process has completed the migration: the request that deletes the new index also names
    the old index, and Elasticsearch rejects the complete request if the old index does not exist.
    """
    old = schema.index_name(cluster.prefix, kind, old_version)
    client = cluster.client.options(ignore_status=404)
    alias = schema.alias_name(cluster.prefix, kind, old_version)
    actions: list[Json] = [
        {"add": {"index": old, "alias": alias, "is_write_index": True}},
        {"remove_index": {"index": schema.index_name(cluster.prefix, kind)}},
    ]
    with translated_errors():
        client.indices.update_aliases(actions=actions)
        client.indices.put_settings(index=old, settings={"index.blocks.write": None})


def _copy_documents(cluster: Cluster, kind: str, old: str, new: str, transform: WriteTransform) -> int:
    """Copies the documents of the index ``old`` that the index ``new`` lacks; returns how many ``new`` then has.

    Raises StoreRefused if ``new`` rejects a document or has fewer documents than ``old`` in the end.
    """
    client = cluster.client
    with translated_errors():
        client.indices.refresh(index=old)
        point_in_time = client.open_point_in_time(index=old, keep_alive=POINT_IN_TIME_KEEP_ALIVE)["id"]
    after = None
    try:
        while True:
            with translated_errors():
                response = client.search(
                    pit={"id": point_in_time, "keep_alive": POINT_IN_TIME_KEEP_ALIVE},
                    size=PAGE_DOCUMENTS,
                    sort=[{"_shard_doc": "asc"}],
                    search_after=after,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                )
            hits = nested_value(response, "hits", "hits")
            if not hits:
                break
            point_in_time, after = response["pit_id"], hits[-1]["sort"]
            copies = [
                transform(DocumentWrite(kind=kind, id=hit["_id"], document=hit["_source"], op="create")) for hit in hits
            ]
            results = bulk.write_documents(client, copies, targets={kind: new}, require_alias=False)
            for write, result in zip(copies, results, strict=True):
                if result.is_rejected:
                    raise StoreRefused(f"the document {write.id} does not fit {new}: {result.reason}")
    finally:
        with translated_errors():
            client.options(ignore_status=404).close_point_in_time(id=point_in_time)
    with translated_errors():
        client.indices.refresh(index=new)
        old_count, new_count = (client.count(index=index)["count"] for index in (old, new))
    if old_count > new_count:
        raise StoreRefused(f"{old} has {old_count} documents, its copy {new} only {new_count}")
    return int(new_count)
