-- Tags, notes, stars and read states of stories, and searches with a name.  Times are microseconds since 1970, UTC.

CREATE TABLE mark (
  kind TEXT NOT NULL, -- tag, note, star or read
  story TEXT NOT NULL,
  key TEXT NOT NULL, -- of a tag its name without case, of a note its id, of a star or read state the user
  user TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  text TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (story, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX mark_key ON mark (kind, key, made_at);

CREATE TABLE saved_search (
  id TEXT PRIMARY KEY,
  name_key TEXT NOT NULL UNIQUE, -- the name without case
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  filters TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
