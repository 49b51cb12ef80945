-- Requests of data subjects that a controller hands on (OpenDSR 2.0). Nothing here says whom one is about: an erasure
-- keeps that sealed itself, other requests keep a number until they are answered. The controller's own number of the
-- request tells repetitions; of the body a keyed hash does.
CREATE TABLE subject_request (
  tenant_id bigint NOT NULL,
  request_id text NOT NULL CHECK (request_id ~ '^[0-9a-f-]{36}$'),
  kind text NOT NULL CHECK (kind IN ('erasure', 'access', 'portability')),
  state text NOT NULL CHECK (state IN ('pending', 'in_progress', 'completed', 'cancelled')),
  outcome text CHECK (outcome IN ('complete', 'partial', 'restricted', 'denied', 'nothing_held')),
  ready boolean NOT NULL,                              -- false while it is being taken in
  objects text[] NOT NULL DEFAULT '{}',                -- the erasures or exports that carry it out
  subjects bigint[] NOT NULL DEFAULT '{}',             -- whose package is to be made
  body_hash bytea NOT NULL,
  sealed bytea NOT NULL,                               -- where to call back
  received_at timestamptz NOT NULL,
  expected_at timestamptz NOT NULL,
  next_work_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, request_id),
  CHECK (state IN ('pending', 'in_progress') OR subjects = '{}')
);

-- One row a state change and address: called until it is answered, or given up. `url` is the place in the request.
CREATE TABLE subject_request_callback (
  tenant_id bigint NOT NULL,
  request_id text NOT NULL,
  url smallint NOT NULL,
  number integer NOT NULL,
  state text NOT NULL,
  outcome text,
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  ended text CHECK (ended IN ('delivered', 'given_up')),
  PRIMARY KEY (tenant_id, request_id, url, number)
);
CREATE INDEX subject_request_callback_open ON subject_request_callback (next_at) WHERE ended IS NULL;
