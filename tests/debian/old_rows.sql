-- One wallet that talked for a minute and left, one that was only granted something; a used nonce; a sweep.
INSERT INTO credit_accounts (wallet, base_granted_seconds, remaining_seconds) VALUES
    ('0x00000000000000000000000000000000000000a1', 1800, 1800),
    ('0x00000000000000000000000000000000000000b2', 1800, 1800);
INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, created_at) VALUES
    ('0x00000000000000000000000000000000000000a1', 'grant_base', 1800, 1800, 1700000000),
    ('0x00000000000000000000000000000000000000b2', 'grant_base', 1800, 1800, 1700000001);
INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 'free', '0x00000000000000000000000000000000000000a1', 'open', 0, 6, 1700000000);
INSERT INTO connections (connection_id, room_id, kind, wallet, agora_uid, joined_at, token_expires_at, last_metered_at) VALUES
    ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'free',
     '0x00000000000000000000000000000000000000a1', 7, 1700000010, 1700000100, 1700000010);
UPDATE credit_accounts SET consumed_seconds = 60, remaining_seconds = 1740
    WHERE wallet = '0x00000000000000000000000000000000000000a1';
INSERT INTO credit_events (wallet, kind, delta_seconds, balance_after_seconds, connection_id, created_at) VALUES
    ('0x00000000000000000000000000000000000000a1', 'debit_usage', -60, 1740,
     '00000000-0000-4000-8000-000000000002', 1700000070);
UPDATE connections SET debited_seconds = 60, last_metered_at = 1700000070, left_at = 1700000070;
UPDATE rooms SET closed_at = 1700000070;
INSERT INTO spent_nonces (nonce, expires_at) VALUES
    ('00000000000000000000000000000000000000000000000000000000000000ff', 32503680000);
INSERT INTO sweeps (id, finished_at) VALUES (1, 1700000080);
