-- Booked sessions: each has a room of kind 'booked' for two, whose connections are the parties' presence.

CREATE TABLE sessions (
    booking_id TEXT NOT NULL PRIMARY KEY  -- a uint256 in its one decimal spelling
        CHECK (length(booking_id) BETWEEN 1 AND 78 AND booking_id NOT GLOB '*[^0-9]*'
               AND (booking_id = '0' OR booking_id NOT GLOB '0*')),
    room_id    TEXT NOT NULL UNIQUE REFERENCES rooms (room_id)
) STRICT, WITHOUT ROWID;

-- A wallet holds one seat in a session, on whatever device it joined last.
CREATE UNIQUE INDEX connections_one_seat_per_session ON connections (room_id, wallet)
    WHERE left_at IS NULL AND kind = 'booked';
