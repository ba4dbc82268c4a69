"""Every statement the SQLite store runs, by name; the tables are made in migrations/."""

# ruff: noqa: S608, SIM905  the strings put together here are all written here; names read better in a line

from __future__ import annotations

STORY_COLUMNS = (
    "moment id url outlet title first_seen_at fetched_at updated_at published_at modified_at authors language country "
    "section tags image word_count topics alerts cluster version method flags text_size text"
).split()
VISIT_COLUMNS = (
    "id outlet url source title published_at language first_seen_at next_at attempts rechecks story etag last_modified"
).split()
HIT_COLUMNS = "alert story version outlet title url matched_at published_at language context".split()
NOTICE_COLUMNS = 'alert story version "to" due_at created_at attempts batch error'.split()


def _holes(columns: list[str]) -> str:
    return ", ".join("?" * len(columns))


def _values(columns: list[str]) -> str:
    return f"({', '.join(columns)}) VALUES ({_holes(columns)})"


_STORY = ", ".join(f"story.{name}" for name in STORY_COLUMNS)
_VISIT = ", ".join(VISIT_COLUMNS)
_HIT = ", ".join(HIT_COLUMNS)
_NOTICE = ", ".join(NOTICE_COLUMNS)

# ---- stories

STORIES = f"SELECT {_STORY} FROM story WHERE id IN (SELECT value FROM json_each(?))"
STORIES_AT = f"SELECT {_STORY} FROM story WHERE moment IN (SELECT value FROM json_each(?))"
STORIES_AFTER = f"""
SELECT {_STORY} FROM story WHERE id > ? AND coalesce(published_at, first_seen_at) >= ? ORDER BY id LIMIT ?
"""
FOUND_AFTER = f"""
SELECT {_STORY} FROM story WHERE id IN (SELECT id FROM temp.found WHERE id > ? ORDER BY id LIMIT ?) ORDER BY id
"""
STORY_KEY = "SELECT moment, version FROM story WHERE id = ?"
STORY_COUNT = "SELECT count(*) FROM story"
PUT_STORY = f"INSERT INTO story {_values(STORY_COLUMNS)}"
DROP_STORY = "DELETE FROM story WHERE moment = ?"
MOMENT_TAKEN = "SELECT 1 FROM story WHERE moment = ?"
#: The first free moment among the thousand from ?1 on, if the first itself is taken.
MOMENT_FREE = """
SELECT moment + 1 FROM story AS taken WHERE moment BETWEEN ?1 AND ?1 + 998
AND NOT EXISTS (SELECT 1 FROM story WHERE moment = taken.moment + 1) ORDER BY moment LIMIT 1
"""
KEEP_VERSION = "INSERT OR REPLACE INTO version (story, version, data) VALUES (?, ?, ?)"
VERSIONS = "SELECT data FROM version WHERE story = ? ORDER BY version"

# ---- the full-text index

INDEX = "INSERT OR REPLACE INTO fulltext (rowid, title, text, author, url, facts) VALUES (?, ?, ?, ?, ?, ?)"
UNINDEX = "DELETE FROM fulltext WHERE rowid = ?"
ADD_WORD = "INSERT INTO word (exact, raw) VALUES (?, ?) ON CONFLICT DO NOTHING"
ADD_STEM = "INSERT INTO stem (stem, exact) VALUES (?, ?) ON CONFLICT DO NOTHING"
WORDS = "SELECT exact, raw FROM word WHERE exact = ?"
WORDS_OF_STEM = "SELECT exact, raw FROM word WHERE exact IN (SELECT exact FROM stem WHERE stem = ?)"
WORDS_FROM = "SELECT exact, raw FROM word WHERE exact >= ? AND exact < ? LIMIT ?"
WORDS_LIKE = "SELECT exact, raw FROM word WHERE exact >= ? AND exact < ? AND covers(?, exact) LIMIT ?"
WORDS_RAW_LIKE = """
SELECT exact, raw FROM word WHERE exact >= ? AND exact < ? AND covers(?, iif(raw = '', exact, raw)) LIMIT ?
"""
#: The characters that follow ?1 in words that begin with it, each found by one step in the index.
NEXT_CHARACTERS = """
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
WORDS_AMONG = "SELECT exact, raw FROM word WHERE exact IN (SELECT value FROM json_each(?))"
EXACT_OF_LENGTH = """
SELECT group_concat(exact, ?1) FROM (SELECT DISTINCT exact FROM word WHERE length(exact) BETWEEN ?2 AND ?3)
"""
RAW_OF_LENGTH = """
SELECT group_concat(raw, ?1) FROM (SELECT iif(raw = '', exact, raw) AS raw FROM word)
WHERE length(raw) BETWEEN ?2 AND ?3
"""

# ---- searching: {where} is a plan's, {places} PLACES or true

_FROM_INDEX = "FROM fulltext WHERE fulltext MATCH ? AND fulltext.rowid BETWEEN ? AND ? AND {places}"
_FROM_BOTH = """
FROM fulltext CROSS JOIN story ON story.moment = fulltext.rowid
WHERE fulltext MATCH ? AND fulltext.rowid BETWEEN ? AND ? AND {where} AND {places}
"""
_FROM_STORY = "FROM story WHERE story.moment BETWEEN ? AND ? AND {where}"
NEWEST_MATCHES = f"SELECT fulltext.rowid {_FROM_INDEX} ORDER BY fulltext.rowid DESC"
NEWEST_MATCHES_WHERE = f"SELECT fulltext.rowid {_FROM_BOTH} ORDER BY fulltext.rowid DESC"
BEST_MATCHES = f"SELECT fulltext.rowid {_FROM_INDEX} ORDER BY rank, fulltext.rowid DESC"
BEST_MATCHES_WHERE = f"SELECT fulltext.rowid {_FROM_BOTH} ORDER BY rank, fulltext.rowid DESC"
NEWEST_WHERE = f"SELECT story.moment {_FROM_STORY} ORDER BY story.moment DESC"
#: The match from which on the newest ones are ranked, see search.py.
OLDEST_RANKED = f"{NEWEST_MATCHES} LIMIT 1 OFFSET ?"
COUNT_MATCHES = f"SELECT count(*) {_FROM_INDEX}"
COUNT_MATCHES_WHERE = f"SELECT count(*) {_FROM_BOTH}"
COUNT_WHERE = f"SELECT count(*) {_FROM_STORY}"
PLACES = "places_match(fulltext, ?)"  # see places.py
SINCE = "coalesce(story.published_at, story.first_seen_at) >= ?"
MAKE_FOUND = "CREATE TEMP TABLE found (id TEXT PRIMARY KEY) WITHOUT ROWID"
ADD_FOUND = "INSERT OR IGNORE INTO temp.found SELECT id FROM story WHERE moment IN (SELECT value FROM json_each(?))"
DROP_FOUND = "DROP TABLE IF EXISTS temp.found"

# ---- near-duplicates

PUT_SIGNATURE = "INSERT OR REPLACE INTO signature (moment, first_seen_at, data) VALUES (?, ?, ?)"
DROP_SIGNATURE = "DELETE FROM signature WHERE moment = ? RETURNING data"
OLD_SIGNATURES = "SELECT moment FROM signature WHERE first_seen_at < ? LIMIT ?"
NEWEST_SIGNATURE = "SELECT max(first_seen_at) FROM signature"
PUT_BAND = "INSERT OR IGNORE INTO band (band, moment) VALUES (?, ?)"
DROP_BAND = "DELETE FROM band WHERE band = ? AND moment = ?"
IN_BAND = "SELECT moment FROM band WHERE band = ? ORDER BY moment DESC LIMIT ?"
SIMILAR = """
SELECT id, cluster, data FROM signature JOIN story USING (moment) WHERE moment = ? AND signature.first_seen_at >= ?
"""

# ---- hits

PUT_HIT = f"INSERT OR REPLACE INTO hit {_values(HIT_COLUMNS)}"
HITS = f"SELECT {_HIT} FROM hit WHERE matched_at >= ? ORDER BY matched_at DESC LIMIT ?"
HITS_OF = f"SELECT {_HIT} FROM hit WHERE alert = ? AND matched_at >= ? ORDER BY matched_at DESC LIMIT ?"

# ---- the crawl frontier

KNOWN = """
SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM visit WHERE id = value)
OR EXISTS (SELECT 1 FROM alias WHERE id = value)
"""
#: ?1 is the visit's id, the first of the columns.
ADD_VISIT = f"""
INSERT INTO visit ({_VISIT}) SELECT {_holes(VISIT_COLUMNS)}
WHERE NOT EXISTS (SELECT 1 FROM alias WHERE id = ?1) ON CONFLICT DO NOTHING RETURNING 1
"""
#: A visit that came to no story is not written over one that did: another process was there first.
PUT_VISIT = f"""
INSERT INTO visit {_values(VISIT_COLUMNS)}
ON CONFLICT DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in VISIT_COLUMNS)}
WHERE excluded.story IS NOT NULL OR visit.story IS NULL
"""
WAITING = f"SELECT {_VISIT} FROM visit WHERE outlet = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?"
PUT_ALIAS = "INSERT OR REPLACE INTO alias (id, story) VALUES (?, ?)"
#: Where the other address waits itself to be fetched for the first time, that is of no use any more.
SETTLE_ALIAS = "UPDATE visit SET next_at = NULL, story = ? WHERE id = ? AND story IS NULL"

# ---- outlets

OUTLETS = "SELECT name, next_poll_at, holder, lease_until, token, state FROM outlet ORDER BY name"
ADD_OUTLETS = """
INSERT INTO outlet (name, next_poll_at, token, state) SELECT value, ?2, '', ?3 FROM json_each(?1) WHERE true
ON CONFLICT DO NOTHING
"""
LEASE = """
UPDATE outlet SET holder = :holder, lease_until = :until, token = lower(hex(randomblob(8)))
WHERE name IN (
  SELECT name FROM outlet WHERE name IN (SELECT value FROM json_each(:names))
  AND (holder IS NULL OR lease_until <= :now) AND (next_poll_at <= :now OR NOT :due_only)
  ORDER BY next_poll_at, name LIMIT :limit
)
RETURNING name, next_poll_at, holder, lease_until, token, state
"""
RENEW = "UPDATE outlet SET lease_until = ? WHERE name = ? AND token = ? AND holder = ? RETURNING 1"
RELEASE = """
UPDATE outlet SET next_poll_at = ?, state = ?, holder = NULL, lease_until = NULL WHERE name = ? AND token = ?
RETURNING 1
"""

# ---- the outbox

ADD_NOTICE = f"INSERT INTO notice {_values(NOTICE_COLUMNS)} ON CONFLICT DO NOTHING"
CLAIM = f"""
UPDATE notice SET holder = :holder, claimed_until = :until
WHERE (alert, story, version) IN (
  SELECT alert, story, version FROM notice
  WHERE sent_at IS NULL AND due_at <= :now AND (holder IS NULL OR claimed_until <= :now)
  AND alert NOT IN (SELECT alert FROM snooze WHERE until > :now)
  ORDER BY due_at, created_at LIMIT :limit
)
RETURNING {_NOTICE}
"""
HOLDERS = "SELECT DISTINCT holder FROM notice WHERE sent_at IS NULL AND holder IS NOT NULL"
UNCLAIM = """
UPDATE notice SET holder = NULL, claimed_until = NULL WHERE sent_at IS NULL AND holder = ? RETURNING 1
"""
STAMP = """
UPDATE notice SET batch = ? WHERE alert = ? AND story = ? AND version = ? AND holder = ? AND sent_at IS NULL
RETURNING 1
"""
SENT = """
UPDATE notice SET sent_at = ?, holder = NULL, claimed_until = NULL
WHERE alert = ? AND story = ? AND version = ? AND sent_at IS NULL
"""
POSTPONE = """
UPDATE notice SET "to" = ?, due_at = ?, attempts = ?, batch = ?, error = ?, holder = NULL, claimed_until = NULL
WHERE alert = ? AND story = ? AND version = ? AND sent_at IS NULL AND (holder IS NULL OR holder = ?)
"""
OUTBOX = f"SELECT {_NOTICE} FROM notice WHERE sent_at IS NULL ORDER BY due_at, created_at LIMIT ?"
SNOOZE = "INSERT OR REPLACE INTO snooze (alert, until) VALUES (?, ?)"
WAKE = "DELETE FROM snooze WHERE alert = ?"
SNOOZED = "SELECT alert, until FROM snooze"

# ---- notes

PUT_NOTE = "INSERT OR REPLACE INTO note (key, value) VALUES (?, ?)"
DROP_NOTE = "DELETE FROM note WHERE key = ?"
NOTE = "SELECT value FROM note WHERE key = ?"
NOTES = "SELECT key, value FROM note WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key"

# ---- copying: each table in the order of its key, some rows at a time behind the last one

DUMP_STORIES = "SELECT id FROM story WHERE id > ? ORDER BY id LIMIT ?"
DUMP_HITS = f"SELECT {_HIT} FROM hit WHERE (alert, story, version) > (?, ?, ?) ORDER BY 1, 2, 3 LIMIT ?"
DUMP_NOTICES = f"""
SELECT {_NOTICE}, sent_at FROM notice WHERE (alert, story, version) > (?, ?, ?) ORDER BY 1, 2, 3 LIMIT ?
"""
DUMP_VISITS = f"SELECT {_VISIT} FROM visit WHERE id > ? ORDER BY id LIMIT ?"
DUMP_ALIASES = "SELECT id, story FROM alias WHERE id > ? ORDER BY id LIMIT ?"
LOAD_NOTICE = f"""
INSERT INTO notice {_values([*NOTICE_COLUMNS, "sent_at"])}
ON CONFLICT DO UPDATE SET sent_at = excluded.sent_at WHERE sent_at IS NULL AND excluded.sent_at IS NOT NULL
RETURNING 1
"""
LOAD_OUTLET = """
INSERT INTO outlet (name, next_poll_at, token, state) VALUES (?, ?, '', ?)
ON CONFLICT DO UPDATE SET next_poll_at = excluded.next_poll_at, state = excluded.state
WHERE holder IS NULL
    AND ifnull(excluded.state ->> 'last_poll_at', '') > ifnull(outlet.state ->> 'last_poll_at', '')
RETURNING 1
"""
LOAD_VISIT = f"INSERT INTO visit {_values(VISIT_COLUMNS)} ON CONFLICT DO NOTHING RETURNING 1"
LOAD_ALIAS = "INSERT INTO alias (id, story) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1"
LOAD_HIT = f"INSERT INTO hit {_values(HIT_COLUMNS)} ON CONFLICT DO NOTHING RETURNING 1"
LOAD_SNOOZE = "INSERT INTO snooze (alert, until) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1"
LOAD_NOTE = "INSERT INTO note (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1"
