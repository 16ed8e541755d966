-- The oracle's attestations of booked sessions. What was decided, the nonce and the signed bytes are stored before they
-- are sent, so that a crash at any point sends those same bytes again.

-- What the escrow said of the booking when it was last read; NULL for a session joined before this version.
ALTER TABLE sessions ADD COLUMN host_wallet TEXT CHECK (length(host_wallet) = 42);
ALTER TABLE sessions ADD COLUMN guest_wallet TEXT CHECK (length(guest_wallet) = 42);
ALTER TABLE sessions ADD COLUMN start_at INTEGER;
ALTER TABLE sessions ADD COLUMN ends_at INTEGER CHECK (ends_at >= start_at);
ALTER TABLE sessions ADD COLUMN grace_seconds INTEGER CHECK (grace_seconds >= 0);
ALTER TABLE sessions ADD COLUMN min_overlap_seconds INTEGER CHECK (min_overlap_seconds >= 0);
ALTER TABLE sessions ADD COLUMN looked_up_at INTEGER;
-- Why no attestation will come by itself any more: 'attested', 'window missed', 'booking is Cancelled', ... NULL while
-- the sweep has to look at the session.
ALTER TABLE sessions ADD COLUMN concluded TEXT;

CREATE INDEX sessions_to_attest ON sessions (start_at) WHERE concluded IS NULL;
-- The parties' presence, over all their connections.
CREATE INDEX connections_of_sessions ON connections (room_id, wallet) WHERE kind = 'booked';
CREATE INDEX rooms_of_sessions ON rooms (room_id) WHERE closed_at IS NULL AND kind = 'booked';

CREATE TABLE attestations (
    booking_id      TEXT NOT NULL PRIMARY KEY
        CHECK (length(booking_id) BETWEEN 1 AND 78 AND booking_id NOT GLOB '*[^0-9]*'
               AND (booking_id = '0' OR booking_id NOT GLOB '0*')),
    -- The decision: never changed.
    outcome         INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- the escrow's number
    host_joined_at  INTEGER NOT NULL,  -- 0: never came, here and below
    host_left_at    INTEGER NOT NULL,
    guest_joined_at INTEGER NOT NULL,
    guest_left_at   INTEGER NOT NULL,
    overlap_seconds INTEGER NOT NULL,
    metrics_hash    TEXT NOT NULL CHECK (length(metrics_hash) = 64),  -- hex
    decided_at      INTEGER NOT NULL,
    -- How it fares.
    chain_id        INTEGER NOT NULL,
    oracle          TEXT NOT NULL CHECK (length(oracle) = 42),  -- the sender's address, and
    nonce           INTEGER NOT NULL CHECK (nonce >= 0),        -- the nonce, of the transactions that count now
    state           TEXT NOT NULL CHECK (state IN ('submitted', 'confirmed', 'failed')),
    mined_hash      TEXT CHECK (length(mined_hash) = 66),  -- the transaction that the chain took
    failure         TEXT,     -- why it failed
    settled_at      INTEGER,  -- confirmed or failed
    CHECK ((state = 'submitted') = (settled_at IS NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK (state <> 'confirmed' OR mined_hash IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- A nonce serves one attestation.
CREATE UNIQUE INDEX attestations_one_nonce ON attestations (chain_id, oracle, nonce);
CREATE INDEX attestations_submitted ON attestations (nonce) WHERE state = 'submitted';

CREATE TRIGGER attestations_decide_once
BEFORE UPDATE OF booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at, overlap_seconds,
    metrics_hash, decided_at ON attestations
BEGIN
    SELECT RAISE(ABORT, 'an attestation is decided once');
END;

CREATE TRIGGER attestations_stay_confirmed BEFORE UPDATE ON attestations WHEN OLD.state = 'confirmed'
BEGIN
    SELECT RAISE(ABORT, 'the attestation is on the chain');
END;

CREATE TRIGGER attestations_no_delete BEFORE DELETE ON attestations
BEGIN
    SELECT RAISE(ABORT, 'attestations are kept');
END;

-- Signed transactions: the first of a nonce, and those with higher fees that are to take its place.
CREATE TABLE attestation_transactions (
    transaction_id           INTEGER PRIMARY KEY,  -- ascending: the last of an attestation is the one that counts
    booking_id               TEXT NOT NULL REFERENCES attestations (booking_id),
    tx_hash                  TEXT NOT NULL UNIQUE CHECK (length(tx_hash) = 66),
    oracle                   TEXT NOT NULL CHECK (length(oracle) = 42),  -- the sender's address
    nonce                    INTEGER NOT NULL CHECK (nonce >= 0),
    gas_limit                INTEGER NOT NULL CHECK (gas_limit > 0),
    max_fee_per_gas          TEXT NOT NULL,  -- wei, decimal; the gas price of a legacy transaction
    max_priority_fee_per_gas TEXT,           -- wei, decimal; NULL in a legacy transaction
    raw                      TEXT NOT NULL,  -- the signed bytes, hex
    created_at               INTEGER NOT NULL,
    sent_at                  INTEGER  -- when the node last took it; NULL until it did
) STRICT;

CREATE INDEX attestation_transactions_by_booking ON attestation_transactions (booking_id);

CREATE TRIGGER attestation_transactions_stay BEFORE UPDATE OF booking_id, tx_hash, oracle, nonce, gas_limit,
    max_fee_per_gas, max_priority_fee_per_gas, raw, created_at ON attestation_transactions
BEGIN
    SELECT RAISE(ABORT, 'what was signed stays as it is');
END;

CREATE TRIGGER attestation_transactions_no_delete BEFORE DELETE ON attestation_transactions
BEGIN
    SELECT RAISE(ABORT, 'what was signed is kept');
END;
