-- Standard terms for stored names.  Renaming a table or a column writes the schema only, whatever the size of the file;
-- SQLite cannot rename an index, so the two that carried a table's name are built again: they hold the waiting rows only.

ALTER TABLE story RENAME COLUMN moment TO sort_key;
ALTER TABLE signature RENAME COLUMN moment TO sort_key;
ALTER TABLE band RENAME COLUMN moment TO sort_key;

ALTER TABLE visit RENAME TO frontier;
DROP INDEX visit_due;
CREATE INDEX frontier_due ON frontier (outlet, next_at) WHERE next_at IS NOT NULL;

ALTER TABLE notice RENAME TO outbox;
ALTER TABLE outbox RENAME COLUMN batch TO message_id;
DROP INDEX notice_due;
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL;

ALTER TABLE note RENAME TO setting;

ALTER TABLE outlet RENAME COLUMN token TO fencing_token;
UPDATE outlet SET state = json_remove(json_set(state, '$.dispositions', json(state -> '$.counts')), '$.counts');
UPDATE outlet SET state = json_remove(
  json_set(state, '$.memory.boilerplate', json(state -> '$.memory.furniture')), '$.memory.furniture'
)
WHERE state -> '$.memory.furniture' IS NOT NULL;

-- ALTER TABLE cannot rename the column of a virtual table.  FTS5 stores columns by number, so the declaration is enough.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'url, facts,', 'url, field_values,') WHERE name = 'fulltext';
PRAGMA writable_schema = RESET;
