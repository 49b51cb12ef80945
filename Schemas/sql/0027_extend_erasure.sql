-- Requests that end without an erasure, on the record, and the one extension of the month that GDPR Art. 12(3) allows.
ALTER TABLE erasure ADD COLUMN extended_at timestamptz;
ALTER TABLE erasure DROP CONSTRAINT erasure_state_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_state_check CHECK (state IN
  ('requested', 'planned', 'approved', 'running', 'partial', 'restricted', 'completed', 'withdrawn', 'refused'));
