-- When a segment was last found whole: the nightly scrub takes those first that wait longest.
ALTER TABLE segment ADD COLUMN verified_at timestamptz;
