-- Rooms and the connections of their participants. A participant is present until token_expires_at, whether or
-- not anybody has written left_at yet; "open" below means left_at IS NULL.

CREATE TABLE rooms (
    room_id     TEXT NOT NULL PRIMARY KEY CHECK (length(room_id) = 36),
    kind        TEXT NOT NULL CHECK (kind IN ('free', 'booked')),
    host_wallet TEXT NOT NULL CHECK (length(host_wallet) = 42),
    visibility  TEXT NOT NULL CHECK (visibility IN ('open', 'private')),
    ai_enabled  INTEGER NOT NULL CHECK (ai_enabled IN (0, 1)),
    capacity    INTEGER NOT NULL CHECK (capacity BETWEEN 2 AND 6),  -- participants at once
    created_at  INTEGER NOT NULL,
    closed_at   INTEGER CHECK (closed_at >= created_at)  -- NULL while active
) STRICT;

CREATE UNIQUE INDEX rooms_one_active_per_host ON rooms (host_wallet) WHERE closed_at IS NULL AND kind = 'free';
CREATE INDEX rooms_active ON rooms (created_at) WHERE closed_at IS NULL AND kind = 'free';

CREATE TABLE connections (
    connection_id    TEXT NOT NULL PRIMARY KEY CHECK (length(connection_id) = 36),
    room_id          TEXT NOT NULL REFERENCES rooms (room_id),
    kind             TEXT NOT NULL CHECK (kind IN ('free', 'booked')),  -- the room's
    wallet           TEXT NOT NULL CHECK (length(wallet) = 42),
    agora_uid        INTEGER NOT NULL CHECK (agora_uid BETWEEN 1 AND 4294967294),  -- 0 would admit anybody
    joined_at        INTEGER NOT NULL,
    token_expires_at INTEGER NOT NULL,  -- of the last token issued: presence ends here at the latest
    last_metered_at  INTEGER NOT NULL,  -- seconds before this mark are already paid
    debited_seconds  INTEGER NOT NULL DEFAULT 0 CHECK (debited_seconds >= 0),
    left_at          INTEGER,  -- NULL while open
    -- Events for the client: raised once each; delivered with the next answer to it.
    credits_low_at                INTEGER,  -- NULL until raised
    credits_low_remaining_seconds INTEGER CHECK ((credits_low_at IS NULL) = (credits_low_remaining_seconds IS NULL)),
    credits_exhausted_at          INTEGER,
    events_delivered              INTEGER NOT NULL DEFAULT 0
        CHECK (events_delivered BETWEEN 0 AND (credits_low_at IS NOT NULL) + (credits_exhausted_at IS NOT NULL)),
    CHECK (joined_at <= last_metered_at AND last_metered_at <= token_expires_at),
    CHECK (debited_seconds <= last_metered_at - joined_at),
    CHECK (left_at IS NULL OR left_at BETWEEN last_metered_at AND token_expires_at)
) STRICT, WITHOUT ROWID;

-- One seat per wallet. The sweep walks the open connections along this index.
CREATE UNIQUE INDEX connections_one_open_per_wallet ON connections (wallet) WHERE left_at IS NULL AND kind = 'free';
CREATE UNIQUE INDEX connections_distinct_uids ON connections (room_id, agora_uid) WHERE left_at IS NULL;

CREATE TRIGGER connections_only_in_active_rooms BEFORE INSERT ON connections
WHEN NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = NEW.room_id AND kind = NEW.kind AND closed_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'no such active room');
END;

CREATE TRIGGER connections_within_capacity BEFORE INSERT ON connections
WHEN (SELECT count(*) FROM connections WHERE room_id = NEW.room_id AND left_at IS NULL) >=
     (SELECT capacity FROM rooms WHERE room_id = NEW.room_id)
BEGIN
    SELECT RAISE(ABORT, 'the room is full');
END;

CREATE TRIGGER connections_leave_once BEFORE UPDATE OF left_at ON connections
WHEN OLD.left_at IS NOT NULL AND NEW.left_at IS NOT OLD.left_at
BEGIN
    SELECT RAISE(ABORT, 'the participant has left');
END;

CREATE TRIGGER rooms_close_empty BEFORE UPDATE OF closed_at ON rooms
WHEN NEW.closed_at IS NOT NULL AND EXISTS (SELECT 1 FROM connections WHERE room_id = NEW.room_id AND left_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'somebody is still in the room');
END;

CREATE TRIGGER rooms_close_once BEFORE UPDATE OF closed_at ON rooms
WHEN OLD.closed_at IS NOT NULL AND NEW.closed_at IS NOT OLD.closed_at
BEGIN
    SELECT RAISE(ABORT, 'the room is closed');
END;

-- When the sweep last came to its end. One row.
CREATE TABLE sweeps (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    finished_at INTEGER NOT NULL
) STRICT;
