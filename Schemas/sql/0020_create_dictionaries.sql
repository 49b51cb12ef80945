-- What makes small lanes small: phrases that many authors of a tenant used, which the lanes of its segments refer to.
-- They are sealed under a key of the tenant's. A row is needed for as long as a segment names it.
CREATE TABLE archive_dictionary (
  tenant_id bigint NOT NULL,
  dictionary_id bytea NOT NULL CHECK (length(dictionary_id) = 16),
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, dictionary_id)
);
ALTER TABLE segment ADD COLUMN dictionary_id bytea;
-- Bytes of each column of the format, in the order of the page on segments, then those of the text before compression.
ALTER TABLE segment ADD COLUMN column_bytes bigint[] NOT NULL DEFAULT '{}';
