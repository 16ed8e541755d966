-- Sign-in. A nonce authenticates itself (lib/auth/nonce.h), so only a used one is remembered, until it would
-- have expired anyway.

CREATE TABLE spent_nonces (
    nonce      TEXT NOT NULL PRIMARY KEY CHECK (length(nonce) = 64),
    expires_at INTEGER NOT NULL  -- from then on the nonce is refused for its age; the sweep deletes the row
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_nonces_by_expiry ON spent_nonces (expires_at);
