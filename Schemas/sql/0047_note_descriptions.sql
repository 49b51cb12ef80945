-- When what is known of a conversation was said to be so: a description that arrives late changes nothing.
ALTER TABLE conversation ADD COLUMN described_at timestamptz;
