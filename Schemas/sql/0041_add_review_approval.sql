-- When the second person agreed: a run of retention that began before must not take the decision back.
ALTER TABLE disposition_review ADD COLUMN approved_at timestamptz;
