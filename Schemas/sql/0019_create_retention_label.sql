-- What policies with a label as their scope are for: at most one label an item. A message's own stands in for its
-- conversation's. `route_key` is the conversation's route, or the high half of the message's key, and `item_id` the
-- conversation's number, or the low half. Why somebody put it there is in the audit log.
CREATE TABLE retention_label (
  route_key bigint NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2)),       -- conversation, message
  item_id bigint NOT NULL,
  label_id bigint NOT NULL,                            -- random: what lists are paged by
  tenant_id bigint NOT NULL,
  label text,                                          -- null: taken off
  changed_at timestamptz NOT NULL,
  settles_at timestamptz NOT NULL,                     -- until then nothing is deleted for the change's sake
  PRIMARY KEY (route_key, kind, item_id)
);
CREATE INDEX retention_label_by_tenant ON retention_label (tenant_id, label_id);
