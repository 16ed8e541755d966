-- Whom the host or an operator removed from a room, and who cannot come back into it. The row of the stay says it, and goes
-- with it once the room has closed.

ALTER TABLE connections ADD COLUMN removed INTEGER NOT NULL DEFAULT 0
    CHECK (removed = 0 OR (removed = 1 AND left_at IS NOT NULL AND kind = 'free'));

CREATE INDEX connections_removed ON connections (room_id, wallet) WHERE removed = 1;
