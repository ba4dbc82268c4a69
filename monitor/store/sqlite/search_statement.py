"""Builds the statements that find the stories of a query, and limits their CPU time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import apsw

from monitor.errors import StoreRefused
from monitor.query.matcher import analysed_story, matches
from monitor.store.microseconds import micros
from monitor.store.sqlite import rows, sql
from monitor.store.sqlite.clauses import Verification
from monitor.store.sqlite.positions import PositionMatcher
from monitor.store.sqlite.query_compiler import CompiledQuery, compile_query
from monitor.store.sqlite.reindex import require_complete_index
from monitor.store.sqlite.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from monitor.models import Story
    from monitor.query.syntax import Node
    from monitor.store.records import StorySelection

MAX_RANKED_MATCHES = 30_000  # only so many of the newest matches are ranked by relevance
# By how much a story's sort key may exceed its time, because the sort key of that time was used (see _free_sort_key).
MAX_SORT_KEY_EXCESS_MICROSECONDS = 24 * 3600 * 1_000_000
FIRST_BATCH_STORIES = 20  # stories verified before the first is yielded; about a page
BATCH_STORIES = 200  # stories read in one statement
INSTRUCTIONS_PER_TIME_CHECK = 2000  # of SQLite's virtual machine, about 0.1 ms, between two checks of the time limit


@dataclass(frozen=True)
class SearchStatement:
    """A compiled query with the parts that complete the statements of `sql`, and their parameters."""

    query: CompiledQuery
    now: datetime
    where: str  # condition on the columns of `story`; "" if there is none
    positions_match: str  # POSITIONS_MATCH_CONDITION or "true"
    parameters: tuple[apsw.SQLiteValue, ...]
    is_ranked_completely: bool = False  # few stories can match, so that relevance may order all of them

    def select_sort_keys(self, connection: apsw.Connection, *, relevance: bool) -> Iterator[int]:
        """Yields the sort keys of the stories that SQL finds, the newest first, or the most relevant if asked for."""
        if self.query.match is None:
            statement = sql.SELECT_NEWEST_STORIES_WHERE
        elif self.where:
            statement = sql.SELECT_BEST_MATCHES_WHERE if relevance else sql.SELECT_NEWEST_MATCHES_WHERE
        else:
            statement = sql.SELECT_BEST_MATCHES if relevance else sql.SELECT_NEWEST_MATCHES
        is_limited = relevance and not self.is_ranked_completely
        parameters = self._ranked_parameters(connection) if is_limited else self.parameters
        for (sort_key,) in connection.execute(self.complete_sql(statement), parameters):
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
        return int(connection.execute(self.complete_sql(statement), self.parameters).get)

    def complete_sql(self, statement: str, *, column: str = "") -> str:
        """Returns a statement of `sql` with ``{where}``, ``{positions_match}`` and ``{column}`` filled in."""
        return statement.format(where=self.where or "true", positions_match=self.positions_match, column=column)

    @property
    def is_exact(self) -> bool:
        """True if every story that SQL finds matches the query, so that no text must be verified."""
        return self.query.verification is not Verification.TEXT

    def verified_stories(self, connection: apsw.Connection, sort_keys: Iterator[int]) -> Iterator[tuple[int, Story]]:
        """Yields (sort key, story) for the stories with these sort keys whose text matches, in the given order."""
        size = FIRST_BATCH_STORIES  # small, so that the first page is complete soon; larger batches follow
        while batch := list(islice(sort_keys, size)):
            stories = stories_by_sort_key(connection, batch)
            for sort_key in batch:
                analysed = analysed_story(stories[sort_key])
                if all(matches(node, analysed, self.now) for node in self.query.unverified):
                    yield sort_key, stories[sort_key]
            size = BATCH_STORIES


def build_search_statement(
    connection: apsw.Connection,
    query: Node | None,
    *,
    now: datetime,
    since: datetime | None,
    before: datetime | None = None,
    selection: StorySelection | None = None,
) -> SearchStatement | None:
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
    ends = [micros(bound) for bound in (before, compiled.published_before) if bound]
    if ends:
        high = (min(ends) + MAX_SORT_KEY_EXCESS_MICROSECONDS) // 1000
    selected = {
        condition: _sort_keys(connection, ids)
        for condition, ids in (
            (sql.ONLY_CONDITION, selection.only if selection else None),
            (sql.WITHOUT_CONDITION, selection.without if selection and selection.without else None),
        )
        if ids is not None
    }
    if (only := selected.get(sql.ONLY_CONDITION)) is not None:
        if not only:
            return None
        low, high = max(low, min(only)), min(high, max(only))
    conditions = [compiled.where] if compiled.where else []
    parameters: list[apsw.SQLiteValue | object] = [low, high, *compiled.parameters]
    for condition, bound in ((sql.SINCE_CONDITION, since), (sql.BEFORE_CONDITION, before)):
        if bound is not None:
            conditions.append(condition)
            parameters.append(micros(bound))
    sort_key = sql.SORT_KEY_OF_STORY if compiled.match is None else sql.SORT_KEY_OF_MATCH
    for condition, sort_keys in selected.items():
        conditions.append(condition.format(sort_key=sort_key))
        parameters.append(rows.json_text(sort_keys))
    if compiled.match is not None:
        parameters.insert(0, compiled.match)
    positions_match = "true"
    if compiled.verification is Verification.POSITIONS:
        positions_match = sql.POSITIONS_MATCH_CONDITION
        parameters.append(apsw.pyobject(PositionMatcher(compiled.unverified, compiled.phrases, now)))
    return SearchStatement(
        query=compiled,
        now=now,
        where=" AND ".join(conditions),
        positions_match=positions_match,
        parameters=tuple(parameters),
        is_ranked_completely=only is not None,
    )


def _sort_keys(connection: apsw.Connection, ids: Iterable[str]) -> list[int]:
    """Returns the sort keys of the stored ones of these stories."""
    return [sort_key for (sort_key,) in rows.fetch(connection, sql.SELECT_SORT_KEYS, (rows.json_text([*ids]),))]


def stories_by_sort_key(connection: apsw.Connection, sort_keys: Sequence[int]) -> dict[int, Story]:
    """Returns the stories with these sort keys, in a dict by sort key."""
    selected = connection.execute(sql.SELECT_STORIES_BY_SORT_KEY, (rows.json_text(list(sort_keys)),))
    return dict(map(rows.sort_key_and_story, selected))


@contextmanager
def search_time_limit(connection: apsw.Connection, seconds: float) -> Iterator[None]:
    """Raises StoreRefused if the block uses more CPU seconds than the limit."""
    try:
        with interrupt_after(connection, seconds):
            yield
    except apsw.InterruptError:
        raise StoreRefused(
            "the search took more than a second of computing and was stopped",
            hint="ask for rarer words, or only for what is new: --since 30d",
        ) from None


@contextmanager
def interrupt_after(connection: apsw.Connection, seconds: float) -> Iterator[None]:
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
