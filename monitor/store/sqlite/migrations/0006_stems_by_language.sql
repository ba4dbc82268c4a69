-- A term of the index now tells the stem, which depends on the language of the story; setup indexes every story again.

DROP TABLE word;
DROP TABLE stem;
CREATE TABLE word (
  exact TEXT NOT NULL,
  raw TEXT NOT NULL, -- empty where it is the exact form
  stem TEXT NOT NULL, -- empty where it is the exact form, or where the script has no stems
  PRIMARY KEY (exact, raw, stem)
) STRICT, WITHOUT ROWID;
CREATE INDEX word_stem ON word (stem) WHERE stem <> '';

INSERT INTO fulltext (fulltext) VALUES ('delete-all');
INSERT OR IGNORE INTO unindexed_story SELECT sort_key FROM story;
