-- Holds that keep only what a query finds. The query is sealed with the hold's other texts; here is what reading the
-- messages within its people, conversations and times has shown. A message is let go for its finding alone: one that was
-- not read, or was edited since it was, is held.

ALTER TABLE hold ADD COLUMN by_query boolean NOT NULL DEFAULT false;
ALTER TABLE hold ADD COLUMN evaluated_at timestamptz;  -- what was there then has been read, as far as it can be

CREATE TABLE hold_finding (
  route_key bigint NOT NULL,                           -- the message's, as in message_locator
  message_low bigint NOT NULL,
  hold_id bigint NOT NULL,
  finding smallint NOT NULL CHECK (finding IN (1, 2, 3)), -- matches, cannot be decided, does not match
  edits bigint NOT NULL,                               -- which edits it was read with; 0: none
  PRIMARY KEY (route_key, message_low, hold_id)
);
CREATE INDEX hold_finding_by_hold ON hold_finding (hold_id, finding);
