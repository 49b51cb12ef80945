-- Edits whose content is still in the catalogue: what compaction looks for every night, and few once it has been there.
CREATE INDEX amendment_unfolded ON amendment (route_key, conversation_id) WHERE kind = 1 AND sealed <> '';
