"""Searching: the index finds stories, the matcher verifies what SQL cannot decide, and a time limit ends both."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import apsw

from monitor.errors import StoreRefused
from monitor.itertools_compat import batched
from monitor.query.matcher import document, matches
from monitor.store.protocol import SearchResult
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.part import StorePart
from monitor.store.sqlite.positions import PositionMatcher
from monitor.store.sqlite.query_compiler import CompiledQuery, Verification, compile_query
from monitor.store.sqlite.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node

MAX_SEARCH_SECONDS = 1.0  # CPU seconds, so that a search is not refused because the machine is busy
MAX_COUNT_SECONDS = 0.03  # CPU seconds spent on the exact total
MAX_RANKED_MATCHES = 30_000  # of more matches, only the newest are ranked by relevance
MAX_SORT_KEY_LAG_MICROSECONDS = 24 * 3600 * 1_000_000  # of a story's sort key behind its time, see stories.py
FIRST_PAGE = 20  # stories
SCAN_BATCH = 200  # stories read at a time
INSTRUCTIONS_PER_CHECK = 2000  # of SQLite's virtual machine between two checks of the time limit: about 0.1 ms


@dataclass(frozen=True)
class _SearchStatement:
    """A compiled query with the variable parts of its SQL statements and their parameters."""

    query: CompiledQuery
    now: datetime
    where: str
    positions_match: str
    parameters: tuple[apsw.SQLiteValue, ...]

    def sort_keys(self, connection: apsw.Connection, *, relevance: bool) -> Iterator[int]:
        """Yields the sort keys of the stories found, the newest or most relevant first."""
        if self.query.match is None:
            statement = sql.NEWEST_WHERE
        elif self.where:
            statement = sql.BEST_MATCHES_WHERE if relevance else sql.NEWEST_MATCHES_WHERE
        else:
            statement = sql.BEST_MATCHES if relevance else sql.NEWEST_MATCHES
        parameters = self.parameters if not relevance else self._ranked_parameters(connection)
        for (sort_key,) in connection.execute(self._complete(statement), parameters):
            yield sort_key

    def _ranked_parameters(self, connection: apsw.Connection) -> tuple[apsw.SQLiteValue, ...]:
        """Returns the parameters, with a lower bound that leaves the newest `MAX_RANKED_MATCHES` matches."""
        match, low, high = self.parameters[:3]
        statement = sql.OLDEST_RANKED_MATCH.format(positions_match="true")
        oldest = rows.fetch(connection, statement, (match, low, high, MAX_RANKED_MATCHES))
        return (match, oldest[0][0] if oldest else low, *self.parameters[2:])

    def count(self, connection: apsw.Connection) -> int:
        """Returns the number of stories found."""
        if self.query.match is None:
            statement = sql.COUNT_WHERE
        else:
            statement = sql.COUNT_MATCHES_WHERE if self.where else sql.COUNT_MATCHES
        return int(connection.execute(self._complete(statement), self.parameters).get)

    def _complete(self, statement: str) -> str:
        return statement.format(where=self.where or "true", positions_match=self.positions_match)

    @property
    def is_exact(self) -> bool:
        """True if every story found matches."""
        return self.query.verification is not Verification.TEXT

    def verified(self, connection: apsw.Connection, sort_keys: Iterator[int]) -> Iterator[tuple[int, Story]]:
        """Yields the stories found that match, in the given order."""
        size = FIRST_PAGE  # larger batches follow
        while batch := list(islice(sort_keys, size)):
            stories = _stories(connection, batch)
            for sort_key in batch:
                analysed = document(stories[sort_key])
                if all(matches(node, analysed, self.now) for node in self.query.unverified):
                    yield sort_key, stories[sort_key]
            size = SCAN_BATCH


class Search(StorePart):
    """The search methods of the store's protocol."""

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
        """See `Store.search`.  Raises StoreRefused when the search takes too long."""
        with self.database.snapshot() as connection, _search_time_limit(connection, MAX_SEARCH_SECONDS):
            statement = _search_statement(connection, query, now=now, since=since)
            if statement is None:
                return SearchResult(stories=(), total=0)
            sort_keys = statement.sort_keys(connection, relevance=relevance and statement.query.scored)
            if statement.is_exact:
                page = list(islice(sort_keys, offset, offset + limit))
                stories_by_key = _stories(connection, page)
                stories = [stories_by_key[sort_key] for sort_key in page]
            else:
                verified = islice(statement.verified(connection, sort_keys), offset, offset + limit)
                stories = [story for _, story in verified]
            if len(stories) < limit and (stories or not offset):
                return SearchResult(stories=tuple(stories), total=offset + len(stories))
            total = _total(connection, statement) if statement.is_exact else None
            return SearchResult(stories=tuple(stories), total=total)

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """See `Store.scan`.  The set of matching stories is fixed at the start; each is read when it is yielded."""
        after = after or ""
        with self.database.read() as connection:
            if query is None:
                oldest = rows.micros(since) if since else -(1 << 63)
                yield from _stories_in_batches(connection, sql.STORIES_AFTER_ID, after, (oldest,))
                return
            try:
                self._collect_matches(connection, query, now=now, since=since)
                yield from _stories_in_batches(connection, sql.SCAN_MATCHES_AFTER_ID, after, ())
            finally:
                connection.execute(sql.DROP_SCAN_MATCHES)

    def _collect_matches(
        self, connection: apsw.Connection, query: Node, *, now: datetime, since: datetime | None
    ) -> None:
        """Writes the ids of all stories that match to a temporary table, which SQLite may move to disk."""
        connection.execute(sql.CREATE_SCAN_MATCHES)
        with connection:
            statement = _search_statement(connection, query, now=now, since=since)
            if statement is None:
                return
            sort_keys = statement.sort_keys(connection, relevance=False)
            if not statement.is_exact:
                sort_keys = (sort_key for sort_key, _ in statement.verified(connection, sort_keys))
            for batch in batched(sort_keys, SCAN_BATCH):
                connection.execute(sql.ADD_SCAN_MATCHES, (rows.json_text(batch),))


def _search_statement(
    connection: apsw.Connection, query: Node | None, *, now: datetime, since: datetime | None
) -> _SearchStatement | None:
    """Returns the statement that finds the stories of a query; None if no story can match."""
    compiled = CompiledQuery() if query is None else compile_query(query, Vocabulary(connection), now)
    if compiled.matches_nothing:
        return None
    low = max((rows.micros(bound) // 1000 for bound in (since, compiled.published_from) if bound), default=-(1 << 63))
    high = (1 << 63) - 1
    if compiled.published_before:
        high = (rows.micros(compiled.published_before) + MAX_SORT_KEY_LAG_MICROSECONDS) // 1000
    where = compiled.where
    parameters: list[apsw.SQLiteValue | object] = [low, high, *compiled.parameters]
    if since is not None:
        where = f"{where} AND {sql.SINCE}" if where else sql.SINCE
        parameters.append(rows.micros(since))
    if compiled.match is not None:
        parameters.insert(0, compiled.match)
    positions_match = "true"
    if compiled.verification is Verification.POSITIONS:
        positions_match = sql.POSITIONS_MATCH
        parameters.append(apsw.pyobject(PositionMatcher(compiled.unverified, compiled.phrases, now)))
    return _SearchStatement(
        query=compiled, now=now, where=where, positions_match=positions_match, parameters=tuple(parameters)
    )


def _stories(connection: apsw.Connection, sort_keys: Sequence[int]) -> dict[int, Story]:
    selected = connection.execute(sql.STORIES_BY_SORT_KEY, (rows.json_text(list(sort_keys)),))
    return dict(map(rows.sort_key_and_story, selected))


def _stories_in_batches(
    connection: apsw.Connection, statement: str, after: str, parameters: tuple[int, ...]
) -> Iterator[Story]:
    """Yields the stories whose id is greater than ``after``; between batches it holds no lock on the file."""
    while batch := connection.execute(statement, (after, *parameters, SCAN_BATCH)).fetchall():
        for row in batch:
            story = rows.story(row)
            after = story.id
            yield story


def _total(connection: apsw.Connection, statement: _SearchStatement) -> int | None:
    try:
        with _interrupted_after(connection, MAX_COUNT_SECONDS):
            return statement.count(connection)
    except apsw.InterruptError:
        return None


@contextmanager
def _search_time_limit(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    try:
        with _interrupted_after(connection, seconds):
            yield
    except apsw.InterruptError:
        raise StoreRefused(
            "the search took more than a second of computing and was stopped",
            hint="ask for rarer words, or only for what is new: --since 30d",
        ) from None


@contextmanager
def _interrupted_after(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Interrupts the connection after so many CPU seconds of this thread; may be nested."""
    deadline = time.thread_time() + seconds
    key = object()
    connection.set_progress_handler(lambda: time.thread_time() > deadline, INSTRUCTIONS_PER_CHECK, id=key)
    try:
        yield
    finally:
        connection.set_progress_handler(None, id=key)
