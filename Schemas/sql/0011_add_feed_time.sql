-- When a step was put into the feed, so that the lag of whoever follows it can be told in seconds.

ALTER TABLE feed ADD COLUMN appended_at timestamptz NOT NULL DEFAULT now();
