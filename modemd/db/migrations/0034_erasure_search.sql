-- When an erasure was searched for last, and the files in which something was found (JSON). DONE, the last step, moves up to make room for SEARCH.
ALTER TABLE erasure ADD COLUMN searched_at BIGINT;
ALTER TABLE erasure ADD COLUMN found TEXT NOT NULL DEFAULT '[]';
UPDATE erasure SET step = 7 WHERE step = 6;
