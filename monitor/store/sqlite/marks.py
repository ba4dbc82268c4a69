"""The marks and saved searches of a SQLite store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from monitor.store.microseconds import from_micros, micros
from monitor.store.records import Mark, MarkKind, SavedSearch, TagCount
from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.store.sqlite.database import Database


class Marks:
    """Implements `monitor.store.protocol.Marks` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_marks(self, marks: Sequence[Mark]) -> int:
        with self._database.write_transaction() as connection:
            return sum(len(rows.fetch(connection, sql.PUT_MARK, mark_values(mark))) for mark in marks)

    def delete_mark(self, kind: MarkKind, story: str, key: str) -> bool:
        with self._database.write_transaction() as connection:
            return bool(rows.fetch(connection, sql.DELETE_MARK, (story, kind.value, rows.clean(key))))

    def marks(self, stories: Sequence[str], *, user: str) -> list[Mark]:
        with self._database.read_connection() as connection:
            found = rows.fetch(connection, sql.SELECT_MARKS_OF_STORIES, (rows.json_text(list(stories)), user))
        return [mark(row) for row in found]

    def marked_stories(self, kind: MarkKind, key: str, *, limit: int) -> list[str]:
        with self._database.read_connection() as connection:
            found = rows.fetch(connection, sql.SELECT_MARKED_STORIES, (kind.value, rows.clean(key), limit))
        return [story for (story,) in found]

    def tag_counts(self, *, limit: int) -> list[TagCount]:
        with self._database.read_connection() as connection:
            found = rows.fetch(connection, sql.COUNT_TAGS, (limit,))
        return [TagCount(key=key, name=name, count=count) for key, name, count in found]

    def count_marks(self) -> int:
        with self._database.read_connection() as connection:
            return int(connection.execute(sql.COUNT_MARKS).get)


class SavedSearches:
    """Implements `monitor.store.protocol.SavedSearches` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def saved_searches(self) -> list[SavedSearch]:
        with self._database.read_connection() as connection:
            return [saved_search(row) for row in rows.fetch(connection, sql.SELECT_SAVED_SEARCHES)]

    def put_search(self, search: SavedSearch) -> bool:
        values = saved_search_values(search)
        with self._database.write_transaction() as connection:
            if rows.fetch(connection, sql.SELECT_OTHER_SEARCH_OF_NAME, (values["name_key"], search.id)):
                return False
            connection.execute(sql.PUT_SAVED_SEARCH, values)
            return True

    def delete_search(self, identifier: str) -> bool:
        with self._database.write_transaction() as connection:
            return bool(rows.fetch(connection, sql.DELETE_SAVED_SEARCH, (identifier,)))


def mark_values(mark: Mark) -> rows.Values:
    return {
        "kind": mark.kind.value,
        "story": mark.story,
        "key": rows.clean(mark.key),
        "user": rows.clean(mark.user),
        "made_at": micros(mark.made_at),
        "text": rows.clean(mark.text),
        "version": mark.version,
    }


def mark(row: rows.Row) -> Mark:
    story, kind, key, user, made_at, text, version = row
    made_time = from_micros(made_at)
    return Mark(kind=MarkKind(kind), story=story, key=key, user=user, made_at=made_time, text=text, version=version)


def saved_search_values(search: SavedSearch) -> rows.Values:
    return {
        "id": search.id,
        "name_key": rows.clean(search.name_key),
        "name": rows.clean(search.name),
        "query": rows.clean(search.query),
        "filters": rows.json_text(search.filters),
        "created_by": rows.clean(search.created_by),
        "created_at": micros(search.created_at),
        "updated_at": micros(search.updated_at),
    }


def saved_search(row: rows.Row) -> SavedSearch:
    identifier, name, query, filters, created_by, created_at, updated_at = row
    return SavedSearch(
        id=identifier,
        name=name,
        query=query,
        filters={key: tuple(values) for key, values in orjson.loads(filters).items()},
        created_by=created_by,
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
    )
