"""Counts the values and days of the stories that a statement finds."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import orjson

from monitor.store.facet_counts import day_counts, most_frequent
from monitor.store.records import FACET_FIELDS, DayCount, Facets
from monitor.store.sqlite import rows, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from monitor.models import Story
    from monitor.store.sqlite.search_statement import SearchStatement

MAX_FACET_SECONDS = 0.1  # of CPU time for counting values; then only the newest matches are counted
MAX_FACET_STORIES = 30_000  # matches whose values are counted, the newest
BATCH_ROWS = 250  # rows of matches that are counted before the time is checked
EPOCH = date(1970, 1, 1)
MILLISECONDS_PER_DAY = 24 * 3600 * 1000
LIST_COLUMNS = frozenset({"topics", "alerts", "authors"})  # a JSON list of values

_ColumnValue: TypeAlias = "str | None"


def count_values(connection: apsw.Connection, statement: SearchStatement | None, *, limit: int) -> Facets:
    """Returns the most frequent values of the matches; of the newest ones beyond one of the limits above."""
    counts: dict[str, Counter[str]] = {field: Counter() for field in FACET_FIELDS}
    counted, is_complete = 0, True
    if statement is not None:
        matches = _facet_rows(connection, statement)
        deadline = time.thread_time() + MAX_FACET_SECONDS
        while batch := list(islice(matches, BATCH_ROWS)):
            counted += len(batch)
            for (field, name), column in zip(FACET_FIELDS.items(), zip(*batch, strict=True), strict=True):
                counts[field].update(_value_counts(name, Counter(column).items()))
            if counted >= MAX_FACET_STORIES or time.thread_time() > deadline:
                is_complete = next(matches, None) is None
                break
    values = {field: most_frequent(of_field, limit) for field, of_field in counts.items()}
    return Facets(values=values, counted=counted, is_complete=is_complete)


def count_by_day(
    connection: apsw.Connection, statement: SearchStatement | None, *, field: str | None, limit: int
) -> list[DayCount]:
    """Returns the number of matches by day, and with ``field`` by its most frequent values."""
    counts: Counter[tuple[date, str]] = Counter()
    if statement is not None:
        column = FACET_FIELDS[field] if field else None
        for day, value, count in _daily_rows(connection, statement, column):
            of_day = _value_counts(column, [(value, count)]) if column else {"": count}
            for single, number in of_day.items():
                counts[EPOCH + timedelta(days=day), single] += number
    return day_counts(counts, limit=limit)


def _facet_rows(connection: apsw.Connection, statement: SearchStatement) -> Iterator[tuple[_ColumnValue, ...]]:
    """Yields the columns of `FACET_FIELDS` of the matching stories, the newest first."""
    if statement.is_exact:
        select = sql.SELECT_FACETS if statement.query.match is None else sql.SELECT_FACETS_OF_MATCHES
        yield from connection.execute(statement.complete_sql(select), statement.parameters)
        return
    sort_keys = statement.select_sort_keys(connection, relevance=False)
    for _, story in statement.verified_stories(connection, sort_keys):
        yield tuple(_column_value(story, column) for column in FACET_FIELDS.values())


def _daily_rows(
    connection: apsw.Connection, statement: SearchStatement, column: str | None
) -> Iterator[tuple[int, _ColumnValue, int]]:
    """Yields (day since 1970, value of the column or "", number of matching stories)."""
    if not statement.is_exact:
        sort_keys = statement.select_sort_keys(connection, relevance=False)
        for sort_key, story in statement.verified_stories(connection, sort_keys):
            yield sort_key // MILLISECONDS_PER_DAY, _column_value(story, column) if column else "", 1
        return
    has_match = statement.query.match is not None
    if column is not None:
        select = sql.COUNT_MATCHES_BY_DAY_AND_VALUE if has_match else sql.COUNT_STORIES_BY_DAY_AND_VALUE
        yield from rows.fetch(connection, statement.complete_sql(select, column=column), statement.parameters)
        return
    by_day = sql.COUNT_MATCHES_WHERE_BY_DAY if statement.where else sql.COUNT_MATCHES_BY_DAY
    select = by_day if has_match else sql.COUNT_STORIES_BY_DAY
    for day, count in rows.fetch(connection, statement.complete_sql(select), statement.parameters):
        yield day, "", count


def _column_value(story: Story, column: str) -> _ColumnValue:
    """Returns the value of a column as the table has it."""
    value = getattr(story, column)
    return rows.json_text(value) if column in LIST_COLUMNS else value


def _value_counts(column: str, counts: Iterable[tuple[_ColumnValue, int]]) -> Counter[str]:
    """Returns the counts of single values, from those of a column, which may hold a JSON list."""
    by_value: Counter[str] = Counter()
    for value, count in counts:
        if value is None:
            continue
        for single in set(orjson.loads(value)) if column in LIST_COLUMNS else (value,):
            by_value[single] += count
    return by_value
