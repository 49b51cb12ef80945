-- What clients are to drop their copies of: written in the transaction that deletes, delivered at least once, in
-- order. A row is what one transaction deleted of a tenant. Ids lie sealed under a key of their day, which is
-- destroyed with the day; why something went is not said, nor who wrote it: `senders` only leads an erasure to the
-- rows it has to take along once they are delivered.
CREATE TABLE deletion_notice (
  tenant_id bigint NOT NULL,
  first_sequence bigint NOT NULL,
  last_sequence bigint NOT NULL,
  at timestamptz NOT NULL,
  day integer NOT NULL,                                -- since 1970: which key
  senders bigint[] NOT NULL,
  erased boolean NOT NULL,                             -- goes as soon as it is delivered
  sealed bytea NOT NULL,                               -- conversation, message and time of each
  PRIMARY KEY (tenant_id, first_sequence),
  CHECK (last_sequence >= first_sequence)
);

-- One row a tenant that ever had a notice. Its lock orders sequences as transactions commit, without gaps.
CREATE TABLE deletion_outbox (
  tenant_id bigint PRIMARY KEY,
  next_sequence bigint NOT NULL CHECK (next_sequence >= 1),
  delivered bigint NOT NULL DEFAULT 0,                 -- up to which a receiver has it
  attempts integer NOT NULL DEFAULT 0,                 -- since the last success
  next_at timestamptz NOT NULL,
  expired bigint NOT NULL DEFAULT 0,                   -- up to which it is not kept any more
  swept_day integer NOT NULL                           -- up to which keys are destroyed
);
