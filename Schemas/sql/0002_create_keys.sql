-- Data keys, each sealed under a key-encryption key (KEK) that lies outside the database and its backups, and the
-- record of the keys that were destroyed. `Schemas/formats/keystore-v1.md` has the formats.

-- Which epoch of a shard's KEK new keys are sealed under. Whoever makes keys holds the row FOR SHARE and whoever
-- changes or retires an epoch holds it FOR UPDATE, so that no key can appear under an epoch after it was retired.
CREATE TABLE key_shard (
  shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 15),
  epoch bigint NOT NULL CHECK (epoch >= 1)
);

CREATE TABLE wrapped_key (
  shard smallint NOT NULL,
  kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5), -- subject, conversation, period, matter, request
  tenant bigint NOT NULL,
  id_high bigint NOT NULL,
  id_low bigint NOT NULL,
  generation bigint NOT NULL,                    -- random: a key made anew is not taken for the one destroyed
  epoch bigint NOT NULL,
  wrapped bytea NOT NULL CHECK (octet_length(wrapped) = 72),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (shard, kind, tenant, id_high, id_low)
);
CREATE INDEX wrapped_key_by_epoch ON wrapped_key (shard, epoch);

-- A destroyed key is beyond recovery once every KEK up to `epoch` is gone from the keystore.
CREATE TABLE key_destruction (
  shard smallint NOT NULL,
  kind smallint NOT NULL,
  tenant bigint NOT NULL,
  id_high bigint NOT NULL,
  id_low bigint NOT NULL,
  generation bigint NOT NULL,
  epoch bigint NOT NULL,
  destroyed_at timestamptz NOT NULL,
  reason text NOT NULL,
  kek_destroyed_at timestamptz,
  PRIMARY KEY (shard, kind, tenant, id_high, id_low, generation)
);
CREATE INDEX key_destruction_pending ON key_destruction (shard, epoch) WHERE kek_destroyed_at IS NULL;
