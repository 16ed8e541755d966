-- Requests that came with an Idempotency-Key, and what they were answered, so that one that is sent again is answered
-- the same and does nothing. What a request does and the answer to it are written in one transaction.

CREATE TABLE idempotent_requests (
    wallet          TEXT NOT NULL CHECK (length(wallet) = 42),
    idempotency_key TEXT NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),  -- the client's; a wallet's own
    fingerprint     TEXT NOT NULL CHECK (length(fingerprint) = 64),  -- SHA-256 of method, path and body, hex
    started_at      INTEGER NOT NULL,  -- of the last attempt; the sweep deletes the row a day later
    status          INTEGER CHECK (status BETWEEN 200 AND 499),  -- of the answer; NULL while there is none
    -- The answer as it was sent. It can hold a secret: that of /rooms/join has an Agora token, good for 90 s.
    body            TEXT,
    CHECK ((status IS NULL) = (body IS NULL)),
    PRIMARY KEY (wallet, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotent_requests_by_age ON idempotent_requests (started_at);

CREATE TRIGGER idempotent_requests_answer_once BEFORE UPDATE OF fingerprint, status, body ON idempotent_requests
WHEN OLD.status IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the request is answered');
END;
