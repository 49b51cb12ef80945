-- What a link has handed out, so that parts of a download that no use is taken for are bounded too.
ALTER TABLE export_link ADD COLUMN bytes_given bigint NOT NULL DEFAULT 0;
