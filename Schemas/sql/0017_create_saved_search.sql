-- Searches that somebody keeps. What is looked for is as personal as what is found: name and query are sealed under the
-- key of the member they belong to, or of the case, and are gone with it.
CREATE TABLE saved_search (
  tenant_id bigint NOT NULL,
  saved_id bigint NOT NULL,
  owner_kind smallint NOT NULL CHECK (owner_kind IN (1, 2)), -- a member, a legal hold (the case)
  owner_id bigint NOT NULL,
  sealed bytea NOT NULL,                              -- name and search
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, saved_id)
);
CREATE INDEX saved_search_by_owner ON saved_search (tenant_id, owner_kind, owner_id);
