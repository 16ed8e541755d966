-- Titles of rooms, and wallets that are kept out of free rooms.

ALTER TABLE rooms ADD COLUMN title TEXT CHECK (length(title) BETWEEN 1 AND 80);  -- characters; NULL for none

-- At one instant the newest ban of a wallet that is neither lifted nor over counts.
CREATE TABLE bans (
    ban_id     INTEGER PRIMARY KEY,  -- ascending in the order of time
    wallet     TEXT NOT NULL
        CHECK (length(wallet) = 42 AND substr(wallet, 1, 2) = '0x' AND substr(wallet, 3) NOT GLOB '*[^0-9a-f]*'),
    reason     TEXT NOT NULL CHECK (length(reason) > 0),  -- an operator's words, told to the wallet
    banned_at  INTEGER NOT NULL,
    expires_at INTEGER CHECK (expires_at > banned_at),  -- NULL: for good
    lifted_at  INTEGER CHECK (lifted_at >= banned_at)   -- by an operator, or because another took its place; NULL if not
) STRICT;

CREATE INDEX bans_by_wallet ON bans (wallet);
