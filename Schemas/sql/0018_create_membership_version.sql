-- A number that is another after every change of a subject's windows, so that who keeps them can tell that they still
-- hold. Random: none comes twice, not even for a subject whose row was removed meanwhile. `route_key` is the subject's
-- own.

CREATE TABLE membership_version (
  route_key bigint NOT NULL,
  subject_id bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (route_key, subject_id)
);

INSERT INTO membership_version (route_key, subject_id, version)
SELECT subject_id, subject_id, 0 FROM (SELECT DISTINCT subject_id FROM membership) m;
