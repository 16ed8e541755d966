-- What others are to be told: the application by webhooks, and Agora whom to turn away. A row is written in the transaction
-- that causes it, so what it says happened; session-voice-notify delivers it.

CREATE TABLE outbox (
    message_id   INTEGER PRIMARY KEY,  -- ascending in the order in which things happened
    destination  TEXT NOT NULL CHECK (destination IN ('webhook', 'agora')),
    -- Messages of one stream are delivered one after the other, in their order; NULL: whenever it can be.
    stream       TEXT,
    type         TEXT NOT NULL,  -- 'room.opened', ...; to Agora: 'turn_away'
    data         TEXT NOT NULL,  -- JSON
    happened_at  INTEGER NOT NULL,
    delivery_id  TEXT CHECK (length(delivery_id) = 36),  -- uuid v4, the same at every attempt; NULL before the first
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER NOT NULL,  -- the next attempt; while one is made, when it will be taken for lost
    -- It was met while an earlier one of its stream waited: nobody looks at it until that one is settled.
    is_held      INTEGER NOT NULL DEFAULT 0 CHECK (is_held IN (0, 1)),
    settled_at   INTEGER,           -- NULL while it waits
    outcome      TEXT CHECK (outcome IN ('delivered', 'given_up', 'void')),  -- void: no longer worth telling
    failure      TEXT,              -- of the last attempt; NULL while one is made
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (destination, is_held, due_at, message_id) WHERE settled_at IS NULL;
CREATE INDEX outbox_streams ON outbox (destination, stream, message_id) WHERE settled_at IS NULL AND stream IS NOT NULL;
CREATE INDEX outbox_settled ON outbox (outcome, settled_at) WHERE settled_at IS NOT NULL;

-- A destination that wants no more is told nothing until an operator resumes it.
CREATE TABLE outbox_pauses (
    destination TEXT NOT NULL PRIMARY KEY CHECK (destination IN ('webhook', 'agora')),
    paused_at   INTEGER NOT NULL
) STRICT;
