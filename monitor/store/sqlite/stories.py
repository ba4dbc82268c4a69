"""Stories: each is committed with its hits, notifications and frontier entry in one transaction."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.models import CommitResult
from monitor.store import signature_index
from monitor.store.sqlite import fulltext, rows, sql
from monitor.store.sqlite.part import StorePart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import apsw

    from monitor.models import Hit, PageCommit, Story
    from monitor.store.sqlite.database import Database

IDS_BATCH = 500


class Stories(StorePart):
    """The story methods of the store's protocol, without searching."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._word_cache = fulltext.WordCache()

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """See `Store.commit`; a batch is one transaction."""
        entries = {index: fulltext.index_entry(commit.story) for index, commit in enumerate(commits) if commit.story}
        results = []
        with self.database.write() as connection:
            writer = StoryWriter(connection, self._word_cache)
            for index, commit in enumerate(commits):
                if commit.story is not None:
                    if commit.story.version != writer.stored_version(commit.story.id) + 1:
                        results.append(CommitResult.CONFLICT)
                        continue
                    writer.put(commit.story, entries[index], commit.signature)
                _put_page(connection, commit)
                results.append(CommitResult.WRITTEN)
            writer.finish()
        writer.committed()
        return results

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        with self.database.read() as connection:
            stories = [
                rows.story(row)
                for batch in batched(dict.fromkeys(ids), IDS_BATCH)
                for row in connection.execute(sql.STORIES_BY_ID, (rows.json_text(batch),))
            ]
        return {story.id: story for story in stories}

    def history(self, story: str) -> list[Story]:
        with self.database.snapshot() as connection:
            earlier = [rows.unpack_version(data) for (data,) in connection.execute(sql.VERSIONS, (story,))]
            latest = [rows.story(row) for row in connection.execute(sql.STORIES_BY_ID, (rows.json_text([story]),))]
        return earlier + latest

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`: the stories that share most bands first, at most `MAX_NEAR_DUPLICATES`.

        Finds stories of the last `SIGNATURE_RETENTION` only.
        """
        with self.database.read() as connection:
            return signature_index.find(connection, signature, since=since)

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        oldest = rows.micros(since) if since else -(1 << 63)
        with self.database.read() as connection:
            if alert is None:
                selected = connection.execute(sql.HITS, (oldest, limit))
            else:
                selected = connection.execute(sql.HITS_OF_ALERT, (alert, oldest, limit))
            return [rows.hit(row) for row in selected]


def _put_page(connection: apsw.Connection, commit: PageCommit) -> None:
    """Writes the hits, notifications, frontier entry and aliases of a page."""
    connection.executemany(sql.PUT_HIT, [rows.hit_row(hit) for hit in commit.hits])
    connection.executemany(
        sql.ADD_NOTIFICATION, [rows.notification_row(notification) for notification in commit.notifications]
    )
    connection.execute(sql.PUT_FRONTIER_ENTRY, rows.frontier_row(commit.entry))
    story = commit.story.id if commit.story else commit.entry.story
    for alias in commit.aliases:
        connection.execute(sql.PUT_ALIAS, (alias, story))
        connection.execute(sql.FINISH_ALIAS_ENTRY, (story, alias))


class StoryWriter:
    """Writes the stories of one transaction: rows at once, indexes at the end in the order that is fastest."""

    def __init__(self, connection: apsw.Connection, word_cache: fulltext.WordCache) -> None:
        self._connection = connection
        self._word_cache = word_cache
        self._entries: dict[int, fulltext.IndexEntry] = {}
        self._signatures: dict[int, tuple[datetime, Sequence[int]]] = {}

    def stored_version(self, story: str) -> int:
        """Returns the stored version of a story, 0 if it is not stored."""
        for _, version in rows.fetch(self._connection, sql.SORT_KEY_AND_VERSION, (story,)):
            return int(version)
        return 0

    def put(self, story: Story, entry: fulltext.IndexEntry, signature: Sequence[int]) -> None:
        """Writes a story; the version stored before becomes history."""
        for sort_key, _ in rows.fetch(self._connection, sql.SORT_KEY_AND_VERSION, (story.id,)):
            self._retire(story.id, sort_key)
        sort_key = _free_sort_key(self._connection, story)
        self._connection.execute(sql.PUT_STORY, rows.story_row(story, sort_key))
        self._entries[sort_key] = entry
        self._signatures[sort_key] = story.first_seen_at, signature

    def finish(self) -> None:
        """Writes the indexes; call it before the transaction commits."""
        if self._entries:
            fulltext.put(self._connection, self._entries, self._word_cache)
            signature_index.put(self._connection, self._signatures)

    def committed(self) -> None:
        """Caches the words that are in the tables now; call it after the transaction has committed."""
        self._word_cache.remember(self._entries.values())

    def _retire(self, story: str, sort_key: int) -> None:
        old = rows.story(self._connection.execute(sql.STORIES_BY_ID, (rows.json_text([story]),)).get)
        self._connection.execute(sql.PUT_VERSION, (old.id, old.version, rows.pack_version(old)))
        self._connection.execute(sql.DELETE_STORY, (sort_key,))
        self._connection.execute(sql.UNINDEX_STORY, (sort_key,))
        signature_index.drop(self._connection, sort_key)
        self._entries.pop(sort_key, None)
        self._signatures.pop(sort_key, None)


def _free_sort_key(connection: apsw.Connection, story: Story) -> int:
    """Returns the sort key for a new story: its time in milliseconds, or the next free one.

    Many stories have the same time, as some outlets publish only the day.  Up to a thousand take consecutive keys;
    further ones are spread over ranges that double in size.
    """
    sort_key = rows.micros(story.published_at or story.first_seen_at) // 1000
    if not connection.execute(sql.SORT_KEY_TAKEN, (sort_key,)).get:
        return sort_key
    free: int | None = connection.execute(sql.NEXT_FREE_SORT_KEY, (sort_key,)).get
    range_size = 1000
    while free is None:
        range_size *= 2
        spread = sort_key + 1000 + zlib.crc32(f"{story.id}{range_size}".encode()) % range_size
        if not connection.execute(sql.SORT_KEY_TAKEN, (spread,)).get:
            free = spread
    return free
