-- What a version of a tenant's policies would do to the messages there were when it was set. Made once; the change's
-- audit entry commits to it. It has numbers of conversations and messages, which lead to nobody once their keys are gone.
CREATE TABLE policy_preview (
  tenant_id bigint NOT NULL,
  version integer NOT NULL,
  document text NOT NULL,                              -- JSON, byte for byte what was hashed
  audit_index bigint NOT NULL,                         -- the entry that has its SHA-256
  PRIMARY KEY (tenant_id, version)
);
