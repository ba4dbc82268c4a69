-- The first word of a sentence or paragraph now has a second term, and letters of Thai, Lao, Khmer and Burmese are words;
-- setup indexes every story again.

DELETE FROM word;
INSERT INTO fulltext (fulltext) VALUES ('delete-all');
INSERT OR IGNORE INTO unindexed_story SELECT sort_key FROM story;
