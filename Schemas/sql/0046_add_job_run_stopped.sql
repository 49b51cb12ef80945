-- Whether a run ended because its time was up, with work left: two nights in a row of that are a problem.
ALTER TABLE job_run ADD COLUMN stopped boolean NOT NULL DEFAULT false;
