"""Searches a SQLite store: SQL finds stories, the query matcher verifies conditions that SQL cannot express.

A limit of CPU time stops searches that are too slow.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import apsw

from monitor.errors import StoreRefused
from monitor.itertools_compat import batched
from monitor.query.matcher import analysed_story, matches
from monitor.store.microseconds import micros
from monitor.store.protocol import SearchResult
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.positions import PositionMatcher
from monitor.store.sqlite.query_compiler import CompiledQuery, Verification, compile_query
from monitor.store.sqlite.reindex import require_complete_index
from monitor.store.sqlite.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node
    from monitor.store.sqlite.database import Database

MAX_SEARCH_SECONDS = 1.0  # of CPU time, so that a search is not refused because other programs use the CPU
MAX_COUNT_SECONDS = 0.03  # of CPU time for counting all matches; then the total is unknown
MAX_RANKED_MATCHES = 30_000  # only so many of the newest matches are ranked by relevance
# By how much a story's sort key may exceed its time, because the sort key of that time was used (see _free_sort_key).
MAX_SORT_KEY_EXCESS_MICROSECONDS = 24 * 3600 * 1_000_000
FIRST_BATCH_STORIES = 20  # stories verified before the first is yielded; about a page
BATCH_STORIES = 200  # stories read in one statement
INSTRUCTIONS_PER_TIME_CHECK = 2000  # of SQLite's virtual machine, about 0.1 ms, between two checks of the time limit


@dataclass(frozen=True)
class _SearchStatement:
    """A compiled query with the parts that complete the statements of `sql`, and their parameters."""

    query: CompiledQuery
    now: datetime
    where: str  # condition on the columns of `story`; "" if there is none
    positions_match: str  # POSITIONS_MATCH_CONDITION or "true"
    parameters: tuple[apsw.SQLiteValue, ...]

    def select_sort_keys(self, connection: apsw.Connection, *, relevance: bool) -> Iterator[int]:
        """Yields the sort keys of the stories that SQL finds, the newest first, or the most relevant if asked for."""
        if self.query.match is None:
            statement = sql.SELECT_NEWEST_STORIES_WHERE
        elif self.where:
            statement = sql.SELECT_BEST_MATCHES_WHERE if relevance else sql.SELECT_NEWEST_MATCHES_WHERE
        else:
            statement = sql.SELECT_BEST_MATCHES if relevance else sql.SELECT_NEWEST_MATCHES
        parameters = self.parameters if not relevance else self._ranked_parameters(connection)
        for (sort_key,) in connection.execute(self._complete_sql(statement), parameters):
            yield sort_key

    def _ranked_parameters(self, connection: apsw.Connection) -> tuple[apsw.SQLiteValue, ...]:
        """Returns the parameters with the lower bound of the sort key raised to leave `MAX_RANKED_MATCHES` matches."""
        match, low, high = self.parameters[:3]
        statement = sql.SELECT_OLDEST_RANKED_MATCH.format(positions_match="true")
        oldest = rows.fetch(connection, statement, (match, low, high, MAX_RANKED_MATCHES))
        return (match, oldest[0][0] if oldest else low, *self.parameters[2:])

    def count_stories(self, connection: apsw.Connection) -> int:
        """Returns the number of stories that SQL finds."""
        if self.query.match is None:
            statement = sql.COUNT_STORIES_WHERE
        else:
            statement = sql.COUNT_MATCHES_WHERE if self.where else sql.COUNT_MATCHES
        return int(connection.execute(self._complete_sql(statement), self.parameters).get)

    def _complete_sql(self, statement: str) -> str:
        """Returns a statement of `sql` with its conditions ``{where}`` and ``{positions_match}`` filled in."""
        return statement.format(where=self.where or "true", positions_match=self.positions_match)

    @property
    def is_exact(self) -> bool:
        """True if every story that SQL finds matches the query, so that no text must be verified."""
        return self.query.verification is not Verification.TEXT

    def verified_stories(self, connection: apsw.Connection, sort_keys: Iterator[int]) -> Iterator[tuple[int, Story]]:
        """Yields (sort key, story) for the stories with these sort keys whose text matches, in the given order."""
        size = FIRST_BATCH_STORIES  # small, so that the first page is complete soon; larger batches follow
        while batch := list(islice(sort_keys, size)):
            stories = _stories_by_sort_key(connection, batch)
            for sort_key in batch:
                analysed = analysed_story(stories[sort_key])
                if all(matches(node, analysed, self.now) for node in self.query.unverified):
                    yield sort_key, stories[sort_key]
            size = BATCH_STORIES


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
        limit: int = 20,
        offset: int = 0,
        relevance: bool = False,
    ) -> SearchResult:
        """See `Store.search`.  Raises StoreRefused if the search takes more than `MAX_SEARCH_SECONDS`.

        Raises StoreUnavailable while a migration is completing the index.
        """
        with self._database.read_snapshot() as connection, _search_time_limit(connection, MAX_SEARCH_SECONDS):
            statement = _build_search_statement(connection, query, now=now, since=since)
            if statement is None:
                return SearchResult(stories=(), total=0)
            sort_keys = statement.select_sort_keys(connection, relevance=relevance and statement.query.scored)
            if statement.is_exact:
                page = list(islice(sort_keys, offset, offset + limit))
                stories_by_key = _stories_by_sort_key(connection, page)
                stories = [stories_by_key[sort_key] for sort_key in page]
            else:
                verified = islice(statement.verified_stories(connection, sort_keys), offset, offset + limit)
                stories = [story for _, story in verified]
            if len(stories) < limit and (stories or not offset):
                return SearchResult(stories=tuple(stories), total=offset + len(stories))
            total = _count_within_time_limit(connection, statement) if statement.is_exact else None
            return SearchResult(stories=tuple(stories), total=total)

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
            statement = _build_search_statement(connection, query, now=now, since=since)
            if statement is None:
                return
            sort_keys = statement.select_sort_keys(connection, relevance=False)
            if not statement.is_exact:
                sort_keys = (sort_key for sort_key, _ in statement.verified_stories(connection, sort_keys))
            for batch in batched(sort_keys, BATCH_STORIES):
                connection.execute(sql.ADD_SCAN_MATCHES, (rows.json_text(batch),))


def _build_search_statement(
    connection: apsw.Connection, query: Node | None, *, now: datetime, since: datetime | None
) -> _SearchStatement | None:
    """Compiles a query (None: all stories) and returns its statement, or None if no story can match.

    Raises StoreUnavailable if the query needs an index that a migration is still completing.
    """
    if query is not None:
        require_complete_index(connection)
    compiled = CompiledQuery() if query is None else compile_query(query, Vocabulary(connection), now)
    if compiled.matches_nothing:
        return None
    low = max((micros(bound) // 1000 for bound in (since, compiled.published_from) if bound), default=-(1 << 63))
    high = (1 << 63) - 1
    if compiled.published_before:
        high = (micros(compiled.published_before) + MAX_SORT_KEY_EXCESS_MICROSECONDS) // 1000
    where = compiled.where
    parameters: list[apsw.SQLiteValue | object] = [low, high, *compiled.parameters]
    if since is not None:
        where = f"{where} AND {sql.SINCE_CONDITION}" if where else sql.SINCE_CONDITION
        parameters.append(micros(since))
    if compiled.match is not None:
        parameters.insert(0, compiled.match)
    positions_match = "true"
    if compiled.verification is Verification.POSITIONS:
        positions_match = sql.POSITIONS_MATCH_CONDITION
        parameters.append(apsw.pyobject(PositionMatcher(compiled.unverified, compiled.phrases, now)))
    return _SearchStatement(
        query=compiled, now=now, where=where, positions_match=positions_match, parameters=tuple(parameters)
    )


def _stories_by_sort_key(connection: apsw.Connection, sort_keys: Sequence[int]) -> dict[int, Story]:
    """Returns the stories with these sort keys, in a dict by sort key."""
    selected = connection.execute(sql.SELECT_STORIES_BY_SORT_KEY, (rows.json_text(list(sort_keys)),))
    return dict(map(rows.sort_key_and_story, selected))


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


def _count_within_time_limit(connection: apsw.Connection, statement: _SearchStatement) -> int | None:
    """Returns the number of stories that SQL finds, or None if counting takes more than `MAX_COUNT_SECONDS`."""
    try:
        with _interrupt_after(connection, MAX_COUNT_SECONDS):
            return statement.count_stories(connection)
    except apsw.InterruptError:
        return None


@contextmanager
def _search_time_limit(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Raises StoreRefused if the block uses more CPU seconds than the limit."""
    try:
        with _interrupt_after(connection, seconds):
            yield
    except apsw.InterruptError:
        raise StoreRefused(
            "the search took more than a second of computing and was stopped",
            hint="ask for rarer words, or only for what is new: --since 30d",
        ) from None


@contextmanager
def _interrupt_after(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Makes statements raise apsw.InterruptError after this thread has used that many CPU seconds in the block.

    Blocks may be nested.
    """
    deadline = time.thread_time() + seconds
    key = object()
    connection.set_progress_handler(lambda: time.thread_time() > deadline, INSTRUCTIONS_PER_TIME_CHECK, id=key)
    try:
        yield
    finally:
        connection.set_progress_handler(None, id=key)
