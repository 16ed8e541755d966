-- The credit ledger, in seconds. An account is the running sum of its events; both change in one transaction.

CREATE TABLE credit_accounts (
    wallet                TEXT NOT NULL PRIMARY KEY
        CHECK (length(wallet) = 42 AND substr(wallet, 1, 2) = '0x' AND substr(wallet, 3) NOT GLOB '*[^0-9a-f]*'),
    base_granted_seconds  INTEGER NOT NULL DEFAULT 0 CHECK (base_granted_seconds >= 0),
    bonus_granted_seconds INTEGER NOT NULL DEFAULT 0 CHECK (bonus_granted_seconds >= 0),
    adjusted_seconds      INTEGER NOT NULL DEFAULT 0,                                -- by operators, either way
    consumed_seconds      INTEGER NOT NULL DEFAULT 0 CHECK (consumed_seconds >= 0),  -- debits less refunds
    remaining_seconds     INTEGER NOT NULL DEFAULT 0
        CHECK (remaining_seconds BETWEEN 0 AND 9007199254740991),  -- exact in JSON's numbers
    CHECK (remaining_seconds = base_granted_seconds + bonus_granted_seconds + adjusted_seconds - consumed_seconds)
) STRICT, WITHOUT ROWID;

CREATE TABLE credit_events (
    event_id              INTEGER PRIMARY KEY,  -- ascending in the order of booking
    wallet                TEXT NOT NULL REFERENCES credit_accounts (wallet),
    kind                  TEXT NOT NULL
        CHECK (kind IN ('grant_base', 'grant_celo_bonus', 'debit_usage', 'refund_usage', 'admin_adjust')),
    delta_seconds         INTEGER NOT NULL CHECK (delta_seconds <> 0),
    balance_after_seconds INTEGER NOT NULL CHECK (balance_after_seconds >= 0),
    connection_id         TEXT,  -- whose presence was debited or refunded
    reason                TEXT,  -- an operator's words
    created_at            INTEGER NOT NULL,
    CHECK (CASE kind WHEN 'debit_usage' THEN delta_seconds < 0 WHEN 'admin_adjust' THEN 1 ELSE delta_seconds > 0 END),
    CHECK (kind NOT IN ('debit_usage', 'refund_usage') OR connection_id IS NOT NULL)
) STRICT;

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

CREATE TRIGGER credit_events_no_update BEFORE UPDATE ON credit_events
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
END;

CREATE TRIGGER credit_events_no_delete BEFORE DELETE ON credit_events
BEGIN
    SELECT RAISE(ABORT, 'credit_events is append-only');
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

CREATE TRIGGER credit_accounts_no_delete BEFORE DELETE ON credit_accounts
BEGIN
    SELECT RAISE(ABORT, 'credit_accounts keeps every wallet');
END;
