-- A change of policies that deletes more may need a second person before it counts. What waits for one, was refused, or
-- was followed by another before somebody agreed governs nothing. What was stored before stands.
ALTER TABLE retention_policy_set
  ADD COLUMN state text NOT NULL DEFAULT 'stands' CHECK (state IN ('stands', 'waiting', 'rejected', 'replaced')),
  ADD COLUMN proposer_hash bytea,
  ADD COLUMN decider_hash bytea,                       -- who approved or rejected it
  ADD COLUMN decided_at timestamptz,
  ADD CHECK ((state = 'rejected') <= (decided_at IS NOT NULL)),
  ADD CHECK ((decided_at IS NULL) = (decider_hash IS NULL));
