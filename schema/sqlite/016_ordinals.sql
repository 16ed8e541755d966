-- The order in which rooms were made, also within a second, as a column: SQLite's rowid is its own.

ALTER TABLE rooms ADD COLUMN ordinal INTEGER;  -- ascending; a room is given the next one
UPDATE rooms SET ordinal = rowid;

CREATE TRIGGER rooms_are_numbered AFTER INSERT ON rooms
BEGIN
    UPDATE rooms SET ordinal = NEW.rowid WHERE rowid = NEW.rowid;
END;

DROP INDEX rooms_active;
CREATE INDEX rooms_active ON rooms (created_at, ordinal) WHERE closed_at IS NULL AND kind = 'free';
