-- Links that let somebody without a token fetch one package, for a while and a number of times. The link itself is
-- kept as a keyed hash only.
CREATE TABLE export_link (
  link_id bigint PRIMARY KEY,
  export_id bigint NOT NULL,
  tenant_id bigint NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  sealed bytea NOT NULL,                               -- who made it
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  uses_max integer NOT NULL CHECK (uses_max BETWEEN 1 AND 1000),
  uses integer NOT NULL DEFAULT 0,
  requests integer NOT NULL DEFAULT 0,                 -- continued downloads included
  revoked_at timestamptz
);
CREATE INDEX export_link_by_export ON export_link (export_id);
