"""Stories: filed with their hits, notices and visits in one transaction, and read again."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from monitor.itertools_compat import batched
from monitor.models import CommitResult
from monitor.store.sqlite import fulltext, near_duplicates, rows, sql
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
        self._words = fulltext.WordCache()

    def commit(self, commits: Sequence[PageCommit]) -> list[CommitResult]:
        """See `Store.file`; a batch is one transaction."""
        analysed = {place: fulltext.entry(filing.story) for place, filing in enumerate(commits) if filing.story}
        results = []
        with self.database.write() as connection:
            writing = StoryWriter(connection, self._words)
            for place, filing in enumerate(commits):
                if filing.story is not None:
                    if filing.story.version != writing.version(filing.story.id) + 1:
                        results.append(CommitResult.CONFLICT)
                        continue
                    writing.story(filing.story, analysed[place], filing.signature)
                _settle(connection, filing)
                results.append(CommitResult.WRITTEN)
            writing.finish()
        writing.committed()
        return results

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        with self.database.read() as connection:
            found = [
                rows.story(row)
                for wanted in batched(dict.fromkeys(ids), IDS_BATCH)
                for row in connection.execute(sql.STORIES_BY_ID, (rows.json(wanted),))
            ]
        return {story.id: story for story in found}

    def history(self, story: str) -> list[Story]:
        with self.database.snapshot() as connection:
            earlier = [rows.unpack(data) for (data,) in connection.execute(sql.VERSIONS, (story,))]
            latest = [rows.story(row) for row in connection.execute(sql.STORIES_BY_ID, (rows.json([story]),))]
        return earlier + latest

    def near_duplicates(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.near_duplicates`; the most alike first, a hundred at most, of the last `similar.REMEMBERED`."""
        with self.database.read() as connection:
            return near_duplicates.find(connection, signature, since=since)

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        oldest = rows.micros(since) if since else -(1 << 63)
        with self.database.read() as connection:
            if alert is None:
                found = connection.execute(sql.HITS, (oldest, limit))
            else:
                found = connection.execute(sql.HITS_OF_ALERT, (alert, oldest, limit))
            return [rows.hit(row) for row in found]


def _settle(connection: apsw.Connection, filing: PageCommit) -> None:
    """What a filing says beside the story: hits, notices, its visit and the other addresses."""
    connection.executemany(sql.PUT_HIT, [rows.hit_row(hit) for hit in filing.hits])
    connection.executemany(sql.ADD_NOTIFICATION, [rows.notification_row(notice) for notice in filing.notifications])
    connection.execute(sql.PUT_FRONTIER_ENTRY, rows.frontier_row(filing.entry))
    story = filing.story.id if filing.story else filing.entry.story
    for alias in filing.aliases:
        connection.execute(sql.PUT_ALIAS, (alias, story))
        connection.execute(sql.FINISH_ALIAS_ENTRY, (story, alias))


class StoryWriter:
    """The stories of one transaction: their rows at once, the indexes at the end, in the order these take fastest."""

    def __init__(self, connection: apsw.Connection, words: fulltext.WordCache) -> None:
        self._connection = connection
        self._words = words
        self._entries: dict[int, fulltext.IndexEntry] = {}
        self._signatures: dict[int, tuple[datetime, Sequence[int]]] = {}

    def version(self, story: str) -> int:
        """The stored version of a story, 0 for none."""
        found = rows.fetch(self._connection, sql.SORT_KEY_AND_VERSION, (story,))
        return found[0][1] if found else 0

    def story(self, story: Story, entry: fulltext.IndexEntry, signature: Sequence[int]) -> None:
        """Writes a story; what was stored of it becomes history."""
        for moment, _ in rows.fetch(self._connection, sql.SORT_KEY_AND_VERSION, (story.id,)):
            self._retire(story.id, moment)
        moment = _moment(self._connection, story)
        self._connection.execute(sql.PUT_STORY, rows.story_row(story, moment))
        self._entries[moment] = entry
        self._signatures[moment] = story.first_seen_at, signature

    def finish(self) -> None:
        """To be called before the commit."""
        if self._entries:
            fulltext.put(self._connection, self._entries, self._words)
            near_duplicates.put(self._connection, self._signatures)

    def committed(self) -> None:
        """To be called after it."""
        self._words.remember(self._entries.values())

    def _retire(self, story: str, moment: int) -> None:
        old = rows.story(self._connection.execute(sql.STORIES_BY_ID, (rows.json([story]),)).get)
        self._connection.execute(sql.PUT_VERSION, (old.id, old.version, rows.pack(old)))
        self._connection.execute(sql.DELETE_STORY, (moment,))
        self._connection.execute(sql.UNINDEX_STORY, (moment,))
        near_duplicates.drop(self._connection, moment)
        self._entries.pop(moment, None)
        self._signatures.pop(moment, None)


def _moment(connection: apsw.Connection, story: Story) -> int:
    """The key of a new story: its time in milliseconds, or the next one that is free.

    Many stories bear one time, as outlets that tell the day only do: up to a thousand fill the second after it one by
    one, more are strewn over ever longer stretches.
    """
    moment = rows.micros(story.published_at or story.first_seen_at) // 1000
    if not connection.execute(sql.SORT_KEY_TAKEN, (moment,)).get:
        return moment
    free: int | None = connection.execute(sql.NEXT_FREE_SORT_KEY, (moment,)).get
    stretch = 1000
    while free is None:
        stretch *= 2
        strewn = moment + 1000 + zlib.crc32(f"{story.id}{stretch}".encode()) % stretch
        if not connection.execute(sql.SORT_KEY_TAKEN, (strewn,)).get:
            free = strewn
    return free
