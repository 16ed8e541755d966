-- What schema/sqlite/021 says.

ALTER TABLE credit_events ADD COLUMN reference text COLLATE "C" CHECK (length(reference) BETWEEN 1 AND 128);
ALTER TABLE credit_events DROP CONSTRAINT credit_events_kind_check,
    ADD CONSTRAINT credit_events_kind_check
        CHECK (kind IN ('debit_usage', 'grant_base', 'grant_celo_bonus', 'refund_usage', 'admin_adjust', 'top_up')),
    ADD CHECK (CASE kind WHEN 'top_up' THEN reference IS NOT NULL WHEN 'refund_usage' THEN true
               ELSE reference IS NULL END);

CREATE UNIQUE INDEX credit_events_one_reference ON credit_events (reference) WHERE reference IS NOT NULL;
CREATE INDEX credit_events_by_day ON credit_events (created_at) WHERE kind <> 'debit_usage';

CREATE OR REPLACE FUNCTION credit_events_no_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind <> 'debit_usage'
       OR NOT EXISTS (SELECT 1 FROM pruning WHERE id = 1 AND OLD.created_at < created_before)
       OR NEW.event_id <> OLD.event_id OR NEW.wallet <> OLD.wallet OR NEW.kind <> OLD.kind
       OR NEW.balance_after_seconds <> OLD.balance_after_seconds
       OR NEW.connection_id IS DISTINCT FROM OLD.connection_id OR NEW.reason IS DISTINCT FROM OLD.reason
       OR NEW.created_at <> OLD.created_at OR NEW.reference IS DISTINCT FROM OLD.reference THEN
        RAISE EXCEPTION 'credit_events is append-only';
    END IF;
    RETURN NEW;
END $$;

-- Who was in a free room on a day: those who left on it, and those who left on a later day than that on which they came,
-- who are few. A stay is put there when it ends, so a renewal has nothing to do with it.
CREATE INDEX connections_by_end ON connections (left_at) WHERE left_at IS NOT NULL AND kind = 'free';
CREATE INDEX connections_over_midnight ON connections ((left_at / 86400), joined_at)
    WHERE left_at IS NOT NULL AND kind = 'free' AND joined_at / 86400 <> left_at / 86400;

CREATE INDEX attestations_by_day ON attestations (decided_at);

-- What a day (UTC) that is over came to (lib/usage/daily.h).
CREATE TABLE usage_days (
    begins_at              bigint NOT NULL PRIMARY KEY CHECK (begins_at >= 0 AND begins_at % 86400 = 0),
    booked_at              bigint NOT NULL,
    debited_seconds        bigint NOT NULL,
    granted_seconds        bigint NOT NULL,  -- base grants, bonuses and top-ups
    admin_adjusted_seconds bigint NOT NULL,  -- either way
    refunded_seconds       bigint NOT NULL,
    wallets                bigint NOT NULL,  -- that were in a free room
    rooms                  bigint NOT NULL,  -- free ones, in which somebody was
    sessions_completed     bigint NOT NULL,  -- of which that was decided on the day, here and below
    sessions_no_show_host  bigint NOT NULL,
    sessions_no_show_guest bigint NOT NULL
);
