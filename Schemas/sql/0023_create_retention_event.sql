-- When what policies count from has happened to a conversation or a person. `route_key` is the conversation's route, or
-- the person's number, and `item_id` the number of either. Who stated it, and why, is in the audit log.
CREATE TABLE retention_event (
  route_key bigint NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2)),       -- conversation, subject
  item_id bigint NOT NULL,
  event text NOT NULL,
  event_id bigint NOT NULL,                            -- random: what lists are paged by
  tenant_id bigint NOT NULL,
  happened_at timestamptz,                             -- null: withdrawn
  stated_at timestamptz NOT NULL,
  settles_at timestamptz NOT NULL,                     -- until then nothing is deleted for the statement's sake
  PRIMARY KEY (route_key, kind, item_id, event)
);
CREATE INDEX retention_event_by_tenant ON retention_event (tenant_id, event_id);
