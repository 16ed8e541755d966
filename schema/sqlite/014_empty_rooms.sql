-- A room in which everybody has lapsed stays open for a while.

ALTER TABLE rooms ADD COLUMN emptied_at INTEGER;  -- when the last participants lapsed; NULL if they never did
