-- Exports that are cancelled, deleted, expire, and go on where a killed run ended. Who is inside stays in
-- export_subject only as long as the package is there.
ALTER TABLE export DROP CONSTRAINT export_state_check;
ALTER TABLE export ADD CONSTRAINT export_state_check CHECK (state IN
  ('running', 'completed', 'failed', 'withdrawn', 'cancelled'));
ALTER TABLE export ADD COLUMN hold_id bigint;                          -- what it was made for, if that was a hold
ALTER TABLE export ADD COLUMN expected_count bigint NOT NULL DEFAULT 0;
ALTER TABLE export ADD COLUMN started_at timestamptz;                  -- the newest run
ALTER TABLE export ADD COLUMN started_count bigint NOT NULL DEFAULT 0; -- messages that were written when it began
ALTER TABLE export ADD COLUMN beat_at timestamptz;                     -- when it last said that it is alive
ALTER TABLE export ADD COLUMN content_bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE export ADD COLUMN expires_at timestamptz;
ALTER TABLE export ADD COLUMN removed_at timestamptz;
ALTER TABLE export ADD COLUMN removal text CHECK (removal IN ('deleted', 'expired'));
ALTER TABLE export ADD CONSTRAINT export_removal_dated CHECK ((removed_at IS NULL) = (removal IS NULL));
CREATE INDEX export_by_tenant ON export (tenant_id, created_at);
