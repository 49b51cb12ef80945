-- Retention looks for what is old, and without these reads every message there is to find it. Only messages that are
-- there still are in them, so that they shrink as retention does its work.

CREATE INDEX message_locator_by_time ON message_locator (tenant_id, created_at, route_key, message_low)
  WHERE state IN (1, 5);
CREATE INDEX conversation_own_days ON conversation (tenant_id, retention_days) WHERE retention_days IS NOT NULL;
CREATE INDEX message_locator_restricted ON message_locator (tenant_id, route_key, message_low) WHERE state = 5;
