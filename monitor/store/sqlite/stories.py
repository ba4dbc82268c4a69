"""Stories in SQLite: commits each with its hits, notifications and frontier entry in one transaction."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.models import CommitResult
from monitor.store import signature_index
from monitor.store.listed_urls import alias_disposition
from monitor.store.microseconds import micros
from monitor.store.sqlite import fulltext, rows, sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import apsw

    from monitor.models import Hit, PageCommit, Story
    from monitor.store.sqlite.database import Database

IDS_PER_SELECT = 500  # story ids in one statement


class Stories:
    """Keeps stories, their versions and hits; implements `monitor.store.protocol.Stories`."""

    def __init__(self, database: Database, word_cache: fulltext.WordCache) -> None:
        self._database = database
        self._word_cache = word_cache

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """See `Store.commit`.  Writes all commits in one transaction."""
        entries = {
            index: fulltext.build_index_entry(commit.story) for index, commit in enumerate(commits) if commit.story
        }
        results = []
        with self._database.write_transaction() as connection:
            writer = StoryWriter(connection, self._word_cache)
            for index, commit in enumerate(commits):
                if commit.story is not None:
                    if commit.story.version != writer.stored_version_number(commit.story.id) + 1:
                        results.append(CommitResult.CONFLICT)
                        continue
                    writer.put_story(commit.story, entries[index], commit.signature)
                _write_page_records(connection, commit)
                results.append(CommitResult.WRITTEN)
            writer.write_indexes()
        writer.cache_committed_words()
        return results

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        with self._database.read_connection() as connection:
            stories = [
                rows.story(row)
                for batch in batched(dict.fromkeys(ids), IDS_PER_SELECT)
                for row in connection.execute(sql.SELECT_STORIES_BY_ID, (rows.json_text(batch),))
            ]
        return {story.id: story for story in stories}

    def history(self, story: str) -> list[Story]:
        with self._database.read_snapshot() as connection:
            earlier = [
                rows.unpack_version(data) for (data,) in connection.execute(sql.SELECT_EARLIER_VERSIONS, (story,))
            ]
            latest = [
                rows.story(row) for row in connection.execute(sql.SELECT_STORIES_BY_ID, (rows.json_text([story]),))
            ]
        return earlier + latest

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`.  Returns up to `MAX_NEAR_DUPLICATES`, those that share more bands first.

        Finds only stories whose signatures are still kept (see `SIGNATURE_RETENTION`).
        """
        with self._database.read_connection() as connection:
            return signature_index.find(connection, signature, since=since)

    def cluster_members(self, clusters: Sequence[str], *, limit: int = 20) -> dict[str, list[Story]]:
        members: dict[str, list[Story]] = {}
        with self._database.read_connection() as connection:
            for cluster in dict.fromkeys(clusters):
                selected = connection.execute(sql.SELECT_STORIES_OF_CLUSTER, (cluster, limit))
                if stories := [rows.story(row) for row in selected]:
                    members[cluster] = stories
        return members

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        oldest = micros(since) if since else -(1 << 63)
        with self._database.read_connection() as connection:
            if alert is None:
                selected = connection.execute(sql.SELECT_HITS, (oldest, limit))
            else:
                selected = connection.execute(sql.SELECT_HITS_OF_ALERT, (alert, oldest, limit))
            return [rows.hit(row) for row in selected]


def _write_page_records(connection: apsw.Connection, commit: PageCommit) -> None:
    """Writes the records of a fetched page other than the story: hits, notifications, frontier entry and aliases."""
    connection.executemany(sql.PUT_HIT, [rows.hit_values(hit) for hit in commit.hits])
    connection.executemany(
        sql.ADD_NOTIFICATION, [rows.notification_values(notification) for notification in commit.notifications]
    )
    connection.execute(sql.PUT_FRONTIER_ENTRY, rows.frontier_values(commit.entry))
    story = commit.story.id if commit.story else commit.entry.story
    for alias in commit.aliases:
        connection.execute(sql.PUT_ALIAS, (alias, story))
        connection.execute(sql.FINISH_ALIAS_ENTRY, (story, alias_disposition(story), alias))


class StoryWriter:
    """Writes the stories of one transaction: their rows at once, their index entries and signatures at the end.

    Index entries are written together, because FTS5 is fastest in ascending order of sort keys.
    """

    def __init__(self, connection: apsw.Connection, word_cache: fulltext.WordCache) -> None:
        self._connection = connection
        self._word_cache = word_cache
        self._index_entries: dict[int, fulltext.IndexEntry] = {}
        self._signatures: dict[int, tuple[datetime, Sequence[int]]] = {}

    def stored_version_number(self, story: str) -> int:
        """Returns the number of a story's stored version, or 0 if the story is not stored."""
        for _, version in rows.fetch(self._connection, sql.SELECT_SORT_KEY_AND_VERSION, (story,)):
            return int(version)
        return 0

    def put_story(self, story: Story, entry: fulltext.IndexEntry, signature: Sequence[int]) -> None:
        """Writes the row of a story's new version; moves a stored older version to the table `version`."""
        for sort_key, _ in rows.fetch(self._connection, sql.SELECT_SORT_KEY_AND_VERSION, (story.id,)):
            self._move_to_history(story.id, sort_key)
        sort_key = _free_sort_key(self._connection, story)
        self._connection.execute(sql.INSERT_STORY, rows.story_values(story, sort_key))
        self._index_entries[sort_key] = entry
        self._signatures[sort_key] = story.first_seen_at, signature

    def write_indexes(self) -> None:
        """Writes the index entries and signatures of the stories put in this transaction, before it commits."""
        if self._index_entries:
            fulltext.index_stories(self._connection, self._index_entries, self._word_cache)
            signature_index.put(self._connection, self._signatures)

    def cache_committed_words(self) -> None:
        """Adds the words of the written stories to the word cache; call this after the transaction has committed."""
        self._word_cache.add_words(self._index_entries.values())

    def _move_to_history(self, story: str, sort_key: int) -> None:
        """Moves a stored story to the table `version` and deletes its index entry and signature."""
        old = rows.story(self._connection.execute(sql.SELECT_STORIES_BY_ID, (rows.json_text([story]),)).get)
        self._connection.execute(sql.PUT_EARLIER_VERSION, (old.id, old.version, rows.pack_version(old)))
        self._connection.execute(sql.DELETE_STORY, (sort_key,))
        self._connection.execute(sql.DELETE_STORY_FROM_FULLTEXT, (sort_key,))
        self._connection.execute(sql.REMOVE_UNINDEXED_STORY, (sort_key,))
        signature_index.drop(self._connection, sort_key)
        self._index_entries.pop(sort_key, None)
        self._signatures.pop(sort_key, None)


def _free_sort_key(connection: apsw.Connection, story: Story) -> int:
    """Returns an unused sort key for a new story: its time in milliseconds, or if that is used, a higher number.

    Many stories have the same time, because some outlets publish only the day.  The first thousand of them get
    consecutive sort keys; more get pseudo-random ones from a range that doubles until an unused one is found.
    """
    sort_key = micros(story.time) // 1000
    if not connection.execute(sql.SELECT_SORT_KEY_IS_TAKEN, (sort_key,)).get:
        return sort_key
    free: int | None = connection.execute(sql.SELECT_NEXT_FREE_SORT_KEY, (sort_key,)).get
    range_size = 1000
    while free is None:
        range_size *= 2
        spread = sort_key + 1000 + zlib.crc32(f"{story.id}{range_size}".encode()) % range_size
        if not connection.execute(sql.SELECT_SORT_KEY_IS_TAKEN, (spread,)).get:
            free = spread
    return free
