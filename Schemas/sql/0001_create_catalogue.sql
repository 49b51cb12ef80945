-- The catalogue of messages: who, where, when, in which tier. Nothing here names a person in the clear: external
-- ids are keyed hashes (key outside the database) beside sealed copies. `route_key` leads every key of the big
-- tables, so that a cluster such as Citus can distribute by it; there are no triggers, sequences or cross-shard
-- foreign keys. Message ids, and so message_locator, are routed by the message's own hash: `route_key` there is
-- the high half of the message key.

CREATE TABLE tenant (
  tenant_id bigint PRIMARY KEY,
  name text NOT NULL UNIQUE,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

CREATE TABLE subject (
  tenant_id bigint NOT NULL,
  subject_id bigint NOT NULL,
  hash bytea NOT NULL,
  state smallint NOT NULL CHECK (state IN (1, 2, 3)), -- active, deactivated, erasing (row goes when erased)
  sealed bytea NOT NULL,                              -- id, display name, e-mail; under the subject's key
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subject_id),
  UNIQUE (tenant_id, hash)
);

CREATE TABLE conversation (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  tenant_id bigint NOT NULL,
  hash bytea NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2, 3)),   -- direct, group, channel
  is_public boolean NOT NULL,
  client_sealed boolean NOT NULL,
  retention_days integer CHECK (retention_days > 0),
  sealed bytea NOT NULL,                              -- id and name; under the conversation's key
  closed_at timestamptz,
  token_modes smallint NOT NULL DEFAULT 0,            -- bit 0: plain tokens seen, bit 1: blinded tokens seen
  unsearchable_from timestamptz,                      -- span of messages that came without tokens
  unsearchable_to timestamptz,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (route_key, conversation_id),
  UNIQUE (route_key, hash)
);
CREATE INDEX conversation_by_tenant ON conversation (tenant_id, conversation_id);

-- One row a window of membership: the member reads what was created in [visible_from, left_at).
CREATE TABLE membership (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  subject_id bigint NOT NULL,
  joined_at timestamptz NOT NULL,
  visible_from timestamptz NOT NULL,
  left_at timestamptz,
  role text,
  PRIMARY KEY (route_key, conversation_id, subject_id, joined_at)
);

-- Where a subject appears, as author, member or reactor; routed by subject, so that subject-wide work is a list
-- of routed queries. `route_key` is the subject's own.
CREATE TABLE subject_conversation (
  route_key bigint NOT NULL,
  subject_id bigint NOT NULL,
  conversation_id bigint NOT NULL,
  conversation_route bigint NOT NULL,
  tenant_id bigint NOT NULL,
  PRIMARY KEY (route_key, subject_id, conversation_id)
);

-- Hot messages. Partitions (a calendar month each) are made by the application and dropped when sealed.
CREATE TABLE message (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  sequence bigint NOT NULL,
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  tenant_id bigint NOT NULL,
  sender_id bigint NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (route_key, conversation_id, created_at, sequence)
) PARTITION BY RANGE (created_at);

-- One row for every message there is or was, hot or cold: what makes duplicates known and states one place.
CREATE TABLE message_locator (
  route_key bigint NOT NULL,
  message_low bigint NOT NULL,
  tenant_id bigint NOT NULL,
  conversation_route bigint NOT NULL,
  conversation_id bigint NOT NULL,
  sender_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  sequence bigint NOT NULL,
  digest bigint NOT NULL,
  state smallint NOT NULL CHECK (state IN (1, 2, 3, 4, 5)), -- live, deleted, expired, erased, restricted
  PRIMARY KEY (route_key, message_low)
);
CREATE INDEX message_locator_by_sender ON message_locator (sender_id);

-- Edits, deletions and reactions; merged on read, whatever tier the message is in.
CREATE TABLE amendment (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2, 3)),   -- edit, deletion, reaction
  author_id bigint NOT NULL,
  version bigint NOT NULL,                            -- of the edit; a keyed hash of the reaction's name
  at timestamptz NOT NULL,
  removed_at timestamptz,                             -- reaction taken back
  sealed bytea NOT NULL,
  PRIMARY KEY (route_key, conversation_id, message_high, message_low, kind, author_id, version)
);
CREATE INDEX amendment_by_author ON amendment (author_id);

-- Changes that arrived before their message.
CREATE TABLE pending_change (
  route_key bigint NOT NULL,
  message_low bigint NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2, 3)),
  author_id bigint NOT NULL,
  version bigint NOT NULL,
  tenant_id bigint NOT NULL,
  conversation_route bigint NOT NULL,
  conversation_id bigint NOT NULL,
  at timestamptz NOT NULL,
  removed_at timestamptz,
  sealed bytea NOT NULL,
  PRIMARY KEY (route_key, message_low, kind, author_id, version)
);

CREATE TABLE receipt (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  subject_id bigint NOT NULL,
  state smallint NOT NULL CHECK (state IN (1, 2)),    -- delivered, read
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (route_key, conversation_id, subject_id, state)
);

-- Events that carried an id of their own, so that the same id again is known.
CREATE TABLE event_seen (
  route_key bigint NOT NULL,
  event_low bigint NOT NULL,
  PRIMARY KEY (route_key, event_low)
);

-- The feed: gapless and in commit order within a group, as it is numbered under the head's row lock.
CREATE TABLE feed_head (
  group_id smallint PRIMARY KEY,
  next_sequence bigint NOT NULL CHECK (next_sequence >= 1)
);
CREATE TABLE feed (
  group_id smallint NOT NULL,
  sequence bigint NOT NULL,
  kind smallint NOT NULL CHECK (kind IN (1, 2, 3)),   -- created, edited, removed
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  PRIMARY KEY (group_id, sequence)
);

CREATE TABLE source_position (
  tenant_id bigint NOT NULL,
  source_hash bytea NOT NULL,
  position bigint NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, source_hash)
);

-- Input that was not accepted: kept sealed, with its reason, until it expires or is taken after all.
CREATE TABLE set_aside (
  set_aside_id bigint PRIMARY KEY,
  tenant_id bigint NOT NULL,
  arrived_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  line bigint NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  subject_id bigint,                                  -- the author, where one could be made out
  sealed bytea                                        -- source and raw line; null: withheld (author erased)
);
CREATE INDEX set_aside_by_tenant ON set_aside (tenant_id, arrived_at, set_aside_id);
