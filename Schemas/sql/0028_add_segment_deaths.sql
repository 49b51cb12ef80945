-- When a message of the segment's period was last deleted, to the hour, and when compaction last looked the segment
-- through: what nothing died in since need not be opened again every night.
ALTER TABLE segment ADD COLUMN dead_at timestamptz;
ALTER TABLE segment ADD COLUMN looked_through_at timestamptz;
