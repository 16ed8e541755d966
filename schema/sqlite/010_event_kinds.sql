-- SQLite builds a table for every IN with more than two values, each time that it looks. For the CHECK of its kind that
-- was half of the work of booking an event. The ledger is written anew with the same rows under a cheaper CHECK.

CREATE TABLE new_credit_events (
    event_id              INTEGER PRIMARY KEY,  -- ascending in the order of booking
    wallet                TEXT NOT NULL REFERENCES credit_accounts (wallet),
    kind                  TEXT NOT NULL
        CHECK (kind = 'debit_usage' OR kind = 'grant_base' OR kind = 'grant_celo_bonus' OR kind = 'refund_usage'
               OR kind = 'admin_adjust'),
    delta_seconds         INTEGER NOT NULL CHECK (delta_seconds <> 0),
    balance_after_seconds INTEGER NOT NULL CHECK (balance_after_seconds >= 0),
    connection_id         TEXT,  -- whose presence was debited or refunded
    reason                TEXT,  -- an operator's words
    created_at            INTEGER NOT NULL,
    CHECK (CASE kind WHEN 'debit_usage' THEN delta_seconds < 0 WHEN 'admin_adjust' THEN 1 ELSE delta_seconds > 0 END),
    CHECK (kind NOT IN ('debit_usage', 'refund_usage') OR connection_id IS NOT NULL)
) STRICT;

INSERT INTO new_credit_events
    (event_id, wallet, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at)
SELECT event_id, wallet, kind, delta_seconds, balance_after_seconds, connection_id, reason, created_at
FROM credit_events ORDER BY event_id;

DROP TABLE credit_events;  -- with its indexes and triggers, which follow below as they were
ALTER TABLE new_credit_events RENAME TO credit_events;

CREATE INDEX credit_events_by_wallet ON credit_events (wallet);
-- Each grant once per wallet, ever.
CREATE UNIQUE INDEX credit_events_one_grant ON credit_events (wallet, kind)
    WHERE kind IN ('grant_base', 'grant_celo_bonus');

-- The account moves first; its event must then state the balance that it left.
CREATE TRIGGER credit_events_state_the_balance BEFORE INSERT ON credit_events
WHEN NEW.balance_after_seconds IS NOT (SELECT remaining_seconds FROM credit_accounts WHERE wallet = NEW.wallet)
BEGIN
    SELECT RAISE(ABORT, 'balance_after_seconds is not the account''s balance');
END;

-- REPLACE deletes without firing a trigger on deletion.
CREATE TRIGGER credit_events_no_replace BEFORE INSERT ON credit_events
WHEN EXISTS (SELECT 1 FROM credit_events WHERE event_id = NEW.event_id)
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
