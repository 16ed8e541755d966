-- The whole schema of version 17, for a database that begins on PostgreSQL (13 or later, encoding UTF8). Lower versions
-- exist only on SQLite. It says what schema/sqlite/001 to 017 say together: the same names, and whatever is refused
-- there is refused here. The triggers that look at other rows rely on transactions that are SERIALIZABLE.
--
-- Integers are bigint, also those that are 0 or 1, as the programs bind and read them. Texts are compared byte by byte,
-- as SQLite does it, whatever the locale of the database: COLLATE "C".


-- Sign-in. A nonce authenticates itself (lib/auth/nonce.h), so only a used one is remembered, until it would have
-- expired anyway.

CREATE TABLE spent_nonces (
    nonce      text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(nonce) = 64),
    expires_at bigint NOT NULL  -- from then on the nonce is refused for its age; the sweep deletes the row
);

CREATE INDEX spent_nonces_by_expiry ON spent_nonces (expires_at);


-- The credit ledger, in seconds. An account is the running sum of its events; both change in one transaction.

-- Every debit changes an account, and no index holds what it changes. While a page has room for the new row, the index
-- need not be written (a HOT update): hence the fillfactor. All CHECKs are made again each time, and a repetition such
-- as {40} takes five times as long as a length and a +.
CREATE TABLE credit_accounts (
    wallet                text COLLATE "C" NOT NULL PRIMARY KEY
        CHECK (length(wallet) = 42 AND wallet ~ '^0x[0-9a-f]+$'),
    base_granted_seconds  bigint NOT NULL DEFAULT 0 CHECK (base_granted_seconds >= 0),
    bonus_granted_seconds bigint NOT NULL DEFAULT 0 CHECK (bonus_granted_seconds >= 0),
    adjusted_seconds      bigint NOT NULL DEFAULT 0,                                -- by operators, either way
    consumed_seconds      bigint NOT NULL DEFAULT 0 CHECK (consumed_seconds >= 0),  -- debits less refunds
    remaining_seconds     bigint NOT NULL DEFAULT 0
        CHECK (remaining_seconds BETWEEN 0 AND 9007199254740991),  -- exact in JSON's numbers
    CHECK (remaining_seconds = base_granted_seconds + bonus_granted_seconds + adjusted_seconds - consumed_seconds)
) WITH (fillfactor = 70);

CREATE TABLE credit_events (
    wallet                text COLLATE "C" NOT NULL REFERENCES credit_accounts (wallet),
    event_id              bigint NOT NULL,  -- ascending for each wallet, in the order of booking
    kind                  text COLLATE "C" NOT NULL
        CHECK (kind IN ('debit_usage', 'grant_base', 'grant_celo_bonus', 'refund_usage', 'admin_adjust')),
    delta_seconds         bigint NOT NULL CHECK (delta_seconds <> 0),
    balance_after_seconds bigint NOT NULL CHECK (balance_after_seconds >= 0),
    connection_id         text COLLATE "C",  -- whose presence was debited or refunded
    reason                text COLLATE "C",  -- an operator's words
    created_at            bigint NOT NULL,
    PRIMARY KEY (wallet, event_id),
    CHECK (CASE kind WHEN 'debit_usage' THEN delta_seconds < 0 WHEN 'admin_adjust' THEN true
           ELSE delta_seconds > 0 END),
    CHECK (kind NOT IN ('debit_usage', 'refund_usage') OR connection_id IS NOT NULL)
);

-- Each grant once per wallet, ever.
CREATE UNIQUE INDEX credit_events_one_grant ON credit_events (wallet, kind)
    WHERE kind IN ('grant_base', 'grant_celo_bonus');
-- All refunds together are a metric, and few among millions of events.
CREATE INDEX credit_events_refunds ON credit_events (delta_seconds) WHERE kind = 'refund_usage';

-- Pruning merges old debits that follow one another (lib/credits/pruning.h). The ledger stays append-only for everybody
-- else: its triggers let a change pass only while the one row of `pruning` exists, and no transaction can commit with
-- it.
CREATE TABLE pruning (
    id             bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    created_before bigint NOT NULL,  -- only events older than this may be merged
    -- Refers to a row that cannot exist, which COMMIT will find unless this one is gone by then.
    gone           bigint NOT NULL DEFAULT 0 CHECK (gone = 0) REFERENCES pruning (id) DEFERRABLE INITIALLY DEFERRED
);

-- The account moves first; its event must then state the balance that it left.
CREATE FUNCTION credit_events_state_the_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.balance_after_seconds IS DISTINCT FROM
       (SELECT remaining_seconds FROM credit_accounts WHERE wallet = NEW.wallet) THEN
        RAISE EXCEPTION 'balance_after_seconds is not the account''s balance';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_events_state_the_balance BEFORE INSERT ON credit_events
    FOR EACH ROW EXECUTE FUNCTION credit_events_state_the_balance();

-- All that may change is how much an old debit takes, while it is pruned, and which balance it leaves stays as it is.
CREATE FUNCTION credit_events_no_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind <> 'debit_usage'
       OR NOT EXISTS (SELECT 1 FROM pruning WHERE id = 1 AND OLD.created_at < created_before)
       OR NEW.event_id <> OLD.event_id OR NEW.wallet <> OLD.wallet OR NEW.kind <> OLD.kind
       OR NEW.balance_after_seconds <> OLD.balance_after_seconds
       OR NEW.connection_id IS DISTINCT FROM OLD.connection_id OR NEW.reason IS DISTINCT FROM OLD.reason
       OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'credit_events is append-only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_events_no_update BEFORE UPDATE ON credit_events
    FOR EACH ROW EXECUTE FUNCTION credit_events_no_update();

CREATE FUNCTION credit_events_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind <> 'debit_usage'
       OR NOT EXISTS (SELECT 1 FROM pruning WHERE id = 1 AND OLD.created_at < created_before) THEN
        RAISE EXCEPTION 'credit_events is append-only';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER credit_events_no_delete BEFORE DELETE ON credit_events
    FOR EACH ROW EXECUTE FUNCTION credit_events_no_delete();

-- TRUNCATE, which SQLite does not have, deletes without firing a trigger on deletion. (SQLite's REPLACE, which does so
-- too, PostgreSQL does not have.)
CREATE FUNCTION credit_events_no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit_events is append-only';
END $$;
CREATE TRIGGER credit_events_no_truncate BEFORE TRUNCATE ON credit_events
    FOR EACH STATEMENT EXECUTE FUNCTION credit_events_no_truncate();

CREATE FUNCTION credit_accounts_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit_accounts keeps every wallet';
END $$;
CREATE TRIGGER credit_accounts_no_delete BEFORE DELETE ON credit_accounts
    FOR EACH ROW EXECUTE FUNCTION credit_accounts_no_delete();
CREATE TRIGGER credit_accounts_no_truncate BEFORE TRUNCATE ON credit_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION credit_accounts_no_delete();

-- Which name brought a wallet its base grant, for BASE_GRANT_PER_NAME.
CREATE TABLE granted_names (
    wallet text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES credit_accounts (wallet),
    name   text COLLATE "C" NOT NULL  -- its node (EIP-137's namehash), hex
        CHECK (length(name) = 64 AND name ~ '^[0-9a-f]+$')
);

CREATE INDEX granted_names_by_name ON granted_names (name);


-- Rooms and the connections of their participants. A participant is present until token_expires_at, whether or not
-- anybody has written left_at yet; "open" below means left_at IS NULL.

-- emptied_at and closed_at stand in indexes, so that no change of a room is a HOT update. With room on its page the new
-- row at least needs no other page.
CREATE TABLE rooms (
    room_id     text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(room_id) = 36),
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('free', 'booked')),
    host_wallet text COLLATE "C" NOT NULL CHECK (length(host_wallet) = 42),
    visibility  text COLLATE "C" NOT NULL CHECK (visibility IN ('open', 'private')),
    ai_enabled  bigint NOT NULL CHECK (ai_enabled IN (0, 1)),
    capacity    bigint NOT NULL CHECK (capacity BETWEEN 2 AND 6),  -- participants at once
    created_at  bigint NOT NULL,
    closed_at   bigint CHECK (closed_at >= created_at),  -- NULL while active
    title       text COLLATE "C" CHECK (length(title) BETWEEN 1 AND 80),  -- characters; NULL for none
    emptied_at  bigint,  -- since when nobody is in a free room; NULL while somebody is, lapsed or not
    -- The order in which rooms were made, also within a second. Whoever inserts a room does not name it.
    ordinal     bigint GENERATED BY DEFAULT AS IDENTITY
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX rooms_one_active_per_host ON rooms (host_wallet) WHERE closed_at IS NULL AND kind = 'free';
CREATE INDEX rooms_active ON rooms (created_at, ordinal) WHERE closed_at IS NULL AND kind = 'free';
CREATE INDEX rooms_emptied ON rooms (emptied_at, ordinal)
    WHERE closed_at IS NULL AND kind = 'free' AND emptied_at IS NOT NULL;
CREATE INDEX rooms_of_sessions ON rooms (room_id) WHERE closed_at IS NULL AND kind = 'booked';

-- What a stay has used is booked again and again: with room on its page that is a HOT update. (A renewal is none: its
-- token's end stands in indexes.)
CREATE TABLE connections (
    connection_id    text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(connection_id) = 36),
    room_id          text COLLATE "C" NOT NULL REFERENCES rooms (room_id),
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('free', 'booked')),  -- the room's
    wallet           text COLLATE "C" NOT NULL CHECK (length(wallet) = 42),
    agora_uid        bigint NOT NULL CHECK (agora_uid BETWEEN 1 AND 4294967294),  -- 0 would admit anybody
    joined_at        bigint NOT NULL,
    token_expires_at bigint NOT NULL,  -- of the last token issued: presence ends here at the latest
    last_metered_at  bigint NOT NULL,  -- seconds before this mark are already paid
    debited_seconds  bigint NOT NULL DEFAULT 0 CHECK (debited_seconds >= 0),
    left_at          bigint,  -- NULL while open
    -- Events for the client: raised once each; delivered with the next answer to it.
    credits_low_at                bigint,  -- NULL until raised
    credits_low_remaining_seconds bigint CHECK ((credits_low_at IS NULL) = (credits_low_remaining_seconds IS NULL)),
    credits_exhausted_at          bigint,
    events_delivered              bigint NOT NULL DEFAULT 0
        CHECK (events_delivered BETWEEN 0 AND
               (credits_low_at IS NOT NULL)::int + (credits_exhausted_at IS NOT NULL)::int),
    CHECK (joined_at <= last_metered_at AND last_metered_at <= token_expires_at),
    CHECK (debited_seconds <= last_metered_at - joined_at),
    CHECK (left_at IS NULL OR left_at BETWEEN last_metered_at AND token_expires_at)
) WITH (fillfactor = 70);

-- One seat per wallet.
CREATE UNIQUE INDEX connections_one_open_per_wallet ON connections (wallet) WHERE left_at IS NULL AND kind = 'free';
CREATE UNIQUE INDEX connections_distinct_uids ON connections (room_id, agora_uid) WHERE left_at IS NULL;
-- A wallet holds one seat in a session, on whatever device it joined last.
CREATE UNIQUE INDEX connections_one_seat_per_session ON connections (room_id, wallet)
    WHERE left_at IS NULL AND kind = 'booked';
-- The parties' presence, over all their connections.
CREATE INDEX connections_of_sessions ON connections (room_id, wallet) WHERE kind = 'booked';
-- The stays in a room, open or not.
CREATE INDEX connections_by_room ON connections (room_id);
-- Who left before the token ended, of each room: their uids are given to nobody else until then.
CREATE INDEX connections_left_early ON connections (room_id, token_expires_at) WHERE left_at < token_expires_at;
-- Along this one the sweep finds who missed a renewal. A renewal moves its stay within one of so many parts, mostly on
-- the same page.
CREATE INDEX connections_by_expiry ON connections ((agora_uid % 4096), token_expires_at)
    WHERE left_at IS NULL AND kind = 'free';

CREATE FUNCTION connections_only_in_active_rooms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM rooms WHERE room_id = NEW.room_id AND kind = NEW.kind AND closed_at IS NULL) THEN
        RAISE EXCEPTION 'no such active room';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER connections_only_in_active_rooms BEFORE INSERT ON connections
    FOR EACH ROW EXECUTE FUNCTION connections_only_in_active_rooms();

CREATE FUNCTION connections_within_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM connections WHERE room_id = NEW.room_id AND left_at IS NULL) >=
       (SELECT capacity FROM rooms WHERE room_id = NEW.room_id) THEN
        RAISE EXCEPTION 'the room is full';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER connections_within_capacity BEFORE INSERT ON connections
    FOR EACH ROW EXECUTE FUNCTION connections_within_capacity();

CREATE FUNCTION connections_leave_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the participant has left';
END $$;
CREATE TRIGGER connections_leave_once BEFORE UPDATE OF left_at ON connections
    FOR EACH ROW WHEN (OLD.left_at IS NOT NULL AND NEW.left_at IS DISTINCT FROM OLD.left_at)
    EXECUTE FUNCTION connections_leave_once();

CREATE FUNCTION rooms_close_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM connections WHERE room_id = NEW.room_id AND left_at IS NULL) THEN
        RAISE EXCEPTION 'somebody is still in the room';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rooms_close_empty BEFORE UPDATE OF closed_at ON rooms
    FOR EACH ROW WHEN (NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION rooms_close_empty();

CREATE FUNCTION rooms_close_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the room is closed';
END $$;
CREATE TRIGGER rooms_close_once BEFORE UPDATE OF closed_at ON rooms
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
    EXECUTE FUNCTION rooms_close_once();

-- When the sweep last came to its end. One row.
CREATE TABLE sweeps (
    id          bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    finished_at bigint NOT NULL
);

-- At one instant the newest ban of a wallet that is neither lifted nor over counts.
CREATE TABLE bans (
    ban_id     bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,  -- ascending in the order of time
    wallet     text COLLATE "C" NOT NULL CHECK (length(wallet) = 42 AND wallet ~ '^0x[0-9a-f]+$'),
    reason     text COLLATE "C" NOT NULL CHECK (length(reason) > 0),  -- an operator's words, told to the wallet
    banned_at  bigint NOT NULL,
    expires_at bigint CHECK (expires_at > banned_at),  -- NULL: for good
    lifted_at  bigint CHECK (lifted_at >= banned_at)   -- by an operator, or because another took its place; NULL if not
);

-- With the ban's number, which SQLite puts into each index by itself: the newest ban of a wallet stands at its end.
CREATE INDEX bans_by_wallet ON bans (wallet, ban_id);


-- Booked sessions: each has a room of kind 'booked' for two, whose connections are the parties' presence.

CREATE TABLE sessions (
    booking_id          text COLLATE "C" NOT NULL PRIMARY KEY  -- a uint256 in its one decimal spelling
        CHECK (length(booking_id) <= 78 AND booking_id ~ '^(0|[1-9][0-9]*)$'),
    room_id             text COLLATE "C" NOT NULL UNIQUE REFERENCES rooms (room_id),
    -- What the escrow said of the booking when it was last read; NULL for a session joined before version 5.
    host_wallet         text COLLATE "C" CHECK (length(host_wallet) = 42),
    guest_wallet        text COLLATE "C" CHECK (length(guest_wallet) = 42),
    start_at            bigint,
    ends_at             bigint CHECK (ends_at >= start_at),
    grace_seconds       bigint CHECK (grace_seconds >= 0),
    min_overlap_seconds bigint CHECK (min_overlap_seconds >= 0),
    looked_up_at        bigint,
    -- Why no attestation will come by itself any more: 'attested', 'window missed', 'booking is Cancelled', ... NULL
    -- while the sweep has to look at the session.
    concluded           text COLLATE "C"
);

CREATE INDEX sessions_to_attest ON sessions (start_at) WHERE concluded IS NULL;


-- The oracle's attestations of booked sessions. What was decided, the nonce and the signed bytes are stored before they
-- are sent, so that a crash at any point sends those same bytes again.

CREATE TABLE attestations (
    booking_id      text COLLATE "C" NOT NULL PRIMARY KEY
        CHECK (length(booking_id) <= 78 AND booking_id ~ '^(0|[1-9][0-9]*)$'),
    -- The decision: never changed.
    outcome         bigint NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- the escrow's number
    host_joined_at  bigint NOT NULL,  -- 0: never came, here and below
    host_left_at    bigint NOT NULL,
    guest_joined_at bigint NOT NULL,
    guest_left_at   bigint NOT NULL,
    overlap_seconds bigint NOT NULL,
    metrics_hash    text COLLATE "C" NOT NULL CHECK (length(metrics_hash) = 64),  -- hex
    decided_at      bigint NOT NULL,
    -- How it fares.
    chain_id        bigint NOT NULL,
    oracle          text COLLATE "C" NOT NULL CHECK (length(oracle) = 42),  -- the sender's address, and
    nonce           bigint NOT NULL CHECK (nonce >= 0),  -- the nonce, of the transactions that count now
    -- submitted -> mined -> confirmed; or failed: refused, cancelled or overtaken. Mined and failed return to submitted
    -- when their block is taken back.
    state           text COLLATE "C" NOT NULL CHECK (state IN ('submitted', 'mined', 'confirmed', 'failed')),
    mined_hash      text COLLATE "C" CHECK (length(mined_hash) = 66),  -- the transaction that the chain took
    failure         text COLLATE "C",  -- why it failed
    settled_at      bigint,  -- confirmed, or failed for good; NULL while a block can still be taken back
    CHECK (state = 'confirmed' OR state = 'failed' OR settled_at IS NULL),
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK (state <> 'submitted' OR mined_hash IS NULL),
    CHECK (state <> 'mined' OR mined_hash IS NOT NULL),
    CHECK (state <> 'confirmed' OR (mined_hash IS NOT NULL AND settled_at IS NOT NULL)),
    CHECK (state <> 'failed' OR mined_hash IS NOT NULL OR settled_at IS NOT NULL)
);

-- A nonce serves one attestation at a time. The chain may begin anew, and its nonces with it.
CREATE UNIQUE INDEX attestations_one_nonce ON attestations (chain_id, oracle, nonce) WHERE state = 'submitted';
-- Those that a block may still take in or give back.
CREATE INDEX attestations_on_their_way ON attestations (nonce) WHERE settled_at IS NULL;
CREATE INDEX attestations_confirmed ON attestations (chain_id, oracle, nonce) WHERE state = 'confirmed';

CREATE FUNCTION attestations_decide_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an attestation is decided once';
END $$;
CREATE TRIGGER attestations_decide_once BEFORE UPDATE OF booking_id, outcome, host_joined_at, host_left_at,
    guest_joined_at, guest_left_at, overlap_seconds, metrics_hash, decided_at ON attestations
    FOR EACH ROW EXECUTE FUNCTION attestations_decide_once();

CREATE FUNCTION attestations_stay_confirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the attestation is on the chain';
END $$;
CREATE TRIGGER attestations_stay_confirmed BEFORE UPDATE ON attestations
    FOR EACH ROW WHEN (OLD.state = 'confirmed')
    EXECUTE FUNCTION attestations_stay_confirmed();

CREATE FUNCTION attestations_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attestations are kept';
END $$;
CREATE TRIGGER attestations_no_delete BEFORE DELETE ON attestations
    FOR EACH ROW EXECUTE FUNCTION attestations_no_delete();
CREATE TRIGGER attestations_no_truncate BEFORE TRUNCATE ON attestations
    FOR EACH STATEMENT EXECUTE FUNCTION attestations_no_delete();

-- Signed transactions: the first of a nonce, and those with higher fees that are to take its place.
CREATE TABLE attestation_transactions (
    -- Ascending: the last of an attestation is the one that counts.
    transaction_id           bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    booking_id               text COLLATE "C" NOT NULL REFERENCES attestations (booking_id),
    tx_hash                  text COLLATE "C" NOT NULL UNIQUE CHECK (length(tx_hash) = 66),
    oracle                   text COLLATE "C" NOT NULL CHECK (length(oracle) = 42),  -- the sender's address
    nonce                    bigint NOT NULL CHECK (nonce >= 0),
    is_cancellation          bigint NOT NULL DEFAULT 0 CHECK (is_cancellation BETWEEN 0 AND 1),  -- attests nothing
    gas_limit                bigint NOT NULL CHECK (gas_limit > 0),
    max_fee_per_gas          text COLLATE "C" NOT NULL,  -- wei, decimal; the gas price of a legacy transaction
    max_priority_fee_per_gas text COLLATE "C",           -- wei, decimal; NULL in a legacy transaction
    raw                      text COLLATE "C" NOT NULL,  -- the signed bytes, hex
    created_at               bigint NOT NULL,
    sent_at                  bigint  -- when the node last took it; NULL until it did
);

CREATE INDEX attestation_transactions_by_booking ON attestation_transactions (booking_id, transaction_id);

CREATE FUNCTION attestation_transactions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was signed stays as it is';
END $$;
CREATE TRIGGER attestation_transactions_stay BEFORE UPDATE OF booking_id, tx_hash, oracle, nonce, is_cancellation,
    gas_limit, max_fee_per_gas, max_priority_fee_per_gas, raw, created_at ON attestation_transactions
    FOR EACH ROW EXECUTE FUNCTION attestation_transactions_stay();

CREATE FUNCTION attestation_transactions_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was signed is kept';
END $$;
CREATE TRIGGER attestation_transactions_no_delete BEFORE DELETE ON attestation_transactions
    FOR EACH ROW EXECUTE FUNCTION attestation_transactions_no_delete();
CREATE TRIGGER attestation_transactions_no_truncate BEFORE TRUNCATE ON attestation_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION attestation_transactions_no_delete();


-- Requests that came with an Idempotency-Key, and what they were answered, so that one that is sent again is answered
-- the same and does nothing. What a request does and the answer to it are written in one transaction.

CREATE TABLE idempotent_requests (
    wallet          text COLLATE "C" NOT NULL CHECK (length(wallet) = 42),
    -- The client's; a wallet's own.
    idempotency_key text COLLATE "C" NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- SHA-256 of method, path and body, hex.
    fingerprint     text COLLATE "C" NOT NULL CHECK (length(fingerprint) = 64),
    started_at      bigint NOT NULL,  -- of the last attempt; the sweep deletes the row a day later
    status          bigint CHECK (status BETWEEN 200 AND 499),  -- of the answer; NULL while there is none
    -- The answer as it was sent. It can hold a secret: that of /rooms/join has an Agora token, good for 90 s.
    body            text COLLATE "C",
    CHECK ((status IS NULL) = (body IS NULL)),
    PRIMARY KEY (wallet, idempotency_key)
);

CREATE INDEX idempotent_requests_by_age ON idempotent_requests (started_at);

CREATE FUNCTION idempotent_requests_answer_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the request is answered';
END $$;
CREATE TRIGGER idempotent_requests_answer_once BEFORE UPDATE OF fingerprint, status, body ON idempotent_requests
    FOR EACH ROW WHEN (OLD.status IS NOT NULL)
    EXECUTE FUNCTION idempotent_requests_answer_once();
