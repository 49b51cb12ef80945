-- What was made for an Idempotency-Key, so that a client may repeat a request whose answer was lost. Keyed hashes
-- and the id of what was made: nothing here leads to a person. Rows go after a day.
CREATE TABLE idempotency (
  tenant_id bigint NOT NULL,
  key_hash bytea NOT NULL,
  body_hash bytea NOT NULL,
  object text,                                         -- null while the request is carried out
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key_hash)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
