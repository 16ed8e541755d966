-- What a stay has used is counted, and booked when it renews its token, ends, or was not booked for a minute. So the sweep
-- looks only at those who missed a renewal, along the ends of their tokens; and the ledger lies in the order of wallets,
-- which needs no index beside it.

-- A renewal moves its stay in this index. Within one of so many parts it moves but a little, mostly on the same page, and
-- the tree keeps its shape.
CREATE INDEX connections_by_expiry ON connections (agora_uid % 4096, token_expires_at)
    WHERE left_at IS NULL AND kind = 'free';

-- Likewise the rooms in which nobody is: emptied_at is now since when that is so, and NULL while somebody is in it, lapsed
-- or not.
UPDATE rooms SET emptied_at =
    CASE WHEN NOT EXISTS (SELECT 1 FROM connections c WHERE c.room_id = rooms.room_id AND c.left_at IS NULL)
    THEN coalesce(emptied_at, created_at) END
WHERE closed_at IS NULL AND kind = 'free';
CREATE INDEX rooms_emptied ON rooms (emptied_at, ordinal)
    WHERE closed_at IS NULL AND kind = 'free' AND emptied_at IS NOT NULL;

CREATE TABLE new_credit_events (
    wallet                TEXT NOT NULL REFERENCES credit_accounts (wallet),
    event_id              INTEGER NOT NULL,  -- ascending for each wallet, in the order of booking
    kind                  TEXT NOT NULL
        CHECK (kind = 'debit_usage' OR kind = 'grant_base' OR kind = 'grant_celo_bonus' OR kind = 'refund_usage'
               OR kind = 'admin_adjust'),
    delta_seconds         INTEGER NOT NULL CHECK (delta_seconds <> 0),
    balance_after_seconds INTEGER NOT NULL CHECK (balance_after_seconds >= 0),
    connection_id         TEXT,  -- whose presence was debited or refunded
    reason                TEXT,  -- an operator's words
    created_at            INTEGER NOT NULL,
    PRIMARY KEY (wallet, event_id),
    CHECK (CASE kind WHEN 'debit_usage' THEN delta_seconds < 0 WHEN 'admin_adjust' THEN 1 ELSE delta_seconds > 0 END),
    CHECK (kind NOT IN ('debit_usage', 'refund_usage') OR connection_id IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO new_credit_events
    (wallet, event_id, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at)
SELECT wallet, event_id, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at
FROM credit_events ORDER BY wallet, event_id;

DROP TABLE credit_events;  -- with its indexes and triggers, which follow below as they were
ALTER TABLE new_credit_events RENAME TO credit_events;

-- Each grant once per wallet, ever.
CREATE UNIQUE INDEX credit_events_one_grant ON credit_events (wallet, kind)
    WHERE kind IN ('grant_base', 'grant_celo_bonus');
-- All refunds together are a metric, and few among millions of events.
CREATE INDEX credit_events_refunds ON credit_events (delta_seconds) WHERE kind = 'refund_usage';

-- The account moves first; its event must then state the balance that it left.
CREATE TRIGGER credit_events_state_the_balance BEFORE INSERT ON credit_events
WHEN NEW.balance_after_seconds IS NOT (SELECT remaining_seconds FROM credit_accounts WHERE wallet = NEW.wallet)
BEGIN
    SELECT RAISE(ABORT, 'balance_after_seconds is not the account''s balance');
END;

-- REPLACE deletes without firing a trigger on deletion.
CREATE TRIGGER credit_events_no_replace BEFORE INSERT ON credit_events
WHEN EXISTS (SELECT 1 FROM credit_events WHERE wallet = NEW.wallet AND event_id = NEW.event_id)
    OR (NEW.kind IN ('grant_base', 'grant_celo_bonus')
        AND EXISTS (SELECT 1 FROM credit_events WHERE wallet = NEW.wallet AND kind = NEW.kind
                    AND kind IN ('grant_base', 'grant_celo_bonus')))
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

-- All that may change is how much an old debit takes, while it is pruned (lib/credits/pruning.h), and which balance it
-- leaves stays as it is.
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
