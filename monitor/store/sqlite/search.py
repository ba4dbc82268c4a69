"""Searching: a plan's candidates from the index, the matcher for what SQL cannot say, a limit to all of it."""

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
from monitor.store.sqlite.query_compiler import Check, CompiledQuery
from monitor.store.sqlite.query_compiler import compile as compile_query
from monitor.store.sqlite.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node

MAX_SEARCH_SECONDS = 1.0  # seconds of computing, so that a busy machine refuses nothing
MAX_COUNT_SECONDS = 0.03  # seconds of computing that the exact total is worth
MAX_RANKED_MATCHES = 30_000  # of more matches the newest are ranked: what is older is hardly what one looks for
MOVED_AT_MOST = 24 * 3600 * 1_000_000  # microseconds a story's place may lie behind its time, see stories.py
SCAN_BATCH = 200  # stories read at a time
STEPS_BETWEEN_LOOKS = 2000  # of SQLite's virtual machine: some 0.1 ms


@dataclass(frozen=True)
class _SearchStatement:
    """A search as it is run: its statements' variable parts and their parameters."""

    plan: CompiledQuery
    now: datetime
    where: str
    positions_match: str
    parameters: tuple[apsw.SQLiteValue, ...]

    def moments(self, connection: apsw.Connection, *, relevance: bool) -> Iterator[int]:
        """The candidates, newest or most relevant first."""
        if self.plan.match is None:
            statement = sql.NEWEST_WHERE
        elif self.where:
            statement = sql.BEST_MATCHES_WHERE if relevance else sql.NEWEST_MATCHES_WHERE
        else:
            statement = sql.BEST_MATCHES if relevance else sql.NEWEST_MATCHES
        parameters = self.parameters if not relevance else self._ranked(connection)
        for (moment,) in connection.execute(self._filled(statement), parameters):
            yield moment

    def _ranked(self, connection: apsw.Connection) -> tuple[apsw.SQLiteValue, ...]:
        """The parameters for no more than the newest `MAX_RANKED_MATCHES` matches."""
        match, low, high = self.parameters[:3]
        found = rows.fetch(
            connection, sql.OLDEST_RANKED_MATCH.format(positions_match="true"), (match, low, high, MAX_RANKED_MATCHES)
        )
        return (match, found[0][0] if found else low, *self.parameters[2:])

    def count(self, connection: apsw.Connection) -> int:
        """How many candidates there are."""
        if self.plan.match is None:
            statement = sql.COUNT_WHERE
        else:
            statement = sql.COUNT_MATCHES_WHERE if self.where else sql.COUNT_MATCHES
        return int(connection.execute(self._filled(statement), self.parameters).get)

    def _filled(self, statement: str) -> str:
        return statement.format(where=self.where or "true", positions_match=self.positions_match)

    @property
    def sure(self) -> bool:
        """Whether all candidates match."""
        return self.plan.check is not Check.TEXT

    def matching(self, connection: apsw.Connection, moments: Iterator[int]) -> Iterator[tuple[int, Story]]:
        """The candidates that match, as they come."""
        size = 20  # the first page first, then in larger steps
        while chunk := list(islice(moments, size)):
            found = _read(connection, chunk)
            for moment in chunk:
                story = document(found[moment])
                if all(matches(node, story, self.now) for node in self.plan.unsure):
                    yield moment, found[moment]
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
        """See `Store.search`.  Raises StoreRefused where it takes too long."""
        with self.database.snapshot() as connection, _limited(connection, MAX_SEARCH_SECONDS):
            wanted = _wanted(connection, query, now=now, since=since)
            if wanted is None:
                return SearchResult(stories=(), total=0)
            moments = wanted.moments(connection, relevance=relevance and wanted.plan.scored)
            if wanted.sure:
                page = list(islice(moments, offset, offset + limit))
                found = _read(connection, page)
                stories = [found[moment] for moment in page]
            else:
                matching = islice(wanted.matching(connection, moments), offset, offset + limit)
                stories = [story for _, story in matching]
            if len(stories) < limit and (stories or not offset):
                return SearchResult(stories=tuple(stories), total=offset + len(stories))
            total = _total(connection, wanted) if wanted.sure else None
            return SearchResult(stories=tuple(stories), total=total)

    def scan(
        self,
        query: Node | None = None,
        *,
        now: datetime,
        since: datetime | None = None,
        after: str | None = None,
    ) -> Iterator[Story]:
        """See `Store.scan`; the stories that match are those at its beginning, as they are when they come."""
        after = after or ""
        with self.database.read() as connection:
            if query is None:
                oldest = rows.micros(since) if since else -(1 << 63)
                yield from _batches(connection, sql.STORIES_AFTER_ID, after, (oldest,))
                return
            try:
                self._collect(connection, query, now=now, since=since)
                yield from _batches(connection, sql.SCAN_MATCHES_AFTER_ID, after, ())
            finally:
                connection.execute(sql.DROP_SCAN_MATCHES)

    def _collect(self, connection: apsw.Connection, query: Node, *, now: datetime, since: datetime | None) -> None:
        """Writes the ids of all stories that match to a table of this connection's own, on disk if need be."""
        connection.execute(sql.CREATE_SCAN_MATCHES)
        with connection:
            wanted = _wanted(connection, query, now=now, since=since)
            if wanted is None:
                return
            moments = wanted.moments(connection, relevance=False)
            if not wanted.sure:
                moments = (moment for moment, _ in wanted.matching(connection, moments))
            for some in batched(moments, SCAN_BATCH):
                connection.execute(sql.ADD_SCAN_MATCHES, (rows.json(some),))


def _wanted(
    connection: apsw.Connection, query: Node | None, *, now: datetime, since: datetime | None
) -> _SearchStatement | None:
    """How to find the stories that match; None where there is none."""
    plan = CompiledQuery() if query is None else compile_query(query, Vocabulary(connection), now)
    if plan.never:
        return None
    lowest = max((rows.micros(bound) // 1000 for bound in (since, plan.low) if bound), default=-(1 << 63))
    highest = (rows.micros(plan.high) + MOVED_AT_MOST) // 1000 if plan.high else (1 << 63) - 1
    where = plan.where
    parameters: list[apsw.SQLiteValue | object] = [lowest, highest, *plan.parameters]
    if since is not None:
        where = f"{where} AND {sql.SINCE}" if where else sql.SINCE
        parameters.append(rows.micros(since))
    if plan.match is not None:
        parameters.insert(0, plan.match)
    places = "true"
    if plan.check is Check.POSITIONS:
        places = sql.POSITIONS_MATCH
        parameters.append(apsw.pyobject(PositionMatcher(plan.unsure, plan.asked, now)))
    return _SearchStatement(plan=plan, now=now, where=where, positions_match=places, parameters=tuple(parameters))


def _read(connection: apsw.Connection, moments: Sequence[int]) -> dict[int, Story]:
    return {row[0]: rows.story(row) for row in connection.execute(sql.STORIES_BY_SORT_KEY, (rows.json(list(moments)),))}


def _batches(connection: apsw.Connection, statement: str, after: str, parameters: tuple[int, ...]) -> Iterator[Story]:
    """All rows behind ``after``, some at a time: between them nothing of the file is held."""
    while found := connection.execute(statement, (after, *parameters, SCAN_BATCH)).fetchall():
        for row in found:
            story = rows.story(row)
            after = story.id
            yield story


def _total(connection: apsw.Connection, wanted: _SearchStatement) -> int | None:
    try:
        with _stopping(connection, MAX_COUNT_SECONDS):
            return wanted.count(connection)
    except apsw.InterruptError:
        return None


@contextmanager
def _limited(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    try:
        with _stopping(connection, seconds):
            yield
    except apsw.InterruptError:
        raise StoreRefused(
            "the search took more than a second of computing and was stopped",
            hint="ask for rarer words, or only for what is new: --since 30d",
        ) from None


@contextmanager
def _stopping(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Interrupts what the connection does after so many seconds of computing in this thread; may be nested."""
    deadline = time.thread_time() + seconds
    key = object()
    connection.set_progress_handler(lambda: time.thread_time() > deadline, STEPS_BETWEEN_LOOKS, id=key)
    try:
        yield
    finally:
        connection.set_progress_handler(None, id=key)
