-- Which tokens the messages of a conversation came with, by the day they were written: what a search needs in order to
-- say what it could not see. One row a conversation, mode and generation, with the days as merged ranges of days since
-- 1970 (UTC), few enough to be read with every search. It tells when and how somebody wrote, never who or what. Before,
-- there was one widest span a conversation, and no generation.

CREATE TABLE token_coverage (
  route_key bigint NOT NULL,
  conversation_id bigint NOT NULL,
  mode smallint NOT NULL CHECK (mode IN (0, 1, 2)),   -- without tokens, plain, blinded
  generation bigint NOT NULL CHECK (generation >= -1 AND (mode = 2 OR generation = 0)), -- of blinded tokens; -1: not known
  tenant_id bigint NOT NULL,
  days int4multirange NOT NULL,
  first_at timestamptz,                               -- without tokens: the oldest and the newest such message
  last_at timestamptz,
  PRIMARY KEY (route_key, conversation_id, mode, generation)
);
CREATE INDEX token_coverage_by_tenant ON token_coverage (tenant_id, mode, conversation_id);

-- An edit that waits for its message: what it will make of it. Null: not known, taken as without tokens.
ALTER TABLE pending_change ADD COLUMN token_mode smallint;
ALTER TABLE pending_change ADD COLUMN token_generation bigint;

INSERT INTO token_coverage (route_key, conversation_id, mode, generation, tenant_id, days, first_at, last_at)
SELECT route_key, conversation_id, 0, 0, tenant_id,
  int4multirange(int4range(floor(extract(epoch FROM unsearchable_from) / 86400)::int,
    floor(extract(epoch FROM unsearchable_to) / 86400)::int + 1)), unsearchable_from, unsearchable_to
FROM conversation WHERE unsearchable_from IS NOT NULL;

-- Which days and generations is not known of what came before: `index reconcile --deep` finds out.
INSERT INTO token_coverage (route_key, conversation_id, mode, generation, tenant_id, days)
SELECT c.route_key, c.conversation_id, m.mode, CASE m.mode WHEN 1 THEN 0 ELSE -1 END, c.tenant_id,
  int4multirange(int4range(floor(extract(epoch FROM l.first_at) / 86400)::int,
    floor(extract(epoch FROM l.last_at) / 86400)::int + 1))
FROM conversation c
JOIN (SELECT conversation_route, conversation_id, min(created_at) AS first_at, max(created_at) AS last_at
  FROM message_locator GROUP BY conversation_route, conversation_id) l
  ON l.conversation_route = c.route_key AND l.conversation_id = c.conversation_id
JOIN (VALUES (1), (2)) AS m(mode) ON c.token_modes & m.mode <> 0;

ALTER TABLE conversation DROP COLUMN token_modes;
ALTER TABLE conversation DROP COLUMN unsearchable_from;
ALTER TABLE conversation DROP COLUMN unsearchable_to;
