-- The application's backend tops up and refunds credit, and asks how much was used on each day. The ledger is written anew
-- with the same rows, because a CHECK cannot be changed.

CREATE TABLE new_credit_events (
    wallet                TEXT NOT NULL REFERENCES credit_accounts (wallet),
    event_id              INTEGER NOT NULL,  -- ascending for each wallet, in the order of booking
    kind                  TEXT NOT NULL
        CHECK (kind = 'debit_usage' OR kind = 'grant_base' OR kind = 'grant_celo_bonus' OR kind = 'refund_usage'
               OR kind = 'admin_adjust' OR kind = 'top_up'),
    delta_seconds         INTEGER NOT NULL CHECK (delta_seconds <> 0),
    balance_after_seconds INTEGER NOT NULL CHECK (balance_after_seconds >= 0),
    connection_id         TEXT,  -- whose presence was debited or refunded
    reason                TEXT,  -- an operator's words, or the backend's
    created_at            INTEGER NOT NULL,
    reference             TEXT CHECK (length(reference) BETWEEN 1 AND 128),  -- the backend's: a payment's id, for example
    PRIMARY KEY (wallet, event_id),
    CHECK (CASE kind WHEN 'debit_usage' THEN delta_seconds < 0 WHEN 'admin_adjust' THEN 1 ELSE delta_seconds > 0 END),
    CHECK (kind NOT IN ('debit_usage', 'refund_usage') OR connection_id IS NOT NULL),
    CHECK (CASE kind WHEN 'top_up' THEN reference IS NOT NULL WHEN 'refund_usage' THEN 1 ELSE reference IS NULL END)
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

-- What the backend asks for under a reference happens once, for ever.
CREATE UNIQUE INDEX credit_events_one_reference ON credit_events (reference) WHERE reference IS NOT NULL;
-- All but what talk takes: few among millions of events, and wanted by day.
CREATE INDEX credit_events_by_day ON credit_events (created_at) WHERE kind <> 'debit_usage';

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
    OR (NEW.reference IS NOT NULL AND EXISTS (SELECT 1 FROM credit_events WHERE reference = NEW.reference))
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

-- All that may change is how much an old debit takes, while it is pruned (lib/credits/pruning.h), and which balance it
-- leaves stays as it is.
CREATE TRIGGER credit_events_no_update BEFORE UPDATE ON credit_events
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE OLD.kind = 'debit_usage' AND OLD.created_at < created_before)
    OR NEW.event_id <> OLD.event_id OR NEW.wallet <> OLD.wallet OR NEW.kind <> OLD.kind
    OR NEW.balance_after_seconds <> OLD.balance_after_seconds OR NEW.connection_id IS NOT OLD.connection_id
    OR NEW.reason IS NOT OLD.reason OR NEW.created_at <> OLD.created_at OR NEW.reference IS NOT OLD.reference
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

CREATE TRIGGER credit_events_no_delete BEFORE DELETE ON credit_events
WHEN NOT EXISTS (SELECT 1 FROM pruning WHERE OLD.kind = 'debit_usage' AND OLD.created_at < created_before)
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

-- Who was in a free room on a day: those who left on it, and those who left on a later day than that on which they came,
-- who are few. A stay is put there when it ends, so a renewal has nothing to do with it.
CREATE INDEX connections_by_end ON connections (left_at) WHERE left_at IS NOT NULL AND kind = 'free';
CREATE INDEX connections_over_midnight ON connections (left_at / 86400, joined_at, left_at, kind)
    WHERE left_at IS NOT NULL AND kind = 'free' AND joined_at / 86400 <> left_at / 86400;

CREATE INDEX attestations_by_day ON attestations (decided_at);

-- What a day (UTC) that is over came to (lib/usage/daily.h).
CREATE TABLE usage_days (
    begins_at              INTEGER NOT NULL PRIMARY KEY CHECK (begins_at >= 0 AND begins_at % 86400 = 0),
    booked_at              INTEGER NOT NULL,
    debited_seconds        INTEGER NOT NULL,
    granted_seconds        INTEGER NOT NULL,  -- base grants, bonuses and top-ups
    admin_adjusted_seconds INTEGER NOT NULL,  -- either way
    refunded_seconds       INTEGER NOT NULL,
    wallets                INTEGER NOT NULL,  -- that were in a free room
    rooms                  INTEGER NOT NULL,  -- free ones, in which somebody was
    sessions_completed     INTEGER NOT NULL,  -- of which that was decided on the day, here and below
    sessions_no_show_host  INTEGER NOT NULL,
    sessions_no_show_guest INTEGER NOT NULL
) STRICT;
