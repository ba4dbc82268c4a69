-- The frontier keeps what became of each listed URL, and what its sources state of it.

ALTER TABLE frontier ADD COLUMN guid TEXT NOT NULL DEFAULT ''; -- empty if it is the URL
ALTER TABLE frontier ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE frontier ADD COLUMN fetch_url TEXT; -- requested instead of url, after a permanent redirect
ALTER TABLE frontier ADD COLUMN other_sources TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE frontier ADD COLUMN disposition TEXT; -- NULL: not fetched yet
ALTER TABLE frontier ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE frontier ADD COLUMN detail TEXT NOT NULL DEFAULT '';
ALTER TABLE frontier ADD COLUMN settled_at INTEGER;
UPDATE frontier SET disposition = 'stored' WHERE story IS NOT NULL;

CREATE INDEX frontier_first_seen ON frontier (outlet, first_seen_at);
CREATE INDEX frontier_guid ON frontier (outlet, guid) WHERE guid <> '';
CREATE INDEX outbox_story ON outbox (story);
