"""In which partition each story is: makes sure that a story is stored once, however many indices there are.

The document ``locations/ID`` is created before the story and never changes while its partition exists, so processes
that write one story at the same time, or again after a kill, before or after a rollover, all write to one index, where
the story's id is unique.  A location without a story is harmless: the next attempt uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.store.elasticsearch import schema
from monitor.store.elasticsearch.bulk import DocumentWrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.store.elasticsearch.cluster import Cluster
    from monitor.store.elasticsearch.partitions import Partitions

MAX_REMEMBERED_LOCATIONS = 50_000


class Locations:
    """The partitions of stories by their ids, remembered in this process."""

    def __init__(self, cluster: Cluster, partitions: Partitions) -> None:
        self._cluster = cluster
        self._partitions = partitions
        self._remembered: dict[str, int] = {}

    def find(self, ids: Iterable[str]) -> dict[str, int]:
        """Returns the partitions of stories by id; leaves out stories that have none.

        A partition may have been dropped, and a story may be missing from its partition.
        """
        ids = list(dict.fromkeys(ids))
        found = self._remembered_of(ids)
        unknown = [name for name in ids if name not in found]
        read = {
            name: int(stored.document["partition"])
            for name, stored in self._cluster.get_documents("locations", unknown).items()
        }
        self._remember(read)
        return found | read

    def assign(self, ids: Iterable[str]) -> dict[str, int]:
        """Returns the partition of each story; a story without one gets that for new stories."""
        ids = list(dict.fromkeys(ids))
        assigned = self._remembered_of(ids)
        unassigned = [name for name in ids if name not in assigned]
        if unassigned:
            newest = self._partitions.newest()
            results = self._cluster.write_documents([location_write(name, newest) for name in unassigned])
            created = {name: newest for name, result in zip(unassigned, results, strict=True) if not result.is_conflict}
            self._remember(created)
            assigned |= created
            existing = [name for name in unassigned if name not in created]
            assigned |= self.find(existing)
        return assigned

    def reassign(self, ids: Iterable[str]) -> dict[str, int]:
        """Returns the partition of each story; one whose partition was dropped gets that for new stories."""
        ids = list(dict.fromkeys(ids))
        self.forget(ids)
        existing = self._partitions.numbers(reread=True)
        stored = self._cluster.get_documents("locations", ids)
        dropped = [name for name, location in stored.items() if int(location.document["partition"]) not in existing]
        newest = existing[-1]
        self._cluster.write_documents(  # one that conflicts has been moved by another process
            [location_write(name, newest, revision=stored[name].revision) for name in dropped]
        )
        return self.assign(ids)

    def forget(self, ids: Iterable[str]) -> None:
        """Reads the locations of these stories again when they are needed next."""
        for name in ids:
            self._remembered.pop(name, None)

    def _remembered_of(self, ids: Iterable[str]) -> dict[str, int]:
        remembered = self._remembered  # another thread may forget some meanwhile
        return {name: number for name in ids if (number := remembered.get(name)) is not None}

    def _remember(self, locations: dict[str, int]) -> None:
        if len(self._remembered) + len(locations) > MAX_REMEMBERED_LOCATIONS:
            self._remembered = {}
        self._remembered |= locations


def location_write(story: str, partition: int, *, revision: tuple[int, int] | None = None) -> DocumentWrite:
    """Returns the write that creates a story's location, or replaces that of a revision."""
    return DocumentWrite(
        kind="locations",
        id=story,
        document={"partition": schema.partition_text(partition)},
        op="index" if revision else "create",
        revision=revision,
    )
