"""Exports all records of a SQLite store, and imports records into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.models import FrontierEntry, Hit, OutletState
from monitor.store.microseconds import maybe_micros, micros
from monitor.store.records import Mark, OutboxRecord, SavedSearch, Setting, Snooze, StoryHistory, UrlAlias
from monitor.store.sqlite import fulltext, rows, sql
from monitor.store.sqlite.marks import mark, mark_values, saved_search_values
from monitor.store.sqlite.stories import StoryWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from monitor.store.protocol import Leases, Outbox, SavedSearches, Settings, Stories
    from monitor.store.records import Record
    from monitor.store.sqlite.database import Database

DUMP_BATCH_ROWS = 500  # read in one statement

_PrimaryKey: TypeAlias = tuple[str | int, ...]


class Dump:
    """Exports and imports all records; implements `monitor.store.protocol.Dump`."""

    def __init__(
        self,
        database: Database,
        word_cache: fulltext.WordCache,
        *,
        stories: Stories,
        leases: Leases,
        outbox: Outbox,
        settings: Settings,
        saved_searches: SavedSearches,
    ) -> None:
        self._database = database
        self._word_cache = word_cache
        self._stories = stories
        self._leases = leases
        self._outbox = outbox
        self._settings = settings
        self._saved_searches = saved_searches

    def dump(self) -> Iterator[Record]:
        for (story,) in self._rows_after(sql.DUMP_STORY_IDS, ("",)):
            yield StoryHistory(versions=tuple(self._stories.history(story)))
        for row in self._rows_after(sql.DUMP_HITS, ("", "", -1)):
            yield rows.hit(row)
        for row in self._rows_after(sql.DUMP_OUTBOX, ("", "", -1, "")):
            yield rows.outbox_record(row)
        for row in self._rows_after(sql.DUMP_FRONTIER, ("",)):
            yield rows.frontier_entry(row)
        for alias_id, story in self._rows_after(sql.DUMP_ALIASES, ("",)):
            yield UrlAlias(id=alias_id, story=story)
        yield from self._leases.outlets()
        yield from (Snooze(alert=alert, until=until) for alert, until in self._outbox.snoozes().items())
        yield from (Setting(key=key, value=value) for key, value in self._settings.settings().items())
        for row in self._rows_after(sql.DUMP_MARKS, ("", "", "")):
            yield mark(row)
        yield from self._saved_searches.saved_searches()

    def load(self, records: Sequence[Record]) -> int:
        from monitor.similarity import signature

        histories = [record.versions for record in records if isinstance(record, StoryHistory)]
        entries = [fulltext.build_index_entry(versions[-1]) for versions in histories]
        written = 0
        with self._database.write_transaction() as connection:
            writer = StoryWriter(connection, self._word_cache)
            for versions, entry in zip(histories, entries, strict=True):
                *earlier, latest = versions
                if latest.version > writer.stored_version_number(latest.id):
                    writer.put_story(latest, entry, signature(latest.text))
                    connection.executemany(
                        sql.PUT_EARLIER_VERSION, [(old.id, old.version, rows.pack_version(old)) for old in earlier]
                    )
                    written += 1
            writer.write_indexes()
            written += sum(_load_record(connection, record) for record in records)
        writer.cache_committed_words()
        return written

    def _rows_after(self, statement: str, after: _PrimaryKey) -> Iterator[rows.Row]:
        """Yields the rows whose primary key, their first columns, is greater than ``after``, in ascending order.

        Reads the rows in batches and holds no connection between two batches.
        """
        while True:
            with self._database.read_connection() as connection:
                batch = rows.fetch(connection, statement, (*after, DUMP_BATCH_ROWS))
            yield from batch
            if len(batch) < DUMP_BATCH_ROWS:
                return
            after = batch[-1][: len(after)]


def _load_record(connection: apsw.Connection, record: Record) -> bool:
    """Stores a record, other than a story history, if it is new or newer than the stored one.

    Returns True if the record was stored.
    """
    values: rows.Values
    match record:
        case StoryHistory():
            return False
        case Hit():
            statement, values = sql.LOAD_HIT, rows.hit_values(record)
        case OutboxRecord():
            statement = sql.LOAD_NOTIFICATION
            values = {**rows.notification_values(record.notification), "sent_at": maybe_micros(record.sent_at)}
        case FrontierEntry():
            statement, values = sql.LOAD_FRONTIER_ENTRY, rows.frontier_values(record)
        case UrlAlias():
            statement, values = sql.LOAD_ALIAS, {"id": record.id, "story": record.story}
        case OutletState():
            statement = sql.LOAD_OUTLET
            values = {
                "name": record.name,
                "next_poll_at": micros(record.next_poll_at),
                "state": rows.state_json(record),
            }
        case Snooze():
            statement, values = sql.LOAD_SNOOZE, {"alert": record.alert, "until": micros(record.until)}
        case Setting():
            statement, values = sql.LOAD_SETTING, {"key": record.key, "value": rows.json_text(record.value)}
        case Mark():
            statement, values = sql.LOAD_MARK, mark_values(record)
        case SavedSearch():
            statement, values = sql.LOAD_SAVED_SEARCH, saved_search_values(record)
        case _:
            assert_never(record)
    return bool(connection.execute(statement, values).get)
