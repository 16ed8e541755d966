// What the application's backend does, through the real web server.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expect, ok, startService } from './service.mjs';

const token = 'the-backends-token-of-this-end-to-end-test';
const headers = { 'X-Service-Token': token };

describe('the API of the backend', () => {
    let service;
    before(async () => {
        service = await startService({ settings: { SERVICE_TOKEN: token } });
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    const send = (method, path, body, more = {}) =>
        service.request(method, `/service${path}`, { body, headers: { ...headers, ...more } });
    const today = () => new Date().toISOString().slice(0, 10);

    it('tops up and refunds once for each reference, of many at once', async () => {
        const client = await service.signedIn();
        const grant = { wallet: client.wallet, seconds: 3600, reference: `payment-${client.wallet}` };
        const replies = await Promise.all(Array.from({ length: 12 }, () => send('POST', '/credits/grant', grant)));
        assert.equal(replies.filter((reply) => ok(reply).granted).length, 1);
        assert.equal((await client.credits()).remaining_seconds, 3600);
        expect(await send('POST', '/credits/grant', { ...grant, seconds: 1 }), 409, 'reference_reused');
        const { events } = ok(await service.get('/credits/history', { token: client.token }));
        assert.deepEqual(events.map(({ kind }) => kind), ['top_up']);

        await client.host();
        const { connection_id } = client.seat;
        const refund = { connection_id, seconds: 3000, reference: 'r' };
        expect(await send('POST', '/credits/refund', refund), 409, 'refund_exceeds_debits');
        expect(await send('POST', '/credits/refund', { ...refund, connection_id: 'x' }), 404, 'connection_not_found');
        ok(await client.leave());
    });

    it('looks at wallets and rooms, closes, removes, bans', async () => {
        const [host, guest, other] = await service.signedInMany(3);
        const room_id = await host.host({ visibility: 'private' });
        ok(await guest.join(room_id));
        const shown = ok(await send('GET', `/wallets/${host.wallet}`));
        assert.deepEqual([shown.stay.room_id, shown.hosted_room.room_id, shown.ban], [room_id, room_id, null]);
        await other.host();

        const seen = [];
        let page = {};
        do {
            const cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : '';
            page = ok(await send('GET', `/rooms?limit=1${cursor}`));
            seen.push(...page.rooms);
        } while (page.next_cursor);
        const ours = seen.filter((room) => room.room_id === room_id);
        assert.deepEqual(
            ours.map((room) => [room.visibility, room.participants.map(({ wallet }) => wallet).sort()]),
            [['private', [host.wallet, guest.wallet].sort()]],
        );
        assert.ok(seen.length >= 2);

        const seat = `/rooms/${room_id}/participants/${guest.seat.connection_id}`;
        assert.equal(ok(await send('DELETE', seat)).closed, false);
        expect(await send('DELETE', seat), 404, 'participant_not_found');
        expect(await guest.join(room_id), 403, 'removed_from_room');
        const key = { 'Idempotency-Key': 'close' };
        ok(await send('DELETE', `/rooms/${room_id}`, undefined, key));
        const again = await send('DELETE', `/rooms/${room_id}`, undefined, key);
        assert.deepEqual([again.status, again.headers['idempotency-replayed']], [200, 'true']);
        expect(await send('DELETE', `/rooms/${room_id}`), 404, 'room_not_found');

        const ban = `/wallets/${other.wallet}/ban`;
        const banned = ok(await send('PUT', ban, { reason: 'spam', expires_in: 3600 }));
        assert.equal(banned.left_room_id, banned.closed_room_id);
        expect(await other.create(), 403, 'banned');
        ok(await send('DELETE', ban));
        expect(await send('DELETE', ban), 404, 'not_banned');
        ok(await other.create());
    });

    it("tells a day's use, also after the sweep", async () => {
        const days = async () => ok(await send('GET', `/usage?from=${today()}&to=${today()}`)).days;
        const [day] = await days();
        assert.equal(day.day, today());
        assert.ok(day.granted_seconds >= 3600 && day.wallets >= 1 && day.rooms >= 1, JSON.stringify(day));
        await service.sweep();
        assert.deepEqual(await days(), [day]);
        expect(await send('GET', '/usage?from=2026-01-01&to=2027-01-02'), 400, 'invalid to');
        expect(await send('GET', '/usage?from=2026-01-01'), 400, 'missing from or to');
    });

    it('is not for others', async () => {
        const client = await service.signedIn();
        for (const wrong of [{}, { 'X-Service-Token': `${token}x` }])
            for (const path of ['/rooms', '/usage', `/wallets/${client.wallet}`])
                expect(
                    await service.request('GET', `/service${path}`, { token: client.token, headers: wrong }),
                    403,
                    'forbidden',
                );
        const preflight = await service.request('OPTIONS', '/service/wallets/x/ban');
        assert.match(preflight.headers['access-control-allow-methods'], /\bPUT\b/);
        const without = await startService();
        expect(await without.request('GET', '/service/rooms', { headers }), 404, 'not_found');
        await without.stop();
    });
});
