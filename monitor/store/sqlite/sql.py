"""The SQL statements of the SQLite store; the scripts in migrations/ create the tables."""

# ruff: noqa: S608, SIM905  statements interpolate constants only; one string of column names is easier to read

from __future__ import annotations

from monitor.store.records import FACET_FIELDS
from monitor.store.sqlite.field_columns import FULLTEXT_COLUMNS

STORY_COLUMNS = (
    "sort_key id url outlet title first_seen_at fetched_at updated_at published_at modified_at authors language "
    "country section tags image word_count topics alerts cluster version method flags text_size text"
).split()
FRONTIER_COLUMNS = (
    "id outlet url source title published_at language first_seen_at next_at attempts rechecks story etag last_modified "
    "guid summary fetch_url other_sources disposition kind detail settled_at"
).split()
HIT_COLUMNS = "alert story version outlet title url matched_at published_at language context".split()
OUTBOX_COLUMNS = "alert story version channel targets due_at created_at attempts message_id error".split()
STORED_URL_COLUMNS = "id source other_sources disposition".split()
MARK_COLUMNS = "story kind key user made_at text version".split()  # the first three are the primary key
SAVED_SEARCH_COLUMNS = "id name query filters created_by created_at updated_at".split()
OUTLET_COLUMNS = "name next_poll_at holder lease_until fencing_token state".split()


def _named_parameters(columns: list[str]) -> str:
    """Returns a parameter for each column, named after the column and separated by commas."""
    return ", ".join(f":{column}" for column in columns)


def _columns_and_parameters(columns: list[str]) -> str:
    """Returns "(columns) VALUES (named parameters)" for an INSERT statement."""
    return f"({', '.join(columns)}) VALUES ({_named_parameters(columns)})"


_STORY_COLUMN_LIST = ", ".join(f"story.{column}" for column in STORY_COLUMNS)
_FRONTIER_COLUMN_LIST = ", ".join(FRONTIER_COLUMNS)
_HIT_COLUMN_LIST = ", ".join(HIT_COLUMNS)
_OUTBOX_COLUMN_LIST = ", ".join(OUTBOX_COLUMNS)
_OUTLET_COLUMN_LIST = ", ".join(OUTLET_COLUMNS)

# ---- stories

SELECT_STORIES_BY_ID = f"SELECT {_STORY_COLUMN_LIST} FROM story WHERE id IN (SELECT value FROM json_each(?))"
SELECT_STORIES_BY_SORT_KEY = (
    f"SELECT {_STORY_COLUMN_LIST} FROM story WHERE sort_key IN (SELECT value FROM json_each(?))"
)
SELECT_STORIES_AFTER_ID = f"""
SELECT {_STORY_COLUMN_LIST} FROM story WHERE id > ? AND coalesce(published_at, first_seen_at) >= ? ORDER BY id LIMIT ?
"""
SELECT_STORIES_OF_CLUSTER = f"SELECT {_STORY_COLUMN_LIST} FROM story WHERE cluster = ? ORDER BY sort_key LIMIT ?"
SELECT_SORT_KEY_AND_VERSION = "SELECT sort_key, version FROM story WHERE id = ?"
COUNT_STORIES = "SELECT count(*) FROM story"
INSERT_STORY = f"INSERT INTO story {_columns_and_parameters(STORY_COLUMNS)}"
DELETE_STORY = "DELETE FROM story WHERE sort_key = ?"
SELECT_SORT_KEY_IS_TAKEN = "SELECT 1 FROM story WHERE sort_key = ?"
#: Selects the lowest unused sort key from ?1 + 1 to ?1 + 999, given that ?1 itself is used; no row if none is unused.
SELECT_NEXT_FREE_SORT_KEY = """
SELECT sort_key + 1 FROM story AS taken WHERE sort_key BETWEEN ?1 AND ?1 + 998
AND NOT EXISTS (SELECT 1 FROM story WHERE sort_key = taken.sort_key + 1) ORDER BY sort_key LIMIT 1
"""
PUT_EARLIER_VERSION = "INSERT OR REPLACE INTO version (story, version, data) VALUES (?, ?, ?)"
SELECT_EARLIER_VERSIONS = "SELECT data FROM version WHERE story = ? ORDER BY version"

# ---- the full-text index

_FULLTEXT_COLUMN_LIST = ", ".join(("rowid", *FULLTEXT_COLUMNS, "field_values"))
ADD_STORY_TO_FULLTEXT = f"""
INSERT OR REPLACE INTO fulltext ({_FULLTEXT_COLUMN_LIST}) VALUES (?, ?{", ?" * len(FULLTEXT_COLUMNS)})
"""
DELETE_STORY_FROM_FULLTEXT = "DELETE FROM fulltext WHERE rowid = ?"
COUNT_UNINDEXED_STORIES = "SELECT count(*) FROM unindexed_story"
SELECT_UNINDEXED_STORIES = f"""
SELECT {_STORY_COLUMN_LIST} FROM unindexed_story JOIN story USING (sort_key) ORDER BY story.sort_key LIMIT ?
"""
REMOVE_UNINDEXED_STORIES = """
DELETE FROM unindexed_story WHERE sort_key IN (SELECT value FROM json_each(?)) RETURNING sort_key
"""
REMOVE_UNINDEXED_STORY = "DELETE FROM unindexed_story WHERE sort_key = ?"
ADD_WORD = "INSERT INTO word (exact, raw, stem) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_SELECT_WORDS = "SELECT exact, raw, stem FROM word WHERE"
SELECT_WORDS_BY_EXACT_FORM = f"{_SELECT_WORDS} exact = ?"
SELECT_WORDS_BY_RAW_FORM = f"{_SELECT_WORDS} exact = ? AND raw = ?"
SELECT_INFLECTED_WORDS = f"""
{_SELECT_WORDS} exact = ?1
UNION {_SELECT_WORDS} stem <> '' AND stem IN (SELECT value FROM json_each(?2))
UNION {_SELECT_WORDS} stem = '' AND exact IN (SELECT value FROM json_each(?2))
"""
SELECT_WORDS_BETWEEN = f"{_SELECT_WORDS} exact >= ? AND exact < ? LIMIT ?"
SELECT_WORDS_BY_EXACT_GLOB = f"{_SELECT_WORDS} exact >= ? AND exact < ? AND covers(?, exact) LIMIT ?"
SELECT_WORDS_BY_RAW_GLOB = f"""
{_SELECT_WORDS} exact >= ? AND exact < ? AND covers(?, iif(raw = '', exact, raw)) LIMIT ?
"""
#: Selects each character that follows the prefix ?1 in a word of the index; one index lookup finds each character.
SELECT_NEXT_CHARACTERS = """
WITH RECURSIVE following (character) AS (
  SELECT (SELECT substr(exact, length(?1) + 1, 1) FROM word WHERE exact > ?1 ORDER BY exact LIMIT 1)
  UNION ALL
  SELECT (
    SELECT substr(exact, length(?1) + 1, 1) FROM word
    WHERE exact >= ?1 || char(unicode(character) + 1) AND exact < ?1 || char(0x10ffff) ORDER BY exact LIMIT 1
  ) FROM following WHERE character IS NOT NULL
)
SELECT character FROM following WHERE character IS NOT NULL
"""
SELECT_WORDS_BY_EXACT_FORMS = f"{_SELECT_WORDS} exact IN (SELECT value FROM json_each(?))"
SELECT_EXACT_FORMS_BY_LENGTH = """
SELECT group_concat(exact, ?1) FROM (SELECT DISTINCT exact FROM word WHERE length(exact) BETWEEN ?2 AND ?3)
"""
SELECT_RAW_FORMS_BY_LENGTH = """
SELECT group_concat(raw, ?1) FROM (SELECT DISTINCT iif(raw = '', exact, raw) AS raw FROM word)
WHERE length(raw) BETWEEN ?2 AND ?3
"""

# ---- searching: the condition of a compiled query replaces {where}, POSITIONS_MATCH_CONDITION or "true" replaces
# {positions_match}

_FROM_INDEX = "FROM fulltext WHERE fulltext MATCH ? AND fulltext.rowid BETWEEN ? AND ? AND {positions_match}"
_FROM_INDEX_AND_STORY = """
FROM fulltext CROSS JOIN story ON story.sort_key = fulltext.rowid
WHERE fulltext MATCH ? AND fulltext.rowid BETWEEN ? AND ? AND {where} AND {positions_match}
"""
_FROM_STORY = "FROM story WHERE story.sort_key BETWEEN ? AND ? AND {where}"
SELECT_NEWEST_MATCHES = f"SELECT fulltext.rowid {_FROM_INDEX} ORDER BY fulltext.rowid DESC"
SELECT_NEWEST_MATCHES_WHERE = f"SELECT fulltext.rowid {_FROM_INDEX_AND_STORY} ORDER BY fulltext.rowid DESC"
SELECT_BEST_MATCHES = f"SELECT fulltext.rowid {_FROM_INDEX} ORDER BY rank, fulltext.rowid DESC"
SELECT_BEST_MATCHES_WHERE = f"SELECT fulltext.rowid {_FROM_INDEX_AND_STORY} ORDER BY rank, fulltext.rowid DESC"
SELECT_NEWEST_STORIES_WHERE = f"SELECT story.sort_key {_FROM_STORY} ORDER BY story.sort_key DESC"
#: Selects the sort key of the oldest match that is still ranked by relevance (see MAX_RANKED_MATCHES in search.py).
SELECT_OLDEST_RANKED_MATCH = f"{SELECT_NEWEST_MATCHES} LIMIT 1 OFFSET ?"
COUNT_MATCHES = f"SELECT count(*) {_FROM_INDEX}"
COUNT_MATCHES_WHERE = f"SELECT count(*) {_FROM_INDEX_AND_STORY}"
COUNT_STORIES_WHERE = f"SELECT count(*) {_FROM_STORY}"
#: Selects the columns of FACET_FIELDS of the matches, the newest first.
_FACET_COLUMN_LIST = ", ".join(f"story.{column}" for column in FACET_FIELDS.values())
SELECT_FACETS_OF_MATCHES = f"SELECT {_FACET_COLUMN_LIST} {_FROM_INDEX_AND_STORY} ORDER BY fulltext.rowid DESC"
SELECT_FACETS = f"SELECT {_FACET_COLUMN_LIST} {_FROM_STORY} ORDER BY story.sort_key DESC"
#: Counts the matches by day; a column of FACET_FIELDS replaces {column}.  Sort keys are milliseconds.
COUNT_MATCHES_BY_DAY = f"SELECT fulltext.rowid / 86400000, count(*) {_FROM_INDEX} GROUP BY 1"
COUNT_MATCHES_WHERE_BY_DAY = f"SELECT fulltext.rowid / 86400000, count(*) {_FROM_INDEX_AND_STORY} GROUP BY 1"
COUNT_STORIES_BY_DAY = f"SELECT story.sort_key / 86400000, count(*) {_FROM_STORY} GROUP BY 1"
COUNT_MATCHES_BY_DAY_AND_VALUE = (
    f"SELECT fulltext.rowid / 86400000, story.{{column}}, count(*) {_FROM_INDEX_AND_STORY} GROUP BY 1, 2"
)
COUNT_STORIES_BY_DAY_AND_VALUE = (
    f"SELECT story.sort_key / 86400000, story.{{column}}, count(*) {_FROM_STORY} GROUP BY 1, 2"
)
SELECT_FIRST_SEEN = "SELECT min(first_seen_at) FROM story"
POSITIONS_MATCH_CONDITION = "positions_match(fulltext, ?)"  # the parameter is a PositionMatcher of positions.py
SINCE_CONDITION = "coalesce(story.published_at, story.first_seen_at) >= ?"
BEFORE_CONDITION = "coalesce(story.published_at, story.first_seen_at) < ?"
SELECT_SORT_KEYS = "SELECT sort_key FROM story WHERE id IN (SELECT value FROM json_each(?))"
#: Of a JSON list of sort keys.  FTS5 would search the index for each key that it is given; + makes SQLite compare
#: the rows that match, before it reads their stories.
ONLY_CONDITION = "{sort_key} IN (SELECT value FROM json_each(?))"
WITHOUT_CONDITION = "{sort_key} NOT IN (SELECT value FROM json_each(?))"
SORT_KEY_OF_STORY, SORT_KEY_OF_MATCH = "story.sort_key", "+fulltext.rowid"
CREATE_SCAN_MATCH_TABLE = "CREATE TEMP TABLE scan_match (id TEXT PRIMARY KEY) WITHOUT ROWID"
ADD_SCAN_MATCHES = """
INSERT OR IGNORE INTO temp.scan_match SELECT id FROM story WHERE sort_key IN (SELECT value FROM json_each(?))
"""
SELECT_SCAN_MATCHES_AFTER_ID = f"""
SELECT {_STORY_COLUMN_LIST} FROM story
WHERE id IN (SELECT id FROM temp.scan_match WHERE id > ? ORDER BY id LIMIT ?) ORDER BY id
"""
DROP_SCAN_MATCH_TABLE = "DROP TABLE IF EXISTS temp.scan_match"

# ---- hits

PUT_HIT = f"INSERT OR REPLACE INTO hit {_columns_and_parameters(HIT_COLUMNS)}"
SELECT_HITS = f"SELECT {_HIT_COLUMN_LIST} FROM hit WHERE matched_at >= ? ORDER BY matched_at DESC LIMIT ?"
SELECT_HITS_OF_ALERT = (
    f"SELECT {_HIT_COLUMN_LIST} FROM hit WHERE alert = ? AND matched_at >= ? ORDER BY matched_at DESC LIMIT ?"
)

# ---- the crawl frontier

#: Selects the STORED_URL_COLUMNS of each stored URL, aliases first; an alias has only its id.
SELECT_STORED_URLS = f"""
SELECT id, NULL, '[]', NULL FROM alias WHERE id IN (SELECT value FROM json_each(?1)) UNION ALL
SELECT {", ".join(STORED_URL_COLUMNS)} FROM frontier WHERE id IN (SELECT value FROM json_each(?1))
"""
SELECT_URLS_OF_ENTRIES = "SELECT url FROM frontier WHERE id IN (SELECT value FROM json_each(?1))"
#: Adds no entry for a URL that has an entry or is an alias.  An entry whose URL was dropped
#: before its first fetch is replaced.
ADD_FRONTIER_ENTRY = f"""
INSERT INTO frontier ({_FRONTIER_COLUMN_LIST}) SELECT {_named_parameters(FRONTIER_COLUMNS)}
WHERE NOT EXISTS (SELECT 1 FROM alias WHERE id = :id)
ON CONFLICT DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in FRONTIER_COLUMNS)}
WHERE frontier.disposition = 'dropped' AND excluded.disposition IS NULL
RETURNING 1
"""
SET_OTHER_SOURCES = "UPDATE frontier SET other_sources = :other_sources WHERE id = :id"
#: An entry without a story does not replace an entry with a story, which another process has written.
PUT_FRONTIER_ENTRY = f"""
INSERT INTO frontier {_columns_and_parameters(FRONTIER_COLUMNS)}
ON CONFLICT DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in FRONTIER_COLUMNS)}
WHERE excluded.story IS NOT NULL OR frontier.story IS NULL
"""
SELECT_DUE_ENTRIES = f"""
SELECT {_FRONTIER_COLUMN_LIST} FROM frontier
WHERE outlet = :outlet AND next_at <= :now OR outlet = :outlet AND next_at > :latest
ORDER BY disposition IS NOT NULL, iif(disposition IS NULL, -first_seen_at, next_at),
  iif(disposition IS NULL, -ifnull(published_at, 0), 0), id
LIMIT :limit
"""
SELECT_NEXT_FETCH_TIME = (
    "SELECT min(next_at) FROM frontier WHERE outlet = :outlet AND next_at > :now AND next_at <= :latest"
)
SELECT_FRONTIER_ENTRIES = f"SELECT {_FRONTIER_COLUMN_LIST} FROM frontier WHERE id IN (SELECT value FROM json_each(?))"
SELECT_ENTRIES_WITH_GUID = (
    f"SELECT {_FRONTIER_COLUMN_LIST} FROM frontier WHERE outlet = ? AND guid = ? AND guid <> '' AND source = ? "
    "ORDER BY first_seen_at, id LIMIT ?"
)
SELECT_ALIASES = "SELECT id, story FROM alias WHERE id IN (SELECT value FROM json_each(?))"
SELECT_RECENT_ENTRIES = (
    f"SELECT {_FRONTIER_COLUMN_LIST} FROM frontier WHERE outlet = ? AND source <> '' "
    "ORDER BY first_seen_at DESC, id LIMIT ?"
)
#: Counts the listed URLs of an outlet by day, disposition and kind.
COUNT_COVERAGE = """
SELECT outlet, first_seen_at / 86400000000 AS day, disposition, kind, sum(next_at IS NOT NULL), count(*)
FROM frontier WHERE outlet = ?1 AND first_seen_at >= ?2 AND source <> '' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
COUNT_SOURCE_COVERAGE = """
WITH listed AS (
  SELECT id, source, other_sources FROM frontier
  WHERE outlet = ?1 AND first_seen_at >= ?2 AND source <> '' AND disposition IS NOT 'dropped'
)
SELECT source, count(*), sum(is_alone) FROM (
  SELECT source, other_sources = '[]' AS is_alone FROM listed
  UNION ALL SELECT value, 0 FROM listed, json_each(other_sources)
) GROUP BY 1 ORDER BY 1
"""
PUT_ALIAS = "INSERT OR REPLACE INTO alias (id, story) VALUES (?, ?)"
#: Finishes the frontier entry of an alias URL if no story is stored for the entry, so that the URL is not fetched.
FINISH_ALIAS_ENTRY = """
UPDATE frontier SET next_at = NULL, story = ?, disposition = ?, kind = '', detail = ''
WHERE id = ? AND story IS NULL
"""

# ---- outlets

SELECT_OUTLETS = f"SELECT {_OUTLET_COLUMN_LIST} FROM outlet ORDER BY name"
SELECT_NAMED_OUTLETS = (
    f"SELECT {_OUTLET_COLUMN_LIST} FROM outlet WHERE name IN (SELECT value FROM json_each(?)) ORDER BY name"
)
ADD_OUTLETS = """
INSERT INTO outlet (name, next_poll_at, fencing_token, state) SELECT value, ?2, '', ?3 FROM json_each(?1) WHERE true
ON CONFLICT DO NOTHING
"""
_LEASE = "UPDATE outlet SET holder = :holder, lease_until = :until, fencing_token = lower(hex(randomblob(8)))"
_IS_FREE = "(holder IS NULL OR lease_until <= :now OR lease_until > :latest)"
LEASE_OUTLETS = f"""
{_LEASE}
WHERE name IN (
  SELECT name FROM outlet WHERE name IN (SELECT value FROM json_each(:names))
  AND {_IS_FREE} AND (next_poll_at <= :now OR NOT :due_only)
  ORDER BY next_poll_at, name LIMIT :limit
)
RETURNING {_OUTLET_COLUMN_LIST}
"""
_DUE_OUTLETS = f"""
outlet WHERE next_poll_at <= :now AND {_IS_FREE} AND name NOT IN (SELECT value FROM json_each(:excluded))
"""
SELECT_ONE_DUE_OUTLET = f"SELECT 1 FROM {_DUE_OUTLETS} LIMIT 1"
LEASE_DUE_OUTLETS = f"""
{_LEASE}
WHERE name IN (SELECT name FROM {_DUE_OUTLETS} ORDER BY next_poll_at, name LIMIT :limit)
RETURNING {_OUTLET_COLUMN_LIST}
"""
RENEW_LEASE = "UPDATE outlet SET lease_until = ? WHERE name = ? AND fencing_token = ? AND holder = ? RETURNING 1"
RELEASE_LEASE = """
UPDATE outlet SET next_poll_at = ?, state = ?, holder = NULL, lease_until = NULL WHERE name = ? AND fencing_token = ?
RETURNING 1
"""

MAKE_OUTLET_DUE = """
UPDATE outlet SET next_poll_at = min(next_poll_at, ?) WHERE name = ? AND (holder IS NULL OR lease_until <= ?)
RETURNING 1
"""

# ---- the outbox

_NOTIFICATION_KEY_CONDITION = "alert = :alert AND story = :story AND version = :version AND channel = :channel"
ADD_NOTIFICATION = f"INSERT INTO outbox {_columns_and_parameters(OUTBOX_COLUMNS)} ON CONFLICT DO NOTHING"
CLAIM_NOTIFICATIONS = f"""
UPDATE outbox SET holder = :holder, claimed_until = :until
WHERE (alert, story, version, channel) IN (
  SELECT alert, story, version, channel FROM outbox
  WHERE (sent_at IS NULL AND due_at <= :now OR sent_at IS NULL AND due_at > :latest_due)
  AND (holder IS NULL OR claimed_until <= :now OR claimed_until > :latest_claim)
  AND channel IN (SELECT value FROM json_each(:channels))
  AND alert NOT IN (SELECT alert FROM snooze WHERE until > :now)
  ORDER BY due_at, created_at LIMIT :limit
)
RETURNING {_OUTBOX_COLUMN_LIST}
"""
COUNT_DUE_BY_CHANNEL = """
SELECT channel, count(*) FROM outbox WHERE sent_at IS NULL AND due_at <= ? OR sent_at IS NULL AND due_at > ?
GROUP BY channel
"""
SELECT_CLAIM_HOLDERS = "SELECT DISTINCT holder FROM outbox WHERE sent_at IS NULL AND holder IS NOT NULL"
RELEASE_CLAIMS_OF_HOLDER = """
UPDATE outbox SET holder = NULL, claimed_until = NULL WHERE sent_at IS NULL AND holder = ? RETURNING 1
"""
ASSIGN_MESSAGE_ID = f"""
UPDATE outbox SET message_id = :message_id WHERE {_NOTIFICATION_KEY_CONDITION} AND holder = :holder AND sent_at IS NULL
RETURNING 1
"""
MARK_NOTIFICATION_SENT = f"""
UPDATE outbox SET sent_at = :sent_at, holder = NULL, claimed_until = NULL
WHERE {_NOTIFICATION_KEY_CONDITION} AND sent_at IS NULL
"""
POSTPONE_NOTIFICATION = f"""
UPDATE outbox SET targets = :targets, due_at = :due_at, attempts = :attempts, message_id = :message_id, error = :error,
holder = NULL, claimed_until = NULL
WHERE {_NOTIFICATION_KEY_CONDITION} AND sent_at IS NULL AND (holder IS NULL OR holder = :holder)
"""
SELECT_UNSENT_NOTIFICATIONS = (
    f"SELECT {_OUTBOX_COLUMN_LIST} FROM outbox WHERE sent_at IS NULL ORDER BY due_at, created_at LIMIT ?"
)
SELECT_STORY_NOTIFICATIONS = f"""
SELECT {_OUTBOX_COLUMN_LIST}, sent_at FROM outbox WHERE story = ? ORDER BY alert, story, version, channel
"""
PUT_SNOOZE = "INSERT OR REPLACE INTO snooze (alert, until) VALUES (?, ?)"
DELETE_SNOOZE = "DELETE FROM snooze WHERE alert = ?"
SELECT_SNOOZES = "SELECT alert, until FROM snooze"

# ---- settings

PUT_SETTING = "INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)"
DELETE_SETTING = "DELETE FROM setting WHERE key = ?"
SELECT_SETTING = "SELECT value FROM setting WHERE key = ?"
SELECT_SETTINGS_BY_PREFIX = "SELECT key, value FROM setting WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key"

# ---- marks and saved searches

_MARK_COLUMN_LIST = ", ".join(MARK_COLUMNS)
_SAVED_SEARCH_COLUMN_LIST = ", ".join(SAVED_SEARCH_COLUMNS)
PUT_MARK = f"""
INSERT OR REPLACE INTO mark ({_MARK_COLUMN_LIST}) SELECT {_named_parameters(MARK_COLUMNS)}
WHERE EXISTS (SELECT 1 FROM story WHERE id = :story) RETURNING 1
"""
DELETE_MARK = "DELETE FROM mark WHERE story = ? AND kind = ? AND key = ? RETURNING 1"
SELECT_MARKS_OF_STORIES = f"""
SELECT {_MARK_COLUMN_LIST} FROM mark
WHERE story IN (SELECT value FROM json_each(?1)) AND (kind IN ('tag', 'note') OR key = ?2)
ORDER BY made_at, kind, story, key
"""
SELECT_MARKED_STORIES = """
SELECT story FROM mark WHERE kind = ? AND key = ? ORDER BY made_at DESC, story DESC LIMIT ?
"""
COUNT_TAGS = """
SELECT key, (SELECT text FROM mark WHERE kind = 'tag' AND key = counts.key ORDER BY made_at DESC LIMIT 1), count
FROM (
  SELECT key, count(*) AS count FROM mark WHERE kind = 'tag' GROUP BY key ORDER BY count DESC, key LIMIT ?
) AS counts
ORDER BY count DESC, key
"""
COUNT_MARKS = "SELECT count(*) FROM mark"
SELECT_SAVED_SEARCHES = f"SELECT {_SAVED_SEARCH_COLUMN_LIST} FROM saved_search ORDER BY name_key"
SELECT_OTHER_SEARCH_OF_NAME = "SELECT 1 FROM saved_search WHERE name_key = ? AND id <> ?"
PUT_SAVED_SEARCH = f"INSERT OR REPLACE INTO saved_search {_columns_and_parameters([*SAVED_SEARCH_COLUMNS, 'name_key'])}"
DELETE_SAVED_SEARCH = "DELETE FROM saved_search WHERE id = ? RETURNING 1"

# ---- copying: each DUMP statement selects a batch of rows in order of their primary key, after the last key read

DUMP_STORY_IDS = "SELECT id FROM story WHERE id > ? ORDER BY id LIMIT ?"
DUMP_HITS = f"SELECT {_HIT_COLUMN_LIST} FROM hit WHERE (alert, story, version) > (?, ?, ?) ORDER BY 1, 2, 3 LIMIT ?"
DUMP_OUTBOX = f"""
SELECT {_OUTBOX_COLUMN_LIST}, sent_at FROM outbox WHERE (alert, story, version, channel) > (?, ?, ?, ?)
ORDER BY 1, 2, 3, 4 LIMIT ?
"""
DUMP_FRONTIER = f"SELECT {_FRONTIER_COLUMN_LIST} FROM frontier WHERE id > ? ORDER BY id LIMIT ?"
DUMP_ALIASES = "SELECT id, story FROM alias WHERE id > ? ORDER BY id LIMIT ?"
LOAD_NOTIFICATION = f"""
INSERT INTO outbox {_columns_and_parameters([*OUTBOX_COLUMNS, "sent_at"])}
ON CONFLICT DO UPDATE SET sent_at = excluded.sent_at WHERE sent_at IS NULL AND excluded.sent_at IS NOT NULL
RETURNING 1
"""
LOAD_OUTLET = """
INSERT INTO outlet (name, next_poll_at, fencing_token, state) VALUES (:name, :next_poll_at, '', :state)
ON CONFLICT DO UPDATE SET next_poll_at = excluded.next_poll_at, state = excluded.state
WHERE holder IS NULL
    AND ifnull(excluded.state ->> 'last_poll_at', '') > ifnull(outlet.state ->> 'last_poll_at', '')
RETURNING 1
"""
LOAD_FRONTIER_ENTRY = f"""
INSERT INTO frontier {_columns_and_parameters(FRONTIER_COLUMNS)} ON CONFLICT DO NOTHING RETURNING 1
"""
LOAD_ALIAS = "INSERT INTO alias (id, story) VALUES (:id, :story) ON CONFLICT DO NOTHING RETURNING 1"
LOAD_HIT = f"INSERT INTO hit {_columns_and_parameters(HIT_COLUMNS)} ON CONFLICT DO NOTHING RETURNING 1"
LOAD_SNOOZE = "INSERT INTO snooze (alert, until) VALUES (:alert, :until) ON CONFLICT DO NOTHING RETURNING 1"
LOAD_SETTING = "INSERT INTO setting (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING RETURNING 1"
DUMP_MARKS = f"""
SELECT {_MARK_COLUMN_LIST} FROM mark WHERE (story, kind, key) > (?, ?, ?)
ORDER BY 1, 2, 3 LIMIT ?
"""
LOAD_MARK = f"INSERT INTO mark {_columns_and_parameters(MARK_COLUMNS)} ON CONFLICT DO NOTHING RETURNING 1"
LOAD_SAVED_SEARCH = f"""
INSERT INTO saved_search {_columns_and_parameters([*SAVED_SEARCH_COLUMNS, "name_key"])}
ON CONFLICT DO NOTHING RETURNING 1
"""

# ---- retention

SELECT_EXPIRED_STORIES = """
SELECT first_seen_at, id FROM story
WHERE first_seen_at < max(:unmatched, :matched)
  AND first_seen_at < iif(alerts = '[]', :unmatched, :matched)
  AND first_seen_at >= :after_time AND (first_seen_at, id) > (:after_time, :after_id)
  AND NOT EXISTS (
    SELECT 1 FROM json_each(story.topics) AS own JOIN json_each(:topics) AS kept ON kept.key = own.value
    WHERE story.first_seen_at >= kept.value
  )
  AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.story = story.id AND sent_at IS NULL)
ORDER BY first_seen_at, id LIMIT :limit
"""
#: Each takes a JSON list of story ids.  Hits are found by alert and story, so the second one lists all alerts first.
DELETE_RECORDS_OF_STORIES = (
    "DELETE FROM version WHERE story IN (SELECT value FROM json_each(?))",
    """
WITH RECURSIVE alerts (name) AS (
  SELECT min(alert) FROM hit
  UNION ALL SELECT (SELECT min(alert) FROM hit WHERE alert > name) FROM alerts WHERE name IS NOT NULL
)
DELETE FROM hit WHERE alert IN (SELECT name FROM alerts) AND story IN (SELECT value FROM json_each(?))
""",
    "DELETE FROM outbox WHERE story IN (SELECT value FROM json_each(?))",
    "DELETE FROM mark WHERE story IN (SELECT value FROM json_each(?))",
)
#: A hit or notification that is about no story has a dash in place of an id.
SELECT_EXPIRED_FINDINGS = """
SELECT story FROM (
  SELECT story FROM hit WHERE story GLOB '*-*' AND matched_at < :before
  UNION SELECT story FROM outbox WHERE story GLOB '*-*' AND created_at < :before
) AS finding
WHERE story > :after AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.story = finding.story AND sent_at IS NULL)
ORDER BY story LIMIT :limit
"""
SELECT_EXPIRED_URLS = """
SELECT id FROM frontier
WHERE id > ? AND first_seen_at < ? AND next_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM story WHERE story.id = frontier.story)
ORDER BY id LIMIT ?
"""
DELETE_ALIASES_OF_STORIES = """
DELETE FROM alias WHERE story IN (
  SELECT story FROM frontier WHERE story IS NOT NULL AND id IN (SELECT value FROM json_each(?))
)
"""
DELETE_URLS = "DELETE FROM frontier WHERE id IN (SELECT value FROM json_each(?))"

# ---- diagnosis

COUNT_STORIES_WITHOUT_INDEX_ENTRY = """
SELECT count(*) FROM story
WHERE sort_key NOT IN (SELECT id FROM fulltext_docsize) OR sort_key IN (SELECT sort_key FROM unindexed_story)
"""
LIST_STORIES_WITHOUT_INDEX_ENTRY = """
INSERT OR IGNORE INTO unindexed_story SELECT sort_key FROM story WHERE sort_key NOT IN (SELECT id FROM fulltext_docsize)
"""
SELECT_INDEX_ENTRIES_WITHOUT_STORY = "SELECT id FROM fulltext_docsize WHERE id NOT IN (SELECT sort_key FROM story)"
#: Hits and notifications may be about no story; then they have a dash in place of an id, which is hexadecimal.
COUNT_HITS_WITHOUT_STORY = """
SELECT count(*) FROM hit WHERE story NOT GLOB '*-*' AND story NOT IN (SELECT id FROM story)
"""
COUNT_VERSIONS_WITHOUT_STORY = "SELECT count(*) FROM version WHERE story NOT IN (SELECT id FROM story)"
COUNT_MARKS_WITHOUT_STORY = "SELECT count(*) FROM mark WHERE story NOT IN (SELECT id FROM story)"
COUNT_UNSENT_WITHOUT_STORY = """
SELECT count(*) FROM outbox
WHERE sent_at IS NULL AND story NOT GLOB '*-*' AND story NOT IN (SELECT id FROM story)
"""
#: `keep_for` deletes a story with its hits, versions and notifications; one of which some remain was lost.
_URL_OF_LOST_STORY = """
story IS NOT NULL AND next_at IS NULL AND story NOT IN (SELECT id FROM story) AND story IN (
  SELECT story FROM hit UNION SELECT story FROM version UNION SELECT story FROM mark
  UNION SELECT story FROM outbox WHERE sent_at IS NULL
)
"""
COUNT_URLS_OF_LOST_STORIES = f"SELECT count(*) FROM frontier WHERE {_URL_OF_LOST_STORY}"
FETCH_LOST_STORIES_AGAIN = f"UPDATE frontier SET story = NULL, next_at = ? WHERE {_URL_OF_LOST_STORY}"
