// What an app does with the service from sign-in to leaving, through the real web server.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { inflateSync } from 'node:zlib';
import { assertSays } from './contract.mjs';
import { expect, ok, sleep, startService } from './service.mjs';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const uidOf = (wallet) => (parseInt(wallet.slice(-8), 16) & 0x7fffffff) % 0x7fffffff || 1;

// Agora's AccessToken2, read and checked as Agora's servers do.
function readAgoraToken(text, certificate) {
    assert.equal(text.slice(0, 3), '007');
    const content = inflateSync(Buffer.from(text.slice(3), 'base64'), { maxOutputLength: 1024 });
    let at = 0;
    const u16 = () => content.readUInt16LE((at += 2) - 2);
    const u32 = () => content.readUInt32LE((at += 4) - 4);
    const string = () => content.subarray(at + 2, (at += 2 + content.readUInt16LE(at)));
    const u32le = (number) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(number);
        return bytes;
    };
    const hmac = (key, message) => createHmac('sha256', key).update(message).digest();

    const signature = string();
    const info = content.subarray(at);
    const token = { appId: string().toString(), issuedAt: u32(), expire: u32() };
    const salt = u32();
    const key = hmac(u32le(salt), hmac(u32le(token.issuedAt), certificate));
    assert.deepEqual(signature, hmac(key, info), "the token's signature");
    assert.deepEqual([u16(), u16()], [1, 1], 'one service: RTC');
    token.privileges = {};
    for (let left = u16(); left > 0; left -= 1) token.privileges[u16()] = u32();
    token.channel = string().toString();
    token.uid = string().toString();
    assert.equal(at, content.length);
    return token;
}

describe('the whole flow', () => {
    let service;
    let settings;
    before(async () => {
        service = await startService();
        const lines = readFileSync(service.config, 'utf8')
            .split('\n')
            .filter((line) => /^[A-Z]/.test(line));
        settings = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s)));
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    for (const as of ['text', 'bytes'])
        it(`signs in with a signature over the nonce's ${as}`, async () => {
            const client = service.newClient();
            const nonce = await client.nonce();
            assert.match(nonce, /^[0-9a-f]{64}$/);
            const signature = await client.sign(nonce, as);
            const asWritten = { wallet: client.account.address, signature, nonce }; // mixed case
            const reply = await service.post('/auth/verify', asWritten);
            assert.equal(reply.headers['cache-control'], 'no-store');
            const claims = JSON.parse(Buffer.from(ok(reply).token.split('.')[1], 'base64url'));
            assert.equal(claims.sub, client.wallet);
            assert.equal(claims.exp - claims.iat, 3600);
            assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 30);
            ok(await service.get('/credits', { token: reply.json.token }));
            expect(await service.post('/auth/verify', asWritten), 401, 'invalid or expired nonce');
        });

    it('refuses the signature of another, and the nonce stays usable', async () => {
        const [client, other] = [service.newClient(), service.newClient()];
        const nonce = await client.nonce();
        const attempt = async (signature) => service.post('/auth/verify', { wallet: client.wallet, signature, nonce });
        expect(await attempt(await other.sign(nonce)), 401, 'invalid signature');
        for (const signature of ['0x', 'junk', `0x${'00'.repeat(65)}`, `0x${'ff'.repeat(65)}`, '0x' + 'é'.repeat(130)])
            expect(await attempt(signature), 401, 'invalid signature');
        ok(await attempt(await client.sign(nonce)));
    });

    it("refuses another wallet's nonce", async () => {
        const [client, other] = [service.newClient(), service.newClient()];
        const nonce = await other.nonce();
        const body = { wallet: client.wallet, signature: await client.sign(nonce), nonce };
        expect(await service.post('/auth/verify', body), 401, 'invalid or expired nonce');
    });

    it('wants a valid token', async () => {
        const client = await service.signedIn();
        const [head, claims, signature] = client.token.split('.');
        const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        const tokens = ['', 'junk', `${head}.${claims}.`, `${head}.${claims}`, `${unsigned}.${claims}.`];
        tokens.push(`${unsigned}.${claims}.${signature}`, `${head}.${claims}.${signature.slice(0, -2)}AA`);
        for (const token of tokens) {
            const reply = await service.get('/credits', { token });
            expect(reply, 401, 'unauthorized');
            assert.equal(reply.headers['www-authenticate'], 'Bearer');
        }
        expect(await service.get('/credits'), 401, 'unauthorized');
        for (const scheme of ['bearer', 'BEARER'])
            ok(await service.get('/credits', { headers: { Authorization: `${scheme} ${client.token}` } }));
    });

    it('goes from the first credit to the closed room', async () => {
        const [host, guest] = await service.signedInMany(2);
        const nothing = {
            remaining_seconds: 0,
            base_granted_seconds: 0,
            bonus_granted_seconds: 0,
            consumed_seconds: 0,
        };
        assert.deepEqual(await host.credits(), nothing);

        const listedBefore = await service.get('/rooms/active');
        assert.match(listedBefore.headers.etag, /^"[0-9a-f]+"$/);
        assert.equal(listedBefore.headers['cache-control'], 'no-cache');

        // create: the base grant happens here
        const created = ok(await host.create({ visibility: 'open', ai_enabled: false }));
        const { room_id } = created;
        assert.match(room_id, uuid);
        assertSays(created, {
            room_id,
            channel: `heaven-free-${room_id}`,
            visibility: 'open',
            capacity: 6,
            title: null,
        });
        assert.equal((await host.credits()).base_granted_seconds, 1800);
        const again = await host.create();
        expect(again, 409, 'already_hosting_free_room');
        assert.equal(again.json.room_id, room_id);

        // join
        const seat = ok(await host.join(room_id));
        assert.match(seat.connection_id, uuid);
        const { agora_token, connection_id, ...rest } = seat;
        assert.deepEqual(rest, {
            room_id,
            channel: `heaven-free-${room_id}`,
            agora_uid: uidOf(host.wallet),
            host_wallet: host.wallet,
            is_host: true,
            token_expires_in_seconds: 90,
            renew_after_seconds: 45,
            heartbeat_interval_seconds: 30,
            remaining_seconds: 1800,
        });
        const token = readAgoraToken(agora_token, settings.AGORA_APP_CERTIFICATE);
        assert.deepEqual(token, {
            appId: settings.AGORA_APP_ID,
            issuedAt: token.issuedAt,
            expire: 90,
            privileges: { 1: 90, 2: 90, 3: 90, 4: 90 },
            channel: `heaven-free-${room_id}`,
            uid: String(uidOf(host.wallet)),
        });
        assert.ok(Math.abs(token.issuedAt - Date.now() / 1000) < 30);
        for (const refused of [await host.post('/rooms/join', { room_id }), await host.create()]) {
            expect(refused, 409, 'already_in_free_room');
            assert.deepEqual([refused.json.room_id, refused.json.connection_id], [room_id, connection_id]);
        }
        const guestSeat = ok(await guest.join(room_id));
        assert.equal(guestSeat.is_host, false);
        assert.notEqual(guestSeat.agora_uid, seat.agora_uid);

        // the listing
        const listed = await service.get('/rooms/active');
        const entry = ok(listed).rooms.find((room) => room.room_id === room_id);
        assert.match(entry.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.deepEqual(entry, { ...entry, host_wallet: host.wallet, participant_count: 2 });
        assert.notEqual(listed.headers.etag, listedBefore.headers.etag);
        const tags = [listed.headers.etag, `W/${listed.headers.etag}`, `"x", ${listed.headers.etag}`, '*'];
        for (const tag of tags) {
            const unchanged = await service.get('/rooms/active', { headers: { 'If-None-Match': tag } });
            assert.deepEqual([unchanged.status, unchanged.text], [304, '']);
            assert.equal(unchanged.headers.etag, listed.headers.etag);
            assert.equal(unchanged.headers['cache-control'], listed.headers['cache-control']);
        }
        ok(await service.get('/rooms/active', { headers: { 'If-None-Match': listedBefore.headers.etag } }));

        // metering
        await sleep(1100);
        const beat = ok(await host.heartbeat());
        assert.equal(beat.ok, true);
        assert.deepEqual(beat.events, []);
        assert.ok(beat.remaining_seconds < 1800 && beat.remaining_seconds > 1770);
        const renewed = ok(await host.renew());
        assert.equal(renewed.token_expires_in_seconds, 90);
        assert.equal(readAgoraToken(renewed.agora_token, settings.AGORA_APP_CERTIFICATE).expire, 90);

        // leaving: the guest, then the host, which closes the room
        expect(await guest.post('/rooms/leave', host.seat), 403, 'not_your_connection');
        const left = ok(await guest.leave());
        assert.deepEqual([left.ok, left.closed], [true, false]);
        assert.equal(left.debited_seconds + left.remaining_seconds, 1800);
        for (const refused of [await guest.leave(), await guest.heartbeat(), await guest.renew()])
            expect(refused, 403, 'not_your_connection');
        ok(await guest.join(room_id));
        assert.equal(ok(await host.leave()).closed, true);
        expect(await guest.heartbeat(), 403, 'not_your_connection');
        expect(await guest.join(room_id), 404, 'room_not_found');
        const active = ok(await service.get('/rooms/active')).rooms;
        assert.equal(
            active.some((room) => room.room_id === room_id),
            false,
        );
        const credits = await host.credits();
        assert.equal(credits.remaining_seconds + credits.consumed_seconds, 1800);
    });

    it('keeps a private room out of the listing', async () => {
        const [host, guest] = await service.signedInMany(2);
        const room_id = await host.host({ visibility: 'private' });
        const { rooms } = ok(await service.get('/rooms/active'));
        assert.equal(
            rooms.some((room) => room.room_id === room_id),
            false,
        );
        ok(await guest.join(room_id));
        assert.equal(ok(await guest.leave()).closed, false);
        assert.equal(ok(await host.leave()).closed, true);
    });

    it('gives the Celo bonus once', async () => {
        const client = await service.signedIn();
        assert.deepEqual(ok(await client.post('/credits/verify-celo')), { granted: true, remaining_seconds: 1800 });
        assert.deepEqual(ok(await client.post('/credits/verify-celo', {})), {
            granted: false,
            remaining_seconds: 1800,
        });
        assert.equal((await client.credits()).bonus_granted_seconds, 1800);
    });

    it('says what is wrong with a request', async () => {
        const client = await service.signedIn();
        const id = '01234567-89ab-4def-8123-456789abcdef';
        const cases = [
            ['/auth/nonce', {}, 400, 'missing wallet'],
            ['/auth/nonce', { wallet: '0x12' }, 400, 'invalid wallet'],
            ['/auth/nonce', { wallet: 7 }, 400, 'invalid wallet'],
            ['/auth/verify', { wallet: client.wallet }, 400, 'missing wallet, signature, or nonce'],
            ['/rooms/join', undefined, 400, 'missing room_id'],
            ['/rooms/join', { room_id: 7 }, 400, 'invalid room_id'],
            ['/rooms/join', { room_id: "' OR 1=1 --" }, 404, 'room_not_found'],
            ['/rooms/leave', { room_id: 'lobby', connection_id: 'x' }, 403, 'not_your_connection'],
            ['/rooms/join', { room_id: id }, 404, 'room_not_found'],
            ['/rooms/create', { ai_enabled: 'yes' }, 400, 'invalid ai_enabled'],
            ['/rooms/heartbeat', { room_id: id }, 400, 'missing room_id or connection_id'],
            ['/rooms/heartbeat', { room_id: id, connection_id: [] }, 400, 'invalid connection_id'],
            ['/rooms/token/renew', { room_id: id, connection_id: id }, 403, 'not_your_connection'],
            ['/rooms/leave', { room_id: id, connection_id: id }, 403, 'not_your_connection'],
        ];
        for (const [path, body, status, error] of cases) expect(await client.post(path, body), status, error);
    });

    it('wants whole, strict JSON', async () => {
        const client = await service.signedIn();
        const nested = `{"room_id":${'['.repeat(100)}${']'.repeat(100)}}`;
        const bodies = [
            '{',
            'null',
            '[]',
            '"text"',
            '1',
            '{} {}',
            '{"a":1,"a":2}',
            '\ufeff{}',
            '{}\0',
            '{"a":NaN}',
            nested,
        ];
        bodies.push(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])); // {"\xff":1}
        for (const body of bodies) expect(await client.post('/rooms/create', body), 400, 'invalid_json');
        assert.deepEqual(
            ok(await service.get('/rooms/active')).rooms.filter((r) => r.host_wallet === client.wallet),
            [],
        );
    });
});
