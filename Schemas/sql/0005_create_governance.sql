-- Policies, holds, erasures and exports. Free text that may name people (matter, reason) is sealed.
CREATE TABLE retention_policy_set (
  tenant_id bigint NOT NULL,
  version integer NOT NULL,
  document jsonb NOT NULL,
  effective_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, version)
);

CREATE TABLE hold (
  hold_id bigint PRIMARY KEY,
  tenant_id bigint NOT NULL,
  custodians bigint[] NOT NULL,
  conversations bigint[] NOT NULL,
  from_at timestamptz,
  to_at timestamptz,
  silent boolean NOT NULL DEFAULT false,
  sealed bytea NOT NULL,                               -- matter, reasons
  placed_at timestamptz NOT NULL,
  released_at timestamptz
);
CREATE INDEX hold_by_tenant ON hold (tenant_id) WHERE released_at IS NULL;

CREATE TABLE erasure (
  erasure_id bigint PRIMARY KEY,
  tenant_id bigint NOT NULL,
  subject_hash bytea NOT NULL,
  subject_id bigint,                                   -- null: nothing was ever held
  state text NOT NULL CHECK (state IN
    ('requested', 'planned', 'approved', 'running', 'partial', 'completed')),
  requested_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  requester_hash bytea NOT NULL,
  approver_hash bytea,
  approved_at timestamptz,
  completed_at timestamptz,
  plan jsonb,
  steps jsonb NOT NULL DEFAULT '{}',                   -- what each store has done so far
  certificate text,
  sealed bytea,                                        -- subject id, reason; key destroyed at completion
  CHECK ((state = 'completed') = (completed_at IS NOT NULL))
);
CREATE INDEX erasure_by_tenant ON erasure (tenant_id, requested_at);

-- Who was erased, as a keyed hash: keeps late deliveries and restored backups from bringing them back.
CREATE TABLE erasure_ledger (
  tenant_id bigint NOT NULL,
  subject_hash bytea NOT NULL,
  erasure_id bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subject_hash)
);

CREATE TABLE export (
  export_id bigint PRIMARY KEY,
  tenant_id bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'withdrawn')),
  formats text[] NOT NULL,
  inside_home boolean NOT NULL,
  sealed bytea NOT NULL,                               -- path and selection
  message_count bigint NOT NULL DEFAULT 0,
  manifest_hash bytea,
  created_at timestamptz NOT NULL,
  finished_at timestamptz
);
CREATE TABLE export_subject (
  export_id bigint NOT NULL,
  subject_id bigint NOT NULL,
  PRIMARY KEY (export_id, subject_id)
);
CREATE INDEX export_subject_by_subject ON export_subject (subject_id);
