-- The first schema.  Times are microseconds since 1970, UTC; lists and small objects are JSON; the view `stories`
-- shows them as people read them, in any sqlite3 shell that has sqlar_uncompress (the usual ones do).

CREATE TABLE story (
  -- When it was published, or else first seen, in milliseconds, moved on to the next free one: newest first is
  -- this key backwards, in every index that ends in it.
  moment INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL,
  outlet TEXT NOT NULL,
  title TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  fetched_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  published_at INTEGER,
  modified_at INTEGER,
  authors TEXT NOT NULL,
  language TEXT,
  country TEXT,
  section TEXT,
  tags TEXT NOT NULL,
  image TEXT,
  word_count INTEGER NOT NULL,
  topics TEXT NOT NULL,
  alerts TEXT NOT NULL,
  cluster TEXT NOT NULL,
  version INTEGER NOT NULL,
  method TEXT NOT NULL,
  flags TEXT NOT NULL,
  text_size INTEGER NOT NULL,
  text BLOB NOT NULL -- zlib, or as it is where that is not smaller: text_size tells
) STRICT;
CREATE INDEX story_first_seen ON story (first_seen_at);

CREATE VIEW stories AS
SELECT id, url, outlet, title, CAST(sqlar_uncompress(text, text_size) AS TEXT) AS text, authors,
  strftime('%Y-%m-%dT%H:%M:%SZ', published_at / 1000000, 'unixepoch') AS published_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', modified_at / 1000000, 'unixepoch') AS modified_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', first_seen_at / 1000000, 'unixepoch') AS first_seen_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', fetched_at / 1000000, 'unixepoch') AS fetched_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', updated_at / 1000000, 'unixepoch') AS updated_at,
  language, country, section, tags, image, word_count, topics, alerts, cluster, version,
  json_object('method', method, 'flags', json(flags)) AS extraction
FROM story;

-- The versions before the stored one: zlib of the story's JSON.
CREATE TABLE version (
  story TEXT NOT NULL,
  version INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (story, version)
) STRICT, WITHOUT ROWID;

-- Full text: each word once, in one of its written forms (see fulltext.py); `word` and `stem` know all forms, so that a
-- search for a stem, a folded form, a wildcard or a misspelling becomes a search for the written forms it stands for.
CREATE VIRTUAL TABLE fulltext USING fts5 (
  title, text, author, url, facts, content = '', contentless_delete = 1, tokenize = 'media_monitor'
);
INSERT INTO fulltext (fulltext, rank) VALUES ('rank', 'bm25(3.0, 1.0, 1.0, 1.0, 0.0)');

CREATE TABLE word (
  exact TEXT NOT NULL,
  raw TEXT NOT NULL, -- empty where it is the same
  PRIMARY KEY (exact, raw)
) STRICT, WITHOUT ROWID;
CREATE TABLE stem (
  stem TEXT NOT NULL,
  exact TEXT NOT NULL, -- where it is not the same
  PRIMARY KEY (stem, exact)
) STRICT, WITHOUT ROWID;

-- Near-duplicates: stories that share a band of their signature, for as long as similar.py remembers them.
CREATE TABLE signature (
  moment INTEGER PRIMARY KEY,
  first_seen_at INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX signature_first_seen ON signature (first_seen_at);
CREATE TABLE band (
  band INTEGER NOT NULL, -- its low 32 bits
  moment INTEGER NOT NULL,
  PRIMARY KEY (band, moment)
) STRICT, WITHOUT ROWID;

-- The crawl frontier.
CREATE TABLE visit (
  id TEXT PRIMARY KEY,
  outlet TEXT NOT NULL,
  url TEXT NOT NULL,
  source TEXT NOT NULL,
  title TEXT NOT NULL,
  published_at INTEGER,
  language TEXT,
  first_seen_at INTEGER NOT NULL,
  next_at INTEGER, -- NULL: finished
  attempts INTEGER NOT NULL,
  rechecks INTEGER NOT NULL,
  story TEXT,
  etag TEXT,
  last_modified TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX visit_due ON visit (outlet, next_at) WHERE next_at IS NOT NULL;

-- Other addresses of a story: met, and never to be visited.
CREATE TABLE alias (
  id TEXT PRIMARY KEY,
  story TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE hit (
  alert TEXT NOT NULL,
  story TEXT NOT NULL,
  version INTEGER NOT NULL,
  outlet TEXT NOT NULL,
  title TEXT NOT NULL,
  url TEXT NOT NULL,
  matched_at INTEGER NOT NULL,
  published_at INTEGER,
  language TEXT,
  context TEXT NOT NULL,
  PRIMARY KEY (alert, story, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX hit_alert ON hit (alert, matched_at);
CREATE INDEX hit_matched ON hit (matched_at);

CREATE TABLE notice (
  alert TEXT NOT NULL,
  story TEXT NOT NULL,
  version INTEGER NOT NULL,
  "to" TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  batch TEXT,
  error TEXT NOT NULL,
  holder TEXT, -- who is sending it, until claimed_until
  claimed_until INTEGER,
  sent_at INTEGER, -- kept for ever: what was mailed is never mailed again
  PRIMARY KEY (alert, story, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_due ON notice (due_at) WHERE sent_at IS NULL;

CREATE TABLE snooze (
  alert TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outlet (
  name TEXT PRIMARY KEY,
  next_poll_at INTEGER NOT NULL,
  holder TEXT,
  lease_until INTEGER,
  token TEXT NOT NULL,
  state TEXT NOT NULL -- all the rest, as JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
