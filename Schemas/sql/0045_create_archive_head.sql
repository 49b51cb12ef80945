-- Where the archive's catalogue stands: a number that rises with every change. A home remembers the newest it has seen:
-- by a database restored from before that, the only copies of messages would be swept as leftovers. What is changed on
-- top of an older catalogue is of another lineage.
CREATE TABLE archive_head (
  head_id smallint PRIMARY KEY CHECK (head_id = 1),
  lineage bigint NOT NULL,
  number bigint NOT NULL CHECK (number >= 0)
);
INSERT INTO archive_head (head_id, lineage, number) VALUES (1, 0, 0);
