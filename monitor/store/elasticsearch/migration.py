"""Creates indices, and migrates documents of an older mapping while other processes write.

A migration copies the documents of an index into a new one, then what has been written since, by the sequence numbers
that Elasticsearch assigns to all writes, until little is left.  Then the old index takes no writes, the rest is copied,
and one request puts the new index behind the alias and deletes the old one.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import StoreRefused, StoreUnavailable
from monitor.models import now
from monitor.store.elasticsearch import documents, indices, schema
from monitor.store.elasticsearch.client import translated_errors
from monitor.store.elasticsearch.copying import COPIED, IndexCopy
from monitor.store.elasticsearch.indices import alias_action, create_index
from monitor.store.elasticsearch.transforms import transform_to_current_version
from monitor.store.protocol import MAX_LEASE_TERM

if TYPE_CHECKING:
    from monitor.models import Json
    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.elasticsearch.schema import IndexName
    from monitor.store.elasticsearch.transforms import WriteTransform

log = logging.getLogger(__name__)

ALIAS_ATTEMPTS, ALIAS_PAUSE_SECONDS = 10, 0.2  # after an error that another process's completion may have caused
MAX_CATCH_UPS = 20  # copies of what was written meanwhile, before writers have to wait
# For a message under way; a claim of a process that was killed lasts longer.  And the pause between two looks.
MAX_CLAIM_SECONDS, CLAIM_PAUSE_SECONDS = 20.0, 1.0
MAX_REST_DOCUMENTS = 2000  # that may be left to copy while writers wait
#: Kinds whose documents are renamed or deleted all the time, and few: writers wait while they are copied.
SMALL_KINDS: Final = frozenset({"outlets", "outbox", "settings", "failed"})


def set_up_indices(cluster: Cluster) -> None:
    """Creates missing indices, restores missing aliases and migrates older indices.

    Sends only reading requests if there is nothing to do, because a crawler's API key may not create indices.
    Raises StoreRefused if a mapping is newer than this program, or if an index has the name of an alias.
    """
    while older := _make_indices(cluster):  # again, because a process may have made an older partition meanwhile
        for name in older:
            if name.kind not in SMALL_KINDS:
                copy_while_written(cluster, name, transform_to_current_version(name.kind, name.version))
        _wait_for_claims(cluster)
        # Else a program that writes through the aliases could store hits and notifications without their stories.
        indices.close_aliases(cluster, former=[name for name in older if name.version == 0])
        for name in older:
            migrate_index(cluster, name, transform_to_current_version(name.kind, name.version))
    indices.close_aliases(cluster)


def _make_indices(cluster: Cluster) -> list[IndexName]:
    """Creates missing indices and restores missing aliases; returns the indices of an older mapping."""
    current = _indices_in_use(cluster, restore_aliases=True)
    for name in current:
        if name.version > schema.MAPPING_VERSIONS[name.kind]:
            raise StoreRefused(
                f"{cluster.alias(name.kind)} has mapping version {name.version}, "
                f"this program knows {schema.MAPPING_VERSIONS[name.kind]}",
                hint="a newer media-monitor made it: update this one",
            )
    missing = [kind for kind in schema.DOCUMENT_KINDS if not any(name.kind == kind for name in current)]
    older = [
        name
        for kind in schema.DOCUMENT_KINDS
        for name in current
        if name.kind == kind and name.version < schema.MAPPING_VERSIONS[kind]
    ]
    if missing or older:
        indices.put_templates(cluster)
    for kind in missing:
        create_index(cluster, kind)
    if older:
        indices.delete_former_templates(cluster)
    return older


def _indices_in_use(cluster: Cluster, *, restore_aliases: bool = False) -> list[IndexName]:
    """Returns the indices behind the aliases, and those of the kinds that lack their alias."""
    current = list(indices.stored_indices(cluster).values())
    for kind in schema.DOCUMENT_KINDS:
        if not any(name.kind == kind for name in current):
            for name in indices.indices_without_alias(cluster, kind):
                if restore_aliases and name.version > 0:
                    indices.restore_alias(cluster, name)
                current.append(name)
    return current


def _wait_for_claims(cluster: Cluster) -> None:
    """Waits until no process sends notifications, which it could then not mark as sent; at most MAX_CLAIM_SECONDS."""
    ends_at, claimed_before = time.monotonic() + MAX_CLAIM_SECONDS, 0
    while time.monotonic() < ends_at:
        at = now()
        query = documents.time_within_query("claimed_until", after=at, until=at + MAX_LEASE_TERM)
        claimed = cluster.count_documents("outbox", query)
        if not claimed:
            return
        if claimed != claimed_before:
            log.info("waiting for %d notifications that another process is sending, or was when it ended", claimed)
        claimed_before = claimed
        time.sleep(CLAIM_PAUSE_SECONDS)
    log.warning("%d notifications may be sent twice: their claims have not ended", claimed_before)


@dataclass(frozen=True, slots=True)
class Migration:
    """An index of an older mapping and the index that replaces it."""

    old: IndexName
    new: IndexName

    @classmethod
    def of(cls, old: IndexName) -> Migration:
        version = schema.MAPPING_VERSIONS[old.kind]
        is_partitioned = old.kind == schema.PARTITIONED_KIND and version >= schema.FIRST_PARTITIONED_VERSION
        partition = (old.partition or schema.FIRST_PARTITION) if is_partitioned else None
        return cls(old, schema.IndexName(old.kind, version, partition))

    def begin_copy(self, cluster: Cluster, transform: WriteTransform) -> IndexCopy:
        old, new = (schema.full_index_name(cluster.prefix, name) for name in (self.old, self.new))
        return IndexCopy.begin(cluster, self.old.kind, old, new, transform)


def copy_while_written(cluster: Cluster, old: IndexName, transform: WriteTransform = lambda write: write) -> None:
    """Copies the documents of an index to a new one with the current mapping, and what is written meanwhile.

    Also deletes copies of documents that were deleted meanwhile, so that writers seldom have to wait for that.
    Ends when at most MAX_REST_DOCUMENTS are left; does nothing if another process completes the migration.
    Raises StoreRefused if a document does not fit the new mapping.
    """
    migration = Migration.of(old)
    try:
        copy = migration.begin_copy(cluster, transform)
        _catch_up_until_little_is_left(copy)
        copy.delete_deleted()
        _catch_up_until_little_is_left(copy)
    except (StoreRefused, StoreUnavailable) as error:
        _end_failed_migration(cluster, migration, error)


def _catch_up_until_little_is_left(copy: IndexCopy) -> None:
    for _ in range(MAX_CATCH_UPS):
        if copy.catch_up() <= MAX_REST_DOCUMENTS:
            return


def migrate_index(cluster: Cluster, old: IndexName, transform: WriteTransform = lambda write: write) -> int:
    """Copies what is left of an index to the new one, and puts that behind the alias; returns its documents.

    Meanwhile the old index refuses writes with an error that writers retry.  The request that switches the alias also
    deletes the old index.  If the process is killed, the next `set_up_indices` takes the copy up.  Two processes may
    migrate at the same time, because a copy never overwrites a newer document; the one whose old index is deleted
    meanwhile (a search in a deleted index may fail with 503) returns like the other.
    Raises StoreRefused if a document does not fit the new mapping; the old index is then in use and writable again.
    """
    migration = Migration.of(old)
    old_index, new_index = (schema.full_index_name(cluster.prefix, name) for name in (migration.old, migration.new))
    try:
        copy = migration.begin_copy(cluster, transform)
        with translated_errors():
            cluster.client.indices.add_block(index=old_index, block="write")
        copy.catch_up()
        count = copy.complete(can_delete=old.kind not in SMALL_KINDS)
        with translated_errors():
            cluster.client.indices.update_aliases(
                actions=[alias_action(cluster, migration.new), {"remove_index": {"index": old_index}}]
            )
    except (StoreRefused, StoreUnavailable) as error:
        _end_failed_migration(cluster, migration, error)
        return cluster.count_documents(old.kind, {"match_all": {}})
    log.info("%s holds %d documents; %s is deleted", new_index, count, old_index)
    return count


def _end_failed_migration(cluster: Cluster, migration: Migration, error: StoreRefused | StoreUnavailable) -> None:
    """Raises the error of a migration, unless another process has completed it; takes it back if it is refused."""
    if _is_completed_by_another_process(cluster, migration, is_under_way=isinstance(error, StoreUnavailable)):
        return
    if isinstance(error, StoreRefused):
        _take_back(cluster, migration)
    raise error


def _is_completed_by_another_process(cluster: Cluster, migration: Migration, *, is_under_way: bool) -> bool:
    """Returns True if the new index is behind the alias and the old one is not; with ``is_under_way`` waits a moment.

    A node closes the old index before it shows the new alias: until then, a search in the old index fails with 503.
    """
    attempts = ALIAS_ATTEMPTS if is_under_way else 1
    for attempt in range(attempts):
        if attempt:
            time.sleep(ALIAS_PAUSE_SECONDS)
        current = indices.stored_indices(cluster).values()
        if any(name.kind == migration.new.kind for name in current) and migration.old not in current:
            return any(name.version == migration.new.version for name in current if name.kind == migration.new.kind)
    return False


def _take_back(cluster: Cluster, migration: Migration) -> None:
    """Deletes the new index of a migration and makes the old one writable again, and all aliases.

    Deletes nothing if another process has completed the migration: the request that deletes the new index also names
    the old index, and Elasticsearch rejects the complete request if the old index does not exist.
    """
    old_index, new_index = (schema.full_index_name(cluster.prefix, name) for name in (migration.old, migration.new))
    client = cluster.client.options(ignore_status=404)
    actions: list[Json] = [alias_action(cluster, migration.old), {"remove_index": {"index": new_index}}]
    with translated_errors():
        client.indices.update_aliases(actions=actions)
        client.indices.put_settings(index=old_index, settings={"index.blocks.write": None})
    _open_aliases(cluster)


def _open_aliases(cluster: Cluster) -> None:
    """Lets programs that write through the aliases go on, unless one of the indices is the result of a migration.

    Such programs refuse a store with a migrated index, and have one index of stories; so partitions stay closed.
    """
    current = _indices_in_use(cluster)
    full_names = [schema.full_index_name(cluster.prefix, name) for name in current]
    if any(COPIED in indices.index_meta(cluster, index) for index in full_names):
        return
    actions = [alias_action(cluster, name) for name in current if name.partition is None]
    for action in actions:
        action["add"]["is_write_index"] = True
    with translated_errors():
        cluster.client.options(ignore_status=404).indices.update_aliases(actions=actions)


def take_back_migrations(cluster: Cluster) -> list[str]:
    """Undoes the migrations that have begun and are not complete; returns the names of the indices in use again.

    Programs of the version before can then write again.  A completed migration cannot be undone, except by restoring
    a snapshot.
    """
    taken_back = []
    for old in _indices_in_use(cluster):
        migration = Migration.of(old)
        if migration.old == migration.new:
            continue
        new_index = schema.full_index_name(cluster.prefix, migration.new)
        with translated_errors():
            has_begun = bool(cluster.client.indices.exists(index=new_index))
        if has_begun:
            _take_back(cluster, migration)
            taken_back.append(schema.full_index_name(cluster.prefix, old))
    return taken_back
