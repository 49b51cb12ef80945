-- A month whose last message has gone loses its key unless something was changed in it: without this index every change
-- there is is read to find that out.
CREATE INDEX amendment_by_time ON amendment (at);
