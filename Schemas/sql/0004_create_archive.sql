-- The archive's catalogue: which segments there are and where each conversation's blocks lie in them.
CREATE TABLE segment (
  segment_id text PRIMARY KEY,
  tenant_id bigint NOT NULL,
  retention_class smallint NOT NULL,
  period integer NOT NULL,
  message_count bigint NOT NULL,
  byte_count bigint NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL,
  superseded_at timestamptz                            -- replaced by compaction; its object goes next
);
CREATE INDEX segment_by_period ON segment (tenant_id, period);

CREATE TABLE segment_block (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  segment_id text NOT NULL,
  ordinal integer NOT NULL,
  first_at timestamptz NOT NULL,
  first_sequence bigint NOT NULL,
  last_at timestamptz NOT NULL,
  last_sequence bigint NOT NULL,
  message_count integer NOT NULL,
  byte_offset bigint NOT NULL,
  byte_count integer NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (route_key, conversation_id, segment_id, ordinal)
);
CREATE INDEX segment_block_by_time ON segment_block (route_key, conversation_id, last_at);
CREATE INDEX segment_block_by_segment ON segment_block (segment_id);
