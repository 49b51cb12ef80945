-- Messages that are due under a policy which asks for a review: a row for those of a conversation and month under one
-- policy, in place of their deletion. What was decided, and by whom, is in the audit log; the row has what is in
-- force.
CREATE TABLE disposition_review (
  review_id bigint PRIMARY KEY,
  tenant_id bigint NOT NULL,
  conversation_route bigint NOT NULL,
  conversation_id bigint NOT NULL,
  period integer NOT NULL,                             -- months since year 0
  policy text NOT NULL,
  policy_version integer NOT NULL,
  messages bigint NOT NULL,                            -- when last counted
  oldest_at timestamptz NOT NULL,
  newest_at timestamptz NOT NULL,
  waiting_since timestamptz NOT NULL,
  counted_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'proposed', 'decided', 'done')),
  decision text CHECK (decision IN ('delete', 'extend', 'move')),
  until timestamptz,                                   -- of an extension
  target text,                                         -- the policy it was moved to
  decided_at timestamptz,
  decider_hash bytea,
  approver_hash bytea,
  justification bytea,                                 -- sealed under the conversation's key
  deleted bigint NOT NULL DEFAULT 0,
  UNIQUE (tenant_id, conversation_id, period, policy),
  CHECK ((state IN ('proposed', 'decided')) <= (decision IS NOT NULL AND decided_at IS NOT NULL)),
  CHECK ((decision = 'extend') <= (until IS NOT NULL)),
  CHECK ((decision = 'move') <= (target IS NOT NULL))
);
