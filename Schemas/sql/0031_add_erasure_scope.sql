-- What a request is about: a person, a person in one conversation, a conversation, or one message.
ALTER TABLE erasure ADD COLUMN scope text NOT NULL DEFAULT 'subject'
  CHECK (scope IN ('subject', 'subject_in_conversation', 'conversation', 'message'));
ALTER TABLE erasure ADD COLUMN conversation_route bigint;
ALTER TABLE erasure ADD COLUMN conversation_id bigint;
ALTER TABLE erasure ADD COLUMN message_high bigint;
ALTER TABLE erasure ADD COLUMN message_low bigint;
ALTER TABLE erasure ADD CONSTRAINT erasure_scope_ids_check CHECK (
  (scope IN ('subject_in_conversation', 'conversation')) = (conversation_id IS NOT NULL)
  AND (scope = 'message') = (message_low IS NOT NULL));
