-- What a token is good for after its holder has left. Agora may say when a client came and went; and where Agora cannot be
-- told to turn a token away, leaving early is believed up to a budget.

-- What Agora has said of a stay. Its notices come late, twice and in any order.
CREATE TABLE agora_presence (
    connection_id   TEXT NOT NULL PRIMARY KEY REFERENCES connections (connection_id),
    first_heard_at  INTEGER,           -- when the client came, first of all
    client_seq      INTEGER NOT NULL,  -- of the newest notice
    disconnected_at INTEGER            -- if that said that the client went; NULL while it is there
) STRICT, WITHOUT ROWID;

-- A stay that was left early may turn out to have lasted longer, up to its token's end; it never becomes shorter, nor open.
DROP TRIGGER connections_leave_once;
CREATE TRIGGER connections_leave_once BEFORE UPDATE OF left_at ON connections
WHEN OLD.left_at IS NOT NULL AND (NEW.left_at IS NULL OR NEW.left_at < OLD.left_at OR OLD.kind <> 'free')
    AND NEW.left_at IS NOT OLD.left_at
BEGIN
    SELECT RAISE(ABORT, 'the participant has left');
END;

-- What a wallet has left of tokens lately, by its last eight digits, which are few bytes. Not said as in other indexes, or SQLite
-- would take one of all who left lately.
CREATE INDEX connections_early_leaves ON connections (substr(wallet, 35), left_at)
    WHERE left_at < token_expires_at AND kind <> 'booked';
