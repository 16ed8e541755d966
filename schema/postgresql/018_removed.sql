-- What schema/sqlite/018 says.

ALTER TABLE connections ADD COLUMN removed bigint NOT NULL DEFAULT 0
    CHECK (removed = 0 OR (removed = 1 AND left_at IS NOT NULL AND kind = 'free'));

CREATE INDEX connections_removed ON connections (room_id, wallet) WHERE removed = 1;
