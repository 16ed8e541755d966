-- A mined attestation is confirmed once its block can no longer be taken back. Both tables are written anew with the
-- same rows, because a CHECK cannot be changed.

CREATE TABLE new_attestations (
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
    -- submitted -> mined -> confirmed; or failed: refused, cancelled or overtaken. Mined and failed return to submitted
    -- when their block is taken back.
    state           TEXT NOT NULL CHECK (state = 'submitted' OR state = 'mined' OR state = 'confirmed'
                                         OR state = 'failed'),
    mined_hash      TEXT CHECK (length(mined_hash) = 66),  -- the transaction that the chain took
    failure         TEXT,     -- why it failed
    settled_at      INTEGER,  -- confirmed, or failed for good; NULL while a block can still be taken back
    CHECK (state = 'confirmed' OR state = 'failed' OR settled_at IS NULL),
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK (state <> 'submitted' OR mined_hash IS NULL),
    CHECK (state <> 'mined' OR mined_hash IS NOT NULL),
    CHECK (state <> 'confirmed' OR (mined_hash IS NOT NULL AND settled_at IS NOT NULL)),
    CHECK (state <> 'failed' OR mined_hash IS NOT NULL OR settled_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO new_attestations
    (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at, overlap_seconds, metrics_hash,
     decided_at, chain_id, oracle, nonce, state, mined_hash, failure, settled_at)
SELECT booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at, overlap_seconds, metrics_hash,
    decided_at, chain_id, oracle, nonce, state, mined_hash, failure, settled_at
FROM attestations;

-- Signed transactions: the first of a nonce, and those with higher fees that are to take its place.
CREATE TABLE new_attestation_transactions (
    transaction_id           INTEGER PRIMARY KEY,  -- ascending: the last of an attestation is the one that counts
    booking_id               TEXT NOT NULL REFERENCES new_attestations (booking_id),
    tx_hash                  TEXT NOT NULL UNIQUE CHECK (length(tx_hash) = 66),
    oracle                   TEXT NOT NULL CHECK (length(oracle) = 42),  -- the sender's address
    nonce                    INTEGER NOT NULL CHECK (nonce >= 0),
    is_cancellation          INTEGER NOT NULL DEFAULT 0 CHECK (is_cancellation BETWEEN 0 AND 1),  -- attests nothing
    gas_limit                INTEGER NOT NULL CHECK (gas_limit > 0),
    max_fee_per_gas          TEXT NOT NULL,  -- wei, decimal; the gas price of a legacy transaction
    max_priority_fee_per_gas TEXT,           -- wei, decimal; NULL in a legacy transaction
    raw                      TEXT NOT NULL,  -- the signed bytes, hex
    created_at               INTEGER NOT NULL,
    sent_at                  INTEGER  -- when the node last took it; NULL until it did
) STRICT;

INSERT INTO new_attestation_transactions
    (transaction_id, booking_id, tx_hash, oracle, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, raw,
     created_at, sent_at)
SELECT transaction_id, booking_id, tx_hash, oracle, nonce, gas_limit, max_fee_per_gas, max_priority_fee_per_gas, raw,
    created_at, sent_at
FROM attestation_transactions ORDER BY transaction_id;

DROP TABLE attestation_transactions;  -- first: it refers to the other
DROP TABLE attestations;
ALTER TABLE new_attestations RENAME TO attestations;
ALTER TABLE new_attestation_transactions RENAME TO attestation_transactions;

-- A nonce serves one attestation at a time. The chain may begin anew, and its nonces with it.
CREATE UNIQUE INDEX attestations_one_nonce ON attestations (chain_id, oracle, nonce) WHERE state = 'submitted';
-- Those that a block may still take in or give back.
CREATE INDEX attestations_on_their_way ON attestations (nonce) WHERE settled_at IS NULL;
CREATE INDEX attestations_confirmed ON attestations (chain_id, oracle, nonce) WHERE state = 'confirmed';

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

CREATE INDEX attestation_transactions_by_booking ON attestation_transactions (booking_id);

CREATE TRIGGER attestation_transactions_stay BEFORE UPDATE OF booking_id, tx_hash, oracle, nonce, is_cancellation,
    gas_limit, max_fee_per_gas, max_priority_fee_per_gas, raw, created_at ON attestation_transactions
BEGIN
    SELECT RAISE(ABORT, 'what was signed stays as it is');
END;

CREATE TRIGGER attestation_transactions_no_delete BEFORE DELETE ON attestation_transactions
BEGIN
    SELECT RAISE(ABORT, 'what was signed is kept');
END;
