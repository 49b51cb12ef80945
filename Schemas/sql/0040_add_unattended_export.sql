-- Exports that were asked for without waiting: a server writes them by itself, and goes on with them after a stop.
-- And why one failed, as nobody is there to be told.
ALTER TABLE export ADD COLUMN unattended boolean NOT NULL DEFAULT false;
ALTER TABLE export ADD COLUMN failure text;
ALTER TABLE export ADD CONSTRAINT export_failure_stated CHECK (failure IS NULL OR state = 'failed');
CREATE INDEX export_unattended ON export (created_at) WHERE state = 'running' AND unattended;
