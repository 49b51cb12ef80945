-- The audit log: entries that never change, the hashes of the complete subtrees above them, the state of the
-- right edge, and every checkpoint that was signed. Readable parts lie apart, so that a person can be forgotten
-- without breaking a proof. `Schemas/formats/audit-v1.md` has the formats.

CREATE TABLE audit_entry (
  entry_index bigint PRIMARY KEY CHECK (entry_index >= 0),
  tenant_id bigint,
  action text NOT NULL,
  entry bytea NOT NULL CHECK (octet_length(entry) <= 65535),
  appended_at timestamptz NOT NULL
);
CREATE INDEX audit_entry_by_tenant ON audit_entry (tenant_id, entry_index);

-- Level 0 holds the leaf hashes; the node (level, node_index) covers 2^level leaves from node_index * 2^level.
CREATE TABLE audit_node (
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 62),
  node_index bigint NOT NULL CHECK (node_index >= 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (level, node_index)
);

-- One row. Whoever appends holds its lock to the end of the transaction: the order of indexes is that of commits.
CREATE TABLE audit_head (
  head_id smallint PRIMARY KEY CHECK (head_id = 1),
  size bigint NOT NULL CHECK (size >= 0),
  frontier bytea NOT NULL,                       -- hashes of the right edge, the largest subtree first
  root bytea NOT NULL CHECK (octet_length(root) = 32)
);
INSERT INTO audit_head (head_id, size, frontier, root)
VALUES (1, 0, '', '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

CREATE TABLE audit_checkpoint (
  size bigint PRIMARY KEY CHECK (size >= 0),
  note text NOT NULL,
  signed_at timestamptz NOT NULL
);

-- Readable parts: 16 random bytes of salt and the value, sealed. The salt is inside, as a salt in the clear would
-- let whoever keeps a backup confirm a guess at a value that was erased.
CREATE TABLE audit_personal (
  entry_index bigint NOT NULL,
  name text NOT NULL,
  subject_id bigint,                             -- whom the part is about, if a person the house knows
  under_subject_key boolean NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (entry_index, name),
  CHECK (subject_id IS NOT NULL OR NOT under_subject_key)
);
CREATE INDEX audit_personal_by_subject ON audit_personal (subject_id) WHERE subject_id IS NOT NULL;
