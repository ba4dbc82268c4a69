"""A whole store as records, and records into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from monitor.models import FrontierEntry, Hit, OutletState
from monitor.store.protocol import Alias, History, OutboxRecord, Setting, Snooze
from monitor.store.sqlite import fulltext, rows, sql
from monitor.store.sqlite.outbox import Outbox
from monitor.store.sqlite.outlets import Outlets
from monitor.store.sqlite.stories import Stories, StoryWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from monitor.store.protocol import Record

DUMP_BATCH = 500

_Key: TypeAlias = tuple[str | int, ...]


class Dump(Stories, Outlets, Outbox):
    """The copying methods of the store's protocol."""

    def dump(self) -> Iterator[Record]:
        for (story,) in self._rows(sql.DUMP_STORY_IDS, ("",)):
            yield History(versions=tuple(self.history(story)))
        for row in self._rows(sql.DUMP_HITS, ("", "", -1)):
            yield rows.hit(row)
        for row in self._rows(sql.DUMP_OUTBOX, ("", "", -1)):
            yield OutboxRecord(notification=rows.notification(row), sent_at=rows.maybe_time(row[-1]))
        for row in self._rows(sql.DUMP_FRONTIER, ("",)):
            yield rows.frontier_entry(row)
        for identity, story in self._rows(sql.DUMP_ALIASES, ("",)):
            yield Alias(id=identity, story=story)
        yield from self.outlets()
        yield from (Snooze(alert=alert, until=until) for alert, until in self.snoozes().items())
        yield from (Setting(key=key, value=value) for key, value in self.settings().items())

    def load(self, records: Sequence[Record]) -> int:
        from monitor.similarity import signature

        told = [record.versions for record in records if isinstance(record, History)]
        analysed = [fulltext.entry(versions[-1]) for versions in told]
        new = 0
        with self.database.write() as connection:
            writing = StoryWriter(connection, self._words)
            for versions, entry in zip(told, analysed, strict=True):
                *earlier, latest = versions
                if latest.version > writing.version(latest.id):
                    writing.story(latest, entry, signature(latest.text))
                    connection.executemany(sql.PUT_VERSION, [(old.id, old.version, rows.pack(old)) for old in earlier])
                    new += 1
            writing.finish()
            new += sum(_load(connection, record) for record in records)
        writing.committed()
        return new

    def _rows(self, statement: str, after: _Key) -> Iterator[rows.Row]:
        """All rows behind a key that they begin with, some at a time: between them nothing of the file is held."""
        while True:
            with self.database.read() as connection:
                found = rows.fetch(connection, statement, (*after, DUMP_BATCH))
            yield from found
            if len(found) < DUMP_BATCH:
                return
            after = found[-1][: len(after)]


def _load(connection: apsw.Connection, record: Record) -> bool:
    """Writes one record that is no story; whether it was new."""
    values: rows.Row
    match record:
        case History():
            return False
        case Hit():
            statement, values = sql.LOAD_HIT, rows.hit_row(record)
        case OutboxRecord():
            statement, values = (
                sql.LOAD_NOTIFICATION,
                (*rows.notification_row(record.notification), rows.maybe_micros(record.sent_at)),
            )
        case FrontierEntry():
            statement, values = sql.LOAD_FRONTIER_ENTRY, rows.frontier_row(record)
        case Alias():
            statement, values = sql.LOAD_ALIAS, (record.id, record.story)
        case OutletState():
            statement = sql.LOAD_OUTLET
            values = (record.name, rows.micros(record.next_poll_at), rows.state_json(record))
        case Snooze():
            statement, values = sql.LOAD_SNOOZE, (record.alert, rows.micros(record.until))
        case Setting():
            statement, values = sql.LOAD_SETTING, (record.key, rows.json(record.value))
        case _:
            assert_never(record)
    return bool(connection.execute(statement, values).get)
