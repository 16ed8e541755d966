-- What schema/sqlite/020 says.

CREATE TABLE agora_presence (
    connection_id   text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES connections (connection_id),
    first_heard_at  bigint,
    client_seq      bigint NOT NULL,
    disconnected_at bigint
);

DROP TRIGGER connections_leave_once ON connections;
CREATE TRIGGER connections_leave_once BEFORE UPDATE OF left_at ON connections
    FOR EACH ROW WHEN (OLD.left_at IS NOT NULL AND (NEW.left_at IS NULL OR NEW.left_at < OLD.left_at OR OLD.kind <> 'free')
                       AND NEW.left_at IS DISTINCT FROM OLD.left_at)
    EXECUTE FUNCTION connections_leave_once();

CREATE INDEX connections_early_leaves ON connections (substr(wallet, 35), left_at)
    WHERE left_at < token_expires_at AND kind <> 'booked';
