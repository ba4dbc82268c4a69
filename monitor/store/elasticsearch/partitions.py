"""The indices of the stories, called partitions: numbered as they are made, new stories go to the last one.

A partition is one of the indices PREFIX-stories-vN-NUMBER behind the alias PREFIX-stories.  A process makes the next
one as soon as the last one is too large or too old (`store.rollover`); if several processes do, one of them succeeds.
A process that has not noticed yet writes new stories to the one before, which does no harm: `locations` alone decides
in which partition a story is.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from monitor.errors import StoreError, StoreRefused
from monitor.models import from_rfc3339, now
from monitor.store.elasticsearch import indices, schema
from monitor.store.elasticsearch.client import translated_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from monitor.config.schema import StoreRollover
    from monitor.store.elasticsearch.cluster import Cluster

log = logging.getLogger(__name__)

CHECK_SECONDS = 60.0  # between two looks at the partitions


class Partitions:
    """The partitions of one monitor, as this process last saw them."""

    def __init__(self, cluster: Cluster, rollover: StoreRollover) -> None:
        self._cluster = cluster
        self._rollover = rollover
        self._lock = threading.Lock()
        self._numbers: tuple[int, ...] = ()
        self._checked_at = float("-inf")  # monotonic
        self._opened_at: dict[int, datetime | None] = {}
        self._problem = ""  # of the last look
        self.is_allowed = True  # False once the server has refused to make or delete an index for this key

    def index(self, number: int) -> str:
        """Returns the name of a partition's index."""
        return schema.index_name(self._cluster.prefix, schema.PARTITIONED_KIND, partition=number)

    def numbers(self, *, reread: bool = False) -> tuple[int, ...]:
        """Returns the numbers of all partitions in order; with ``reread`` as they are at this moment.

        Raises StoreRefused if there is none, or if a program with another mapping has replaced them.
        """
        if reread or not self._numbers:
            self._numbers = self._read_numbers()
        return self._numbers

    def newest(self) -> int:
        """Returns the partition for new stories; makes another one if it is time, which is checked once a minute."""
        with self._lock:
            if time.monotonic() - self._checked_at > CHECK_SECONDS:
                self._checked_at = time.monotonic()
                try:
                    self.roll_over_if_due()
                except StoreError as error:  # as without the privilege to ask; stories can be stored all the same
                    if str(error) != self._problem:
                        log.warning("whether a new index of stories is due is not known: %s", error)
                    self._problem = str(error)
        return self.numbers()[-1]

    def drop(self, number: int, *, unless: Callable[[str], bool]) -> bool:
        """Deletes a partition, unless it is the last one or ``unless`` returns True for it; returns True if it did.

        While it looks, the partition refuses writes with an error that writers retry.  If the process is killed
        meanwhile, `open_all` makes it writable again, with the next `setup` or cleanup of any process.
        """
        if number == self.numbers(reread=True)[-1] or self._are_migrated():
            return False
        client, index = self._cluster.client, self.index(number)
        try:
            with translated_errors():
                client.indices.add_block(index=index, block="write")  # waits for the writes that have begun
        except StoreRefused as error:
            self.is_allowed = False
            log.warning("%s has only expired stories, but cannot be deleted at once: %s", index, error)
            return False
        try:
            with translated_errors():
                client.indices.refresh(index=index)
            is_needed = unless(index)
            if not is_needed:
                with translated_errors():
                    client.indices.delete(index=index)
                log.info("deleted %s, in which all stories had expired", index)
        finally:
            self.open_all()
        self.numbers(reread=True)
        return not is_needed

    def open_all(self) -> None:
        """Makes partitions writable that a process which was killed left closed."""
        if self._are_migrated():  # which closes partitions too
            return
        alias = self._cluster.alias(schema.PARTITIONED_KIND)
        with translated_errors():
            blocks = self._cluster.client.indices.get_settings(
                index=alias, name="index.blocks.write", flat_settings=True
            )
            closed = [name for name, value in blocks.items() if value["settings"].get("index.blocks.write") == "true"]
            if closed:
                self._cluster.client.options(ignore_status=404).indices.put_settings(
                    index=closed, settings={"index.blocks.write": None}
                )

    def _are_migrated(self) -> bool:
        """Returns True if a newer program is copying the partitions to a newer mapping."""
        kind, prefix = schema.PARTITIONED_KIND, self._cluster.prefix
        with translated_errors():
            found = self._cluster.client.indices.get(index=schema.index_pattern(prefix, kind), features="aliases")
        names = [name for index in found if (name := schema.parse_index_name(prefix, index))]
        return any(name.version > schema.MAPPING_VERSIONS[kind] for name in names)

    def roll_over_if_due(self) -> bool:
        """Makes the next partition if the last one is too large or too old, and has stories; returns True if it did."""
        newest = self.numbers(reread=True)[-1]
        reason = self._reason_for_next(newest)
        if reason is None or not self.is_allowed or self._are_migrated():  # a copy would lack the next partition
            return False
        try:
            indices.create_index(self._cluster, schema.PARTITIONED_KIND, newest + 1)
        except StoreRefused as error:
            self.is_allowed = False
            log.warning("%s %s, but no new index can be made: %s", self.index(newest), reason, error)
            return False
        log.info("%s %s: new stories go to %s", self.index(newest), reason, self.index(newest + 1))
        self.numbers(reread=True)
        return True

    def _reason_for_next(self, number: int) -> str | None:
        index = self.index(number)
        shards = indices.shard_states(self._cluster, index).values()
        if not any(shard.documents for shard in shards):
            return None
        largest = max(shard.size for shard in shards)
        if largest >= self._rollover.size:
            return f"has a shard of {largest / 1e9:.1f} GB"
        opened_at = self._opened(number)
        if opened_at is not None and now() - opened_at >= self._rollover.age:
            return f"was made on {opened_at:%Y-%m-%d}"
        return None

    def indices_since(self, time: datetime, existing: Collection[str]) -> set[str]:
        """Returns those of the ``existing`` indices of stories that may have stories first seen since a time."""
        names = [schema.parse_index_name(self._cluster.prefix, index) for index in existing]
        found: set[str] = set()
        for number in sorted((name.partition for name in names if name and name.partition), reverse=True):
            found.add(self.index(number))
            opened_at = self._opened(number)
            if opened_at is not None and opened_at <= time:
                break
        return found

    def _opened(self, number: int) -> datetime | None:
        """Returns when a partition was made; None if an earlier version made it."""
        if number not in self._opened_at:
            opened_at = indices.index_meta(self._cluster, self.index(number)).get(indices.OPENED_AT)
            self._opened_at[number] = from_rfc3339(opened_at) if opened_at else None
        return self._opened_at[number]

    def _read_numbers(self) -> tuple[int, ...]:
        kind, version = schema.PARTITIONED_KIND, schema.MAPPING_VERSIONS[schema.PARTITIONED_KIND]
        names = [name for name in indices.stored_indices(self._cluster).values() if name.kind == kind]
        numbers = sorted(name.partition for name in names if name.version == version and name.partition is not None)
        is_newer = any(name.version > version for name in names)
        if is_newer or not numbers:
            # A partition that a newer program has copied is not a dropped one: its stories must not be stored again.
            raise StoreRefused(
                f"the store is not set up: {self._cluster.alias(kind)} lacks indices with mapping version {version}",
                hint="a newer media-monitor has replaced it: update this one" if is_newer else "media-monitor setup",
            )
        return tuple(numbers)
