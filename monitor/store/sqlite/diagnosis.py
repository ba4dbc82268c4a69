"""Finds inconsistencies in a SQLite file, and repairs those that can be repaired without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.models import now
from monitor.plural import plural
from monitor.store.microseconds import micros
from monitor.store.records import Finding
from monitor.store.sqlite import sql
from monitor.store.sqlite.database import DAMAGE_HINT
from monitor.store.sqlite.reindex import index_unindexed_stories

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from monitor.store.sqlite.database import Database
    from monitor.store.sqlite.fulltext import WordCache

MAX_SHOWN_FAULTS = 5  # of SQLite's own checks


class Diagnosis:
    """Implements `monitor.store.protocol.Diagnosis` on one SQLite file."""

    def __init__(self, database: Database, word_cache: WordCache) -> None:
        self._database = database
        self._word_cache = word_cache

    def diagnose(self, *, repair: bool) -> Iterator[Finding]:
        with self._database.read_connection() as connection:
            yield _integrity(connection)
        with self._database.write_transaction() if repair else self._database.read_snapshot() as connection:
            findings = [
                _missing_index_entries(connection, repair=repair),
                _stale_index_entries(connection, repair=repair),
                _urls_of_lost_stories(connection, repair=repair),
                _orphans(connection, sql.COUNT_HITS_WITHOUT_STORY, "hit"),
                _orphans(connection, sql.COUNT_VERSIONS_WITHOUT_STORY, "version"),
                _orphans(connection, sql.COUNT_UNSENT_WITHOUT_STORY, "notification"),
                _orphans(connection, sql.COUNT_MARKS_WITHOUT_STORY, "mark"),
            ]
        yield from findings
        if repair:
            index_unindexed_stories(self._database, self._word_cache)


def _integrity(connection: apsw.Connection) -> Finding:
    faults = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MAX_SHOWN_FAULTS})")]
    if faults == ["ok"]:
        return Finding(text="the file is intact")
    return Finding(text=f"the file is damaged: {'; '.join(faults)}", remedy=DAMAGE_HINT)


def _missing_index_entries(connection: apsw.Connection, *, repair: bool) -> Finding:
    count = int(connection.execute(sql.COUNT_STORIES_WITHOUT_INDEX_ENTRY).get)
    if not count:
        return Finding(text="every story is in the index")
    if repair:
        connection.execute(sql.LIST_STORIES_WITHOUT_INDEX_ENTRY)
    stories = plural(count, "story is", "stories are")
    return Finding(text=f"{stories} missing in the index, so searches miss them", is_repairable=True)


def _stale_index_entries(connection: apsw.Connection, *, repair: bool) -> Finding:
    stale = [int(row[0]) for row in connection.execute(sql.SELECT_INDEX_ENTRIES_WITHOUT_STORY)]
    if not stale:
        return Finding(text="the index has no entry without a story")
    if repair:
        connection.executemany(sql.DELETE_STORY_FROM_FULLTEXT, [(sort_key,) for sort_key in stale])
    return Finding(text=f"the index has {plural(len(stale), 'entry', 'entries')} without a story", is_repairable=True)


def _urls_of_lost_stories(connection: apsw.Connection, *, repair: bool) -> Finding:
    """Finds URLs whose story was lost: hits, versions, marks or unsent notifications of it remain."""
    count = int(connection.execute(sql.COUNT_URLS_OF_LOST_STORIES).get)
    if not count:
        return Finding(text="no story of a known URL is lost")
    if repair:
        connection.execute(sql.FETCH_LOST_STORIES_AGAIN, (micros(now()),))
    text = f"{plural(count, 'URL')} of lost stories"
    return Finding(text=text, is_repairable=True)


def _orphans(connection: apsw.Connection, statement: str, name: str) -> Finding:
    count = int(connection.execute(statement).get)
    if not count:
        return Finding(text=f"no {name} of lost stories")
    return Finding(
        text=f"{plural(count, name)} of lost stories",
        remedy="kept; after a repair the next crawl fetches the stories whose URLs are known",
    )
