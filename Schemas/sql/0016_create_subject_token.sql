-- By what people are found: the words of their names and the beginnings of these, each as a keyed hash (key outside
-- the database), as nothing that must be forgotten may stand here in the clear. Rows are replaced when a name is told
-- anew, and go when the person is erased.
CREATE TABLE subject_token (
  tenant_id bigint NOT NULL,
  token bigint NOT NULL,                              -- keyed hash of class and token
  subject_id bigint NOT NULL,
  PRIMARY KEY (tenant_id, token, subject_id)
);
CREATE INDEX subject_token_by_subject ON subject_token (tenant_id, subject_id);

-- Bit 0: plain tokens came with the name, bit 1: blinded ones; 0: none, so that no search finds the person by name.
ALTER TABLE subject ADD COLUMN token_modes smallint NOT NULL DEFAULT 0;
CREATE INDEX subject_by_token_modes ON subject (tenant_id, token_modes);
