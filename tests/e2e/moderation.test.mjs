// What hosts and operators do about people, and what a room and a statement show, through the real web server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { assertSays } from './contract.mjs';
import { expect, ok, sleep, startService } from './service.mjs';

const unknown = '01234567-89ab-4def-8123-456789abcdef';

describe('moderation', () => {
    let service;
    before(async () => {
        service = await startService();
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    const admin = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args);
        assert.equal(code, 0, stdout + stderr);
        return stdout;
    };
    const refused = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args);
        assert.notEqual(code, 0, stdout);
        return stdout + stderr;
    };
    const look = (client, room_id) => service.get(`/rooms/${room_id}`, { token: client.token });
    const kick = (client, room_id, connection_id, options = {}) =>
        service.delete(`/rooms/${room_id}/participants/${connection_id}`, { token: client.token, ...options });
    const close = (client, room_id, options = {}) =>
        service.delete(`/rooms/${room_id}`, { token: client.token, ...options });

    it('shows a room with its title and everybody in it', async () => {
        const [host, guest] = await service.signedInMany(2);
        const room_id = await host.host({ title: ' Über uns 🎙 ', capacity: 3 });
        ok(await guest.join(room_id));
        const { participants, created_at, ...room } = ok(await look(guest, room_id));
        assertSays(room, {
            room_id,
            channel: `heaven-free-${room_id}`,
            title: 'Über uns 🎙',
            host_wallet: host.wallet,
            visibility: 'open',
            capacity: 3,
            ai_enabled: false,
        });
        assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
        assert.deepEqual(
            participants.map((one) => one.connection_id).sort(),
            [host, guest].map((one) => one.seat.connection_id).sort(),
        );
        const listed = ok(await service.get('/rooms/active')).rooms.find((one) => one.room_id === room_id);
        assert.deepEqual([listed.title, listed.capacity, listed.participant_count], ['Über uns 🎙', 3, 2]);

        const head = await service.request('HEAD', `/rooms/${room_id}`, { token: guest.token });
        const got = await look(guest, room_id);
        assert.deepEqual([head.status, head.text], [200, '']);
        assert.equal(head.headers['content-length'], String(Buffer.byteLength(got.text)));
        assert.equal(head.headers['cache-control'], 'no-store');
        expect(await service.get(`/rooms/${room_id}`), 401, 'unauthorized');
        expect(await look(guest, unknown), 404, 'room_not_found');
        expect(await look(guest, 'x'), 404, 'room_not_found');
        assert.equal(ok(await look(guest, room_id.toUpperCase())).room_id, room_id);
        ok(await host.leave());
        expect(await look(guest, room_id), 404, 'room_not_found');
    });

    it('lets the host remove a participant, who is charged and gone', async () => {
        const [host, guest] = await service.signedInMany(2);
        const room_id = await host.host();
        ok(await guest.join(room_id));
        const { connection_id } = guest.seat;
        expect(await kick(guest, room_id, connection_id), 403, 'not_host');
        expect(await kick(host, room_id, unknown), 404, 'participant_not_found');
        expect(await kick(host, unknown, connection_id), 404, 'room_not_found');
        await sleep(1100);
        const removal = ok(await kick(host, room_id, connection_id));
        assert.deepEqual([removal.ok, removal.closed], [true, false]);
        assert.equal((await guest.credits()).consumed_seconds, removal.debited_seconds);
        for (const reply of [await guest.heartbeat(), await guest.renew(), await guest.leave()])
            expect(reply, 403, 'not_your_connection');
        expect(await kick(host, room_id, connection_id), 404, 'participant_not_found');
        assert.equal(ok(await look(host, room_id)).participants.length, 1);
        // A body and a trailing slash are no obstacle.
        assert.equal(ok(await kick(host, room_id, `${host.seat.connection_id}/`, { body: { x: 1 } })).closed, true);
        expect(await host.heartbeat(), 403, 'not_your_connection');
    });

    it('lets the host close the room', async () => {
        const [host, guest] = await service.signedInMany(2);
        const { room_id } = ok(await host.create());
        ok(await guest.join(room_id));
        expect(await close(guest, room_id), 403, 'not_host');
        assert.deepEqual(ok(await close(host, room_id)), { ok: true, closed: true });
        expect(await close(host, room_id), 404, 'room_not_found');
        expect(await guest.heartbeat(), 403, 'not_your_connection');
    });

    it('names the methods of each path, and admits DELETE from other origins', async () => {
        const client = await service.signedIn();
        for (const [method, path, allow] of [
            ['POST', `/rooms/${unknown}`, 'GET, HEAD, DELETE, OPTIONS'],
            ['GET', `/rooms/${unknown}/participants/${unknown}`, 'DELETE, OPTIONS'],
            ['DELETE', '/rooms/active', 'GET, HEAD, OPTIONS'],
            ['GET', '/rooms/create', 'POST, OPTIONS'],
        ]) {
            const reply = await service.request(method, path, { token: client.token });
            expect(reply, 405, 'method_not_allowed');
            assert.equal(reply.headers.allow, allow);
        }
        const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'DELETE' };
        const preflight = await service.request('OPTIONS', `/rooms/${unknown}`, { headers });
        assert.equal(preflight.status, 204);
        assert.match(preflight.headers['access-control-allow-methods'], /\bDELETE\b/);
    });

    it('gives a wallet its statement, page by page', async () => {
        const client = await service.signedIn();
        for (let i = 1; i <= 5; i += 1) await admin('credits', 'grant', client.wallet, String(i), '--reason', `no. ${i}`);
        const room_id = await client.host();
        await sleep(1100);
        ok(await client.leave());
        const page = async (query) => ok(await service.get(`/credits/history${query}`, { token: client.token }));
        const met = [];
        for (let cursor = ''; cursor !== null; ) {
            const { events, next_cursor } = await page(`?limit=3${cursor && `&cursor=${cursor}`}`);
            met.push(...events);
            cursor = next_cursor;
        }
        assert.deepEqual(
            met.map((event) => event.kind),
            ['debit_usage', 'grant_base', ...Array(5).fill('admin_adjust')],
        );
        assert.deepEqual([met[0].room_id, met[0].connection_id], [room_id, client.seat.connection_id]);
        assert.deepEqual([met[2].reason, met[2].room_id], ['no. 5', null]);
        assert.equal(met[0].balance_after_seconds, (await client.credits()).remaining_seconds);
        assert.deepEqual((await page('')).events, met);
        for (const [query, error] of [
            ['?limit=0', 'invalid limit'],
            ['?limit=201', 'invalid limit'],
            ['?cursor=x', 'invalid cursor'],
        ])
            expect(await service.get(`/credits/history${query}`, { token: client.token }), 400, error);
    });

    it('bans: the stay ends, the room closes, the door is shut until it is lifted', async () => {
        const [banned, guest] = await service.signedInMany(2);
        const room_id = await banned.host();
        ok(await guest.join(room_id));
        const said = await admin('ban', banned.account.address, '--reason', 'threats');
        assert.match(said, new RegExp(`^${banned.wallet} banned for good\n.*${room_id}.*\n.*${room_id}.*closed\n$`));
        for (const client of [banned, guest]) expect(await client.heartbeat(), 403, 'not_your_connection');
        const forGood = { error: 'banned', reason: 'threats', expires_at: null };
        const attempts = async () => [await banned.create(), await banned.join(room_id), await banned.renew()];
        for (const reply of await attempts()) {
            expect(reply, 403, 'banned');
            assert.deepEqual(reply.json, forGood);
        }
        // The rest is open to it: its credit, and the sessions that others have booked with it.
        await banned.signIn();
        ok(await service.get('/credits', { token: banned.token }));
        expect(await banned.post('/session/join', { booking_id: '7' }), 404, 'booking not found');

        // The newest ban counts.
        assert.match(await admin('ban', banned.wallet, '--reason', 'insults', '--for', '2'), /banned until \d{4}-/);
        const { json } = await banned.create();
        assert.deepEqual([json.error, json.reason], ['banned', 'insults']);
        assert.ok(Math.abs(Date.parse(json.expires_at) - Date.now()) < 10_000);
        await sleep(2100);
        await banned.host();
        ok(await banned.leave());

        await admin('ban', banned.wallet, '--reason', 'again');
        expect(await banned.create(), 403, 'banned');
        const states = (await admin('bans', 'list'))
            .split('\n')
            .filter((line) => line.startsWith(banned.wallet))
            .map((line) => line.match(/(active|over|lifted) +(\w+)$/).slice(1));
        assert.deepEqual(states, [
            ['active', 'again'],
            ['over', 'insults'],
            ['lifted', 'threats'],
        ]);
        assert.match(await admin('unban', banned.wallet), /may come back/);
        assert.match(await refused('unban', banned.wallet), /is not banned/);
        await banned.signIn();
        ok(await banned.create());
    });

    it('refuses what makes no sense of an operator', async () => {
        const { wallet } = service.newClient();
        const calls = [
            ['ban'],
            ['ban', wallet],
            ['ban', wallet, '--reason', ''],
            ['ban', wallet, '--reason', ' '],
            ['ban', '0x12', '--reason', 'x'],
            ['ban', wallet, '--reason', 'x', '--for', '0'],
            ['ban', wallet, '--reason', 'x', '--for', '-1'],
            ['ban', wallet, '--reason', 'x', '--for', 'ever'],
            ['unban', '0x12'],
            ['unban', wallet],
            ['bans'],
            ['rooms', 'kick', 'x'],
            ['rooms', 'kick', unknown],
            ['rooms', 'show', 'x'],
            ['rooms', 'show', unknown],
        ];
        for (const call of calls) assert.notEqual(await refused(...call), '', call.join(' '));
        assert.doesNotMatch(await admin('bans', 'list'), new RegExp(wallet));
    });

    it('lets an operator look into a room and remove somebody', async () => {
        const [host, guest] = await service.signedInMany(2);
        const room_id = await host.host({ title: 'a talk', visibility: 'private', capacity: 2 });
        ok(await guest.join(room_id));
        const line = async (client) => {
            const shown = await admin('rooms', 'show', room_id);
            return shown.split('\n').find((text) => text.includes(client.wallet) && !text.includes('host'));
        };
        assert.match(await line(guest), /Z to .*Z  present, [0-9] s charged$/); // of a machine that may be slow
        await sleep(1100);
        assert.match(await admin('rooms', 'kick', guest.seat.connection_id), /removed, [1-9] s charged$/m);
        expect(await guest.heartbeat(), 403, 'not_your_connection');
        assert.match(await refused('rooms', 'kick', guest.seat.connection_id), /participant_not_found/);
        assert.match(await line(guest), / left, [1-9] s charged$/);
        assert.match(await admin('rooms', 'kick', host.seat.connection_id), /the room is closed/);
        const shown = await admin('rooms', 'show', room_id);
        assert.match(shown, /^ +title +a talk$/m);
        assert.match(shown, /^ +closed +\d{4}-/m);
        assert.match(shown, /^ +admits +2, private$/m);
        assert.equal(shown.match(/ left, /g).length, 2);
    });
});

describe('a new JWT_SECRET', () => {
    it('signs nobody out while the one before it is named', async () => {
        const first = await startService();
        const client = await first.signedIn();
        const nonce = await client.nonce();
        const previous = readFileSync(first.config, 'utf8').match(/^JWT_SECRET=(.*)$/m)[1];
        await first.stop({ keepFolder: true });

        const settings = { JWT_SECRET: 'f'.repeat(64), JWT_SECRET_PREVIOUS: previous };
        const second = await startService({ folder: first.folder, settings });
        ok(await second.get('/credits', { token: client.token }));
        const body = { wallet: client.wallet, nonce, signature: await client.sign(nonce) };
        const { token } = ok(await second.post('/auth/verify', body));
        ok(await second.get('/credits', { token }));
        await second.stop({ keepFolder: true });

        const third = await startService({ folder: first.folder, settings: { JWT_SECRET: settings.JWT_SECRET } });
        expect(await third.get('/credits', { token: client.token }), 401, 'unauthorized');
        ok(await third.get('/credits', { token }));
        await third.stop();
    });
});
