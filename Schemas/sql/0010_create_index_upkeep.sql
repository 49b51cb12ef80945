-- What is known of the search index beyond its files: messages it refused, so that coverage can name them, and how the
-- last look at each group ended. Nothing here says who wrote a message or what.

CREATE TABLE index_quarantine (
  group_id smallint NOT NULL,
  sequence bigint NOT NULL,                           -- of the message in its group's feed
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  tenant_id bigint NOT NULL,
  conversation_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  code text NOT NULL,                                 -- why it was refused
  at timestamptz NOT NULL,
  PRIMARY KEY (group_id, sequence)
);
CREATE INDEX index_quarantine_by_conversation ON index_quarantine (tenant_id, conversation_id);

CREATE TABLE index_check (
  group_id smallint PRIMARY KEY,
  checked_at timestamptz NOT NULL,
  differences bigint NOT NULL DEFAULT 0,              -- from the catalogue, found by the last comparison
  healed bigint NOT NULL DEFAULT 0,
  damage text                                         -- null: the files are what was written
);
