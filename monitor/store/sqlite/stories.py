"""Stories: filed with their hits, notices and visits in one transaction, and read again."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from monitor.store.sqlite import fulltext, rows, similar, sql
from monitor.store.sqlite.part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import apsw

    from monitor.models import Filing, Hit, Story
    from monitor.store.sqlite.database import Database

IDS_AT_ONCE = 500


class Stories(Part):
    """The story methods of the store's protocol, without searching."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._words = fulltext.Words()

    def file(self, filings: Sequence[Filing]) -> list[bool]:
        """See `Store.file`; a batch is one transaction."""
        analysed = {place: fulltext.entry(filing.story) for place, filing in enumerate(filings) if filing.story}
        entries: dict[int, fulltext.Entry] = {}
        signatures: dict[int, Filing] = {}
        results = []
        with self.database.write() as connection:
            for place, filing in enumerate(filings):
                if filing.story is not None:
                    known = connection.execute(sql.STORY_KEY, (filing.story.id,)).get
                    before, version = known or (None, 0)
                    if filing.story.version != version + 1:
                        results.append(False)
                        continue
                    if before is not None:
                        _retire(connection, filing.story.id, before)
                        entries.pop(before, None)
                        signatures.pop(before, None)
                    moment = _moment(connection, filing.story)
                    connection.execute(sql.PUT_STORY, rows.story_row(filing.story, moment))
                    entries[moment] = analysed[place]
                    signatures[moment] = filing
                _settle(connection, filing)
                results.append(True)
            if entries:
                fulltext.put(connection, entries, self._words)
                similar.put(connection, signatures.items())
        self._words.remember(entries.values())
        return results

    def stories(self, ids: Sequence[str]) -> dict[str, Story]:
        wanted = list(dict.fromkeys(ids))
        with self.database.read() as connection:
            found = [
                rows.story(row)
                for start in range(0, len(wanted), IDS_AT_ONCE)
                for row in connection.execute(sql.STORIES, (rows.json(wanted[start : start + IDS_AT_ONCE]),))
            ]
        return {story.id: story for story in found}

    def history(self, story: str) -> list[Story]:
        with self.database.snapshot() as connection:
            earlier = [rows.unpack(data) for (data,) in connection.execute(sql.VERSIONS, (story,))]
            latest = [rows.story(row) for row in connection.execute(sql.STORIES, (rows.json([story]),))]
        return earlier + latest

    def similar(self, signature: Sequence[int], *, since: datetime) -> list[tuple[str, str, tuple[int, ...]]]:
        """See `Store.similar`; the most alike first, a hundred at most, of the last `similar.REMEMBERED`."""
        with self.database.read() as connection:
            return similar.find(connection, signature, since=since)

    def hits(self, alert: str | None = None, *, since: datetime | None = None, limit: int = 1000) -> list[Hit]:
        oldest = rows.micros(since) if since else -(1 << 63)
        with self.database.read() as connection:
            if alert is None:
                found = connection.execute(sql.HITS, (oldest, limit))
            else:
                found = connection.execute(sql.HITS_OF, (alert, oldest, limit))
            return [rows.hit(row) for row in found]


def _settle(connection: apsw.Connection, filing: Filing) -> None:
    """What a filing says beside the story: hits, notices, its visit and the other addresses."""
    connection.executemany(sql.PUT_HIT, [rows.hit_row(hit) for hit in filing.hits])
    connection.executemany(sql.ADD_NOTICE, [rows.notice_row(notice) for notice in filing.notices])
    connection.execute(sql.PUT_VISIT, rows.visit_row(filing.visit))
    story = filing.story.id if filing.story else filing.visit.story
    for alias in filing.aliases:
        connection.execute(sql.PUT_ALIAS, (alias, story))
        connection.execute(sql.SETTLE_ALIAS, (story, alias))


def _retire(connection: apsw.Connection, story: str, moment: int) -> None:
    """Moves the stored version of a story to its history."""
    row = connection.execute(sql.STORIES, (rows.json([story]),)).get
    old = rows.story(row)
    connection.execute(sql.KEEP_VERSION, (old.id, old.version, rows.pack(old)))
    connection.execute(sql.DROP_STORY, (moment,))
    connection.execute(sql.UNINDEX, (moment,))
    similar.drop(connection, moment)


def _moment(connection: apsw.Connection, story: Story) -> int:
    """The key of a new story: its time in milliseconds, or the next one that is free.

    Many stories bear one time, as outlets that tell the day only do: up to a thousand fill the second after it one by
    one, more are strewn over ever longer stretches.
    """
    moment = rows.micros(story.published_at or story.first_seen_at) // 1000
    if not connection.execute(sql.MOMENT_TAKEN, (moment,)).get:
        return moment
    free: int | None = connection.execute(sql.MOMENT_FREE, (moment,)).get
    stretch = 1000
    while free is None:
        stretch *= 2
        strewn = moment + 1000 + zlib.crc32(f"{story.id}{stretch}".encode()) % stretch
        if not connection.execute(sql.MOMENT_TAKEN, (strewn,)).get:
            free = strewn
    return free
