-- The first word of a sentence or paragraph and a word with signs now have further terms, and letters of Thai, Lao, Khmer
-- and Burmese are words; setup indexes every story again.

DELETE FROM word;
INSERT INTO fulltext (fulltext) VALUES ('delete-all');
INSERT OR IGNORE INTO unindexed_story SELECT sort_key FROM story;
