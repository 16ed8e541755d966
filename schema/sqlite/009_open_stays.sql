-- Since all stays of a room have an index, SQLite takes it also to look for the open ones, and a room in which people
-- come and go would become slower with each that has been there. An agora_uid is never below 1: naming it here leads to
-- the index of the open stays.

DROP TRIGGER connections_within_capacity;
DROP TRIGGER rooms_close_empty;

CREATE TRIGGER connections_within_capacity BEFORE INSERT ON connections
WHEN (SELECT count(*) FROM connections WHERE room_id = NEW.room_id AND agora_uid > 0 AND left_at IS NULL) >=
     (SELECT capacity FROM rooms WHERE room_id = NEW.room_id)
BEGIN
    SELECT RAISE(ABORT, 'the room is full');
END;

CREATE TRIGGER rooms_close_empty BEFORE UPDATE OF closed_at ON rooms
WHEN NEW.closed_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM connections WHERE room_id = NEW.room_id AND agora_uid > 0 AND left_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'somebody is still in the room');
END;
