-- Stories whose entry in `fulltext` a migration has made incomplete.  SQL cannot analyse a story, so a migration that
-- changes the index lists the stories here, and setup indexes them again:
--   INSERT INTO unindexed_story SELECT sort_key FROM story;

CREATE TABLE unindexed_story (
  sort_key INTEGER PRIMARY KEY
) STRICT;
