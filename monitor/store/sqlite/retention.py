"""Finds and deletes expired stories and URLs in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.store import signature_index
from monitor.store.microseconds import from_micros, micros
from monitor.store.records import ExpiryKey
from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.store.records import StoryExpiry
    from monitor.store.sqlite.database import Database

SPACE_STEP_PAGES = 2000  # of 4 KiB, returned to the file system in one transaction
AUTO_VACUUM_INCREMENTAL = 2  # SQLite's number of this mode
_NEVER = -(1 << 62)  # microseconds since 1970, before all times


class Retention:
    """Deletes expired data in small transactions; implements `monitor.store.protocol.Retention`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expired_stories(self, expiry: StoryExpiry, *, after: ExpiryKey | None, limit: int) -> list[ExpiryKey]:
        parameters = {
            "unmatched": _micros_or_never(expiry.unmatched_before),
            "matched": _micros_or_never(expiry.matched_before),
            "topics": rows.json_text({topic: _micros_or_never(time) for topic, time in expiry.topics_before.items()}),
            "after_time": micros(after.first_seen_at) if after else _NEVER,
            "after_id": after.id if after else "",
            "limit": limit,
        }
        with self._database.read_connection() as connection:
            found = rows.fetch(connection, sql.SELECT_EXPIRED_STORIES, parameters)
        return [ExpiryKey(from_micros(first_seen_at), identifier) for first_seen_at, identifier in found]

    def drop_expired(self, expiry: StoryExpiry) -> int:  # noqa: ARG002  the store has no parts
        return 0

    def delete_stories(self, ids: Sequence[str]) -> int:
        deleted = 0
        with self._database.write_transaction() as connection:
            for story in ids:
                for sort_key, _ in rows.fetch(connection, sql.SELECT_SORT_KEY_AND_VERSION, (story,)):
                    connection.execute(sql.DELETE_STORY, (sort_key,))
                    connection.execute(sql.DELETE_STORY_FROM_FULLTEXT, (sort_key,))
                    connection.execute(sql.REMOVE_UNINDEXED_STORY, (sort_key,))
                    signature_index.drop(connection, sort_key)
                    deleted += 1
            for statement in sql.DELETE_RECORDS_OF_STORIES:
                connection.execute(statement, (rows.json_text(list(ids)),))
        return deleted

    def expired_findings(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        parameters: dict[str, str | int] = {"before": micros(before), "after": "", "limit": limit}
        while True:
            with self._database.read_connection() as connection:
                found = rows.fetch(connection, sql.SELECT_EXPIRED_FINDINGS, parameters)
            if not found:
                return
            ids = [str(identifier) for (identifier,) in found]
            yield ids
            parameters["after"] = ids[-1]

    def expired_urls(self, before: datetime, *, limit: int) -> Iterator[list[str]]:
        after = ""
        while True:
            with self._database.read_connection() as connection:
                found = rows.fetch(connection, sql.SELECT_EXPIRED_URLS, (after, micros(before), limit))
            if not found:
                return
            ids = [str(identifier) for (identifier,) in found]
            yield ids
            after = ids[-1]

    def delete_urls(self, ids: Sequence[str]) -> int:
        with self._database.write_transaction() as connection:
            connection.execute(sql.DELETE_ALIASES_OF_STORIES, (rows.json_text(list(ids)),))
            connection.execute(sql.DELETE_URLS, (rows.json_text(list(ids)),))
            return int(connection.changes())

    def give_back_space(self) -> bool:
        """See `Store.give_back_space`.  A file of an earlier version does so after `compact`."""
        with self._database.write_transaction() as connection:
            if connection.pragma("auto_vacuum") != AUTO_VACUUM_INCREMENTAL:
                return False
            connection.execute(f"PRAGMA incremental_vacuum({SPACE_STEP_PAGES})").fetchall()
            return bool(connection.pragma("freelist_count"))

    def compact(self) -> None:
        """Rewrites the whole file without free pages, so that later steps can return space."""
        self._database.compact()


def _micros_or_never(time: datetime | None) -> int:
    """Returns a time before which data expires; None, for data that never expires, is before all times."""
    return micros(time) if time is not None else _NEVER
