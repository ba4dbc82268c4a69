-- A term of the index now tells the stem, which depends on the language of the story, and the beginning of the text has
-- a column of its own; setup indexes every story again.

DROP TABLE word;
DROP TABLE stem;
CREATE TABLE word (
  exact TEXT NOT NULL,
  raw TEXT NOT NULL, -- empty where it is the exact form
  stem TEXT NOT NULL, -- empty where it is the exact form, or where the script has no stems
  PRIMARY KEY (exact, raw, stem)
) STRICT, WITHOUT ROWID;
CREATE INDEX word_stem ON word (stem) WHERE stem <> '';

DROP TABLE fulltext;
CREATE VIRTUAL TABLE fulltext USING fts5 (
  title, text, author, url, lead, field_values, content = '', contentless_delete = 1, tokenize = 'media_monitor'
);
INSERT INTO fulltext (fulltext, rank) VALUES ('rank', 'bm25(3.0, 1.0, 1.0, 1.0, 1.0, 0.0)');
INSERT OR IGNORE INTO unindexed_story SELECT sort_key FROM story;
