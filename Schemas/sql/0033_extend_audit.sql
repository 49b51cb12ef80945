-- What the audit log was missing beside its entries: signatures of witnesses under its checkpoints, and whom an entry
-- is about, so that a person's readable parts are found when they are erased, and their entries when they ask.

CREATE TABLE audit_cosignature (
  size bigint NOT NULL CHECK (size >= 0),        -- of the checkpoint that was signed
  witness text NOT NULL,
  line text NOT NULL,                            -- as it stands under the note, without the newline
  received_at timestamptz NOT NULL,
  PRIMARY KEY (size, witness)
);

-- By keyed hash, as an entry may be about somebody the catalogue does not know, or does not know any more.
CREATE TABLE audit_mention (
  tenant_id bigint NOT NULL,
  subject_hash bytea NOT NULL CHECK (octet_length(subject_hash) = 16),
  entry_index bigint NOT NULL,
  part text NOT NULL,                            -- the readable part that names them; empty: none does
  PRIMARY KEY (tenant_id, subject_hash, entry_index, part)
);
