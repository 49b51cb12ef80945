-- What an erasure leaves for holds and locked floors: the person's key is destroyed, so that what has to be kept is
-- sealed anew before, once for each ground, under a matter key of that erasure and ground. A ground that ends takes
-- its key and its copies with it.
CREATE TABLE preservation (
  preservation_id bigint PRIMARY KEY,                  -- also the number of its matter key
  tenant_id bigint NOT NULL,
  erasure_id bigint NOT NULL,
  hold_id bigint NOT NULL,                             -- 0: locked floors of retention
  subject_id bigint NOT NULL,
  profile bytea NOT NULL,                              -- who the person is; under the matter key
  created_at timestamptz NOT NULL,
  UNIQUE (erasure_id, hold_id)
);
CREATE INDEX preservation_by_subject ON preservation (subject_id);

-- A message of the erased person, or only their changes to somebody else's, for one ground.
CREATE TABLE preserved_copy (
  route_key bigint NOT NULL,                           -- the conversation's
  conversation_id bigint NOT NULL,
  created_at timestamptz NOT NULL,
  sequence bigint NOT NULL,
  preservation_id bigint NOT NULL,
  message_high bigint NOT NULL,
  message_low bigint NOT NULL,
  tenant_id bigint NOT NULL,
  until timestamptz,                                   -- when the floor ends that it was made for
  sealed bytea NOT NULL,
  PRIMARY KEY (route_key, conversation_id, created_at, sequence, preservation_id)
);
CREATE INDEX preserved_copy_by_message ON preserved_copy (message_high, message_low);
CREATE INDEX preserved_copy_by_preservation ON preserved_copy (preservation_id, message_high, message_low);

-- Done but for what holds and locked floors keep.
ALTER TABLE erasure DROP CONSTRAINT erasure_state_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_state_check CHECK (state IN
  ('requested', 'planned', 'approved', 'running', 'partial', 'restricted', 'completed'));
