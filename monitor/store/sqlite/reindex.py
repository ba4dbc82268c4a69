"""Indexes stored stories again after a migration that changed the full-text index.

A migration is an SQL script, which cannot analyse a story.  It lists the stories in the table `unindexed_story`; until
all of them are indexed again, `require_complete_index` refuses searches, which would miss some of them.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from monitor.errors import StoreUnavailable
from monitor.plural import plural
from monitor.store.sqlite import fulltext, rows, sql

if TYPE_CHECKING:
    import apsw

    from monitor.store.sqlite.database import Database

log = logging.getLogger(__name__)

BATCH_STORIES = 100  # in one transaction; between two transactions, other processes can write
PROGRESS_INTERVAL_SECONDS = 10.0  # between two log lines


def index_unindexed_stories(database: Database, word_cache: fulltext.WordCache) -> None:
    """Indexes the stories in `unindexed_story` again; logs the progress.

    One transaction indexes a batch of stories and removes them from the list, so after a kill the next call continues.
    Several processes may do this at the same time.  Raises StoreUnavailable or StoreRefused.
    """
    with database.read_connection() as connection:
        total = _count_unindexed(connection)
    if not total:
        return
    log.warning("indexing %s again, because an update changed the index", plural(total, "story", "stories"))
    next_line_at = time.monotonic() + PROGRESS_INTERVAL_SECONDS
    while _index_batch(database, word_cache):
        if time.monotonic() >= next_line_at:
            with database.read_connection() as connection:
                left = _count_unindexed(connection)
            log.warning("%s of %s indexed again", f"{total - left:,}", plural(total, "story", "stories"))
            next_line_at = time.monotonic() + PROGRESS_INTERVAL_SECONDS
    log.warning("the index is complete again")


def require_complete_index(connection: apsw.Connection) -> None:
    """Raises StoreUnavailable if stories are left to be indexed again, which a search would miss."""
    if left := _count_unindexed(connection):
        raise StoreUnavailable(
            f"a migration is under way: {plural(left, 'story is', 'stories are')} not indexed yet",
            hint="`media-monitor setup` finishes it",
        )


def _count_unindexed(connection: apsw.Connection) -> int:
    return int(connection.execute(sql.COUNT_UNINDEXED_STORIES).get)


def _index_batch(database: Database, word_cache: fulltext.WordCache) -> bool:
    """Indexes up to `BATCH_STORIES` stories again.  Returns False if none was left."""
    with database.read_connection() as connection:
        selected = rows.fetch(connection, sql.SELECT_UNINDEXED_STORIES, (BATCH_STORIES,))
    stories = dict(map(rows.sort_key_and_story, selected))
    entries = {sort_key: fulltext.build_index_entry(story) for sort_key, story in stories.items()}
    with database.write_transaction() as connection:
        # Leaves out stories that another process has indexed or replaced by a new version meanwhile.
        listed = rows.fetch(connection, sql.REMOVE_UNINDEXED_STORIES, (rows.json_text([*entries]),))
        listed_entries = {sort_key: entries[sort_key] for (sort_key,) in listed}
        fulltext.index_stories(connection, listed_entries, word_cache)
    word_cache.add_words(listed_entries.values())
    return bool(selected)
