-- Runs of jobs and the leases that keep each to one runner. `fencing` rises with every change of holder.
CREATE TABLE lease (
  name text PRIMARY KEY,
  holder text NOT NULL,
  fencing bigint NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE TABLE job_run (
  run_id bigint PRIMARY KEY,
  name text NOT NULL,
  slot text NOT NULL,                                  -- e.g. the date of a nightly run; one run a slot
  state text NOT NULL CHECK (state IN ('running', 'completed', 'failed')),
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  due bigint NOT NULL DEFAULT 0,
  done bigint NOT NULL DEFAULT 0,
  blocked bigint NOT NULL DEFAULT 0,
  problem text,
  UNIQUE (name, slot),
  CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX job_run_by_start ON job_run (started_at);
