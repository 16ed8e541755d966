-- Pruning merges old debits that follow one another (lib/credits/pruning.h). The ledger stays append-only for everybody
-- else: its triggers let a change pass only while the one row of `pruning` exists, and no transaction can commit with it.

CREATE TABLE pruning (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    created_before INTEGER NOT NULL,  -- only events older than this may be merged
    -- Refers to a row that cannot exist, which COMMIT will find unless this one is gone by then.
    gone           INTEGER NOT NULL DEFAULT 0 CHECK (gone = 0) REFERENCES pruning (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

DROP TRIGGER credit_events_no_update;
DROP TRIGGER credit_events_no_delete;

-- All that may change is how much an old debit takes, and which balance it leaves stays as it is.
CREATE TRIGGER credit_events_no_update BEFORE UPDATE ON credit_events
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE OLD.kind = 'debit_usage' AND OLD.created_at < created_before)
    OR NEW.event_id <> OLD.event_id OR NEW.wallet <> OLD.wallet OR NEW.kind <> OLD.kind
    OR NEW.balance_after_seconds <> OLD.balance_after_seconds OR NEW.connection_id IS NOT OLD.connection_id
    OR NEW.reason IS NOT OLD.reason OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

CREATE TRIGGER credit_events_no_delete BEFORE DELETE ON credit_events
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE OLD.kind = 'debit_usage' AND OLD.created_at < created_before)
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

-- The stays in a room, open or not.
CREATE INDEX connections_by_room ON connections (room_id);
