-- A number that is another after every change of which channels of a tenant are public, as membership_version has one
-- for each subject. Random: none comes twice.

CREATE TABLE channel_version (
  tenant_id bigint PRIMARY KEY,
  version bigint NOT NULL
);

INSERT INTO channel_version (tenant_id, version) SELECT tenant_id, 0 FROM tenant;
