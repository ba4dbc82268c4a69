"""Searches a SQLite store: SQL finds stories, the query matcher verifies conditions that SQL cannot express.

A limit of CPU time stops searches that are too slow.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import apsw

from monitor.itertools_compat import batched
from monitor.store.microseconds import maybe_from_micros, micros
from monitor.store.records import SearchResult
from monitor.store.sqlite import facets, rows, sql
from monitor.store.sqlite.search_statement import (
    BATCH_STORIES,
    SearchStatement,
    build_search_statement,
    interrupt_after,
    search_time_limit,
    stories_by_sort_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node
    from monitor.store.records import DayCount, Facets, StorySelection
    from monitor.store.sqlite.database import Database

MAX_SEARCH_SECONDS = 1.0  # of CPU time, so that a search is not refused because other programs use the CPU
MAX_COUNT_SECONDS = 0.03  # of CPU time for counting all matches; then the total is unknown


class Search:
    """Finds stories by query; implements `monitor.store.protocol.Search`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
        selection: StorySelection | None = None,
    ) -> SearchResult:
        """See `Store.search`.  Raises StoreRefused if the search takes more than `MAX_SEARCH_SECONDS`.

        Raises StoreUnavailable while a migration is completing the index.
        """
        with self._database.read_snapshot() as connection, search_time_limit(connection, MAX_SEARCH_SECONDS):
            statement = build_search_statement(
                connection, query, now=now, since=since, before=before, selection=selection
            )
            if statement is None:
                return SearchResult(stories=(), total=0)
            sort_keys = statement.select_sort_keys(connection, relevance=relevance and statement.query.scored)
            if statement.is_exact:
                page = list(islice(sort_keys, offset, offset + limit))
                stories_by_key = stories_by_sort_key(connection, page)
                stories = [stories_by_key[sort_key] for sort_key in page]
            else:
                verified = islice(statement.verified_stories(connection, sort_keys), offset, offset + limit)
                stories = [story for _, story in verified]
            if len(stories) < limit and (stories or not offset):
                return SearchResult(stories=tuple(stories), total=offset + len(stories))
            total = _count_within_time_limit(connection, statement) if statement.is_exact else None
            return SearchResult(stories=tuple(stories), total=total)

    def facets(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> Facets:
        """See `Store.facets`.  Counts up to `MAX_FACET_STORIES`, and for `MAX_FACET_SECONDS`.

        Raises StoreRefused if finding the matches takes more than `MAX_SEARCH_SECONDS`.
        """
        with self._database.read_snapshot() as connection, search_time_limit(connection, MAX_SEARCH_SECONDS):
            statement = build_search_statement(
                connection, query, now=now, since=since, before=before, selection=selection
            )
            return facets.count_values(connection, statement, limit=limit)

    def daily_counts(
        self,
        query: Node | None,
        *,
        now: datetime,
        since: datetime | None = None,
        before: datetime | None = None,
        field: str | None = None,
        limit: int = 10,
        selection: StorySelection | None = None,
    ) -> list[DayCount]:
        """See `Store.daily_counts`.  Raises StoreRefused if counting takes more than `MAX_SEARCH_SECONDS`."""
        with self._database.read_snapshot() as connection, search_time_limit(connection, MAX_SEARCH_SECONDS):
            statement = build_search_statement(
                connection, query, now=now, since=since, before=before, selection=selection
            )
            return facets.count_by_day(connection, statement, field=field, limit=limit)

    def first_seen_at(self) -> datetime | None:
        """See `Store.first_seen_at`.  Reads one entry of an index."""
        with self._database.read_connection() as connection:
            ((first,),) = connection.execute(sql.SELECT_FIRST_SEEN)
        return maybe_from_micros(first)

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """See `Store.scan`.  Selects the stories that match the query first, then reads them batch by batch."""
        after = after or ""
        with self._database.read_connection() as connection:
            if query is None:
                oldest = micros(since) if since else -(1 << 63)
                yield from _stories_in_batches(connection, sql.SELECT_STORIES_AFTER_ID, after, (oldest,))
                return
            try:
                self._store_matching_ids(connection, query, now=now, since=since)
                yield from _stories_in_batches(connection, sql.SELECT_SCAN_MATCHES_AFTER_ID, after, ())
            finally:
                connection.execute(sql.DROP_SCAN_MATCH_TABLE)

    def _store_matching_ids(
        self, connection: apsw.Connection, query: Node, *, now: datetime, since: datetime | None
    ) -> None:
        """Stores the ids of all matching stories in the temporary table `scan_match`, which SQLite may move to disk."""
        connection.execute(sql.CREATE_SCAN_MATCH_TABLE)
        with connection:
            statement = build_search_statement(connection, query, now=now, since=since)
            if statement is None:
                return
            sort_keys = statement.select_sort_keys(connection, relevance=False)
            if not statement.is_exact:
                sort_keys = (sort_key for sort_key, _ in statement.verified_stories(connection, sort_keys))
            for batch in batched(sort_keys, BATCH_STORIES):
                connection.execute(sql.ADD_SCAN_MATCHES, (rows.json_text(batch),))


def _stories_in_batches(
    connection: apsw.Connection, statement: str, after: str, parameters: tuple[int, ...]
) -> Iterator[Story]:
    """Yields the stories that a statement selects with ids greater than ``after``, in order of id.

    Between two batches, no statement is open, so that other processes can write to the file.
    """
    while batch := connection.execute(statement, (after, *parameters, BATCH_STORIES)).fetchall():
        for row in batch:
            story = rows.story(row)
            after = story.id
            yield story


def _count_within_time_limit(connection: apsw.Connection, statement: SearchStatement) -> int | None:
    """Returns the number of stories that SQL finds, or None if counting takes more than `MAX_COUNT_SECONDS`."""
    try:
        with interrupt_after(connection, MAX_COUNT_SECONDS):
            return statement.count_stories(connection)
    except apsw.InterruptError:
        return None
