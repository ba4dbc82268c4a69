-- A notification belongs to a channel and is delivered to that channel's targets; all earlier ones are e-mail.  The
-- primary key takes the channel, so the table is built again.

CREATE TABLE outbox_with_channel (
  alert TEXT NOT NULL,
  story TEXT NOT NULL,
  version INTEGER NOT NULL,
  channel TEXT NOT NULL,
  targets TEXT NOT NULL, -- that have not received it, as JSON
  due_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  message_id TEXT,
  error TEXT NOT NULL,
  holder TEXT, -- the process that is sending it, until claimed_until
  claimed_until INTEGER,
  sent_at INTEGER, -- kept, so that a sent notification is not sent again
  PRIMARY KEY (alert, story, version, channel)
) STRICT, WITHOUT ROWID;
INSERT INTO outbox_with_channel (
  alert, story, version, channel, targets, due_at, created_at, attempts, message_id, error, holder, claimed_until, sent_at
)
SELECT
  alert, story, version, 'email', "to", due_at, created_at, attempts, message_id, error, holder, claimed_until, sent_at
FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_with_channel RENAME TO outbox;
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL;

-- The settings that name the targets that have received a message, while others of the same message have not.
UPDATE setting SET
  key = 'outbox/received/' || substr(key, length('mail/got/') + 1),
  value = json_object('targets', json(value -> '$.to'))
WHERE substr(key, 1, length('mail/got/')) = 'mail/got/';
