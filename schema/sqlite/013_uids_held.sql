-- Who left before the token ended, of each room: their uids are given to nobody else until then.

CREATE INDEX connections_left_early ON connections (room_id, token_expires_at) WHERE left_at < token_expires_at;
