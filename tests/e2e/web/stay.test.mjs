// Stays by the client library, against the real service, whose tokens last for seconds.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep, until } from '../service.mjs';
import { answer, meddlingFetch, newAccount, newLocks, newPage, next, refusedBy, withService } from './pages.mjs';

describe('a stay with tokens of six seconds', () => {
    const context = withService({
        FREE_TOKEN_TTL_SECONDS: '6',
        RENEW_AFTER_SECONDS: '2',
        HEARTBEAT_INTERVAL_SECONDS: '1',
        JWT_TTL_SECONDS: '6',
        BASE_GRANT_SECONDS: '30',
        MINIMUM_CREDIT_SECONDS: '6',
    });

    it('renews, beats and refreshes by itself for two lives of a token and more', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        const stay = await client.join((await client.create()).room_id);
        const tokens = new Set([stay.seat.agora_token]);
        stay.on('token', ({ agora_token }) => tokens.add(agora_token));
        stay.on('lost', () => assert.fail('lost'));
        await sleep(15_000);
        assert.equal(stay.state, 'in');
        assert.ok(tokens.size >= 7 && tokens.size <= 9, `${tokens.size} tokens`);
        assert.ok(network.countOf('/auth/refresh') >= 3);
        const left = await stay.leave();
        assert.ok(left.debited_seconds >= 14 && left.debited_seconds <= 17, `${left.debited_seconds} s`);
    });

    it('is lost at the end of its token, and back when the network is', async () => {
        const { room_id } = await context.room();
        let isOff = false;
        const off = () => (isOff ? Promise.reject(new TypeError('off')) : undefined);
        const client = await context.signedIn({ fetch: async (...request) => (await off()) ?? fetch(...request) });
        const stay = await client.join(room_id);
        const first = stay.seat.connection_id;
        isOff = true;
        assert.deepEqual(await next(stay, 'lost'), { reason: 'token_expired' });
        assert.equal(stay.state, 'lost');
        await sleep(2000);
        const back = next(stay, 'back');
        const begun = performance.now();
        isOff = false;
        const seat = await back;
        assert.ok(performance.now() - begun < 5000);
        assert.notEqual(seat.connection_id, first);
        assert.equal((await stay.leave()).ok, true);
    });

    it('ends with the credit, after saying so', async () => {
        const client = await context.signedIn();
        const stay = await client.join((await client.create()).room_id);
        const told = [];
        for (const name of ['low', 'denied', 'ended']) stay.on(name, () => told.push(name));
        const ended = next(stay, 'ended');
        await until(() => told.includes('denied'), 'the renewal is denied', 40_000);
        assert.deepEqual(await ended, { reason: 'credits_exhausted' });
        assert.deepEqual(told, ['low', 'denied', 'ended']);
    });

    it('goes on when its page comes back, and leaves while the page is gone', async () => {
        const { room_id, host } = await context.room();
        const page = newPage();
        const network = meddlingFetch();
        const client = await context.signedIn({ listen: page.listen, fetch: network.fetch });
        const stay = await client.join(room_id);
        const lost = next(stay, 'lost');
        page.tell('pagehide');
        assert.deepEqual(await lost, { reason: 'page_hidden' });
        const leave = network.sent.find((request) => request.path === '/rooms/leave');
        assert.equal(leave.keepalive, true);
        assert.match(leave.headers.Authorization, /^Bearer /);
        await until(async () => (await host.room(room_id)).participants.length === 1, 'it has left');
        const back = next(stay, 'back');
        page.tell('pageshow');
        await back;
        assert.equal((await host.room(room_id)).participants.length, 2);
        await stay.leave();
    });

    it('goes over to the newest tab', async () => {
        const { room_id } = await context.room();
        const account = newAccount();
        const locks = newLocks();
        const tab = await context.signedIn({ locks }, { account });
        const other = await context.signedIn({ locks }, { account });
        const stay = await tab.join(room_id);
        const ended = next(stay, 'ended');
        await assert.rejects(other.join(room_id, { takeOver: false }), refusedBy({ code: 'already_in_free_room' }));
        const taken = await other.join(room_id);
        assert.deepEqual(await ended, { reason: 'replaced' });
        assert.equal(taken.seat.connection_id, stay.seat.connection_id);
        assert.equal((await other.room(room_id)).participants.length, 2);
        assert.equal((await taken.leave()).ok, true);
    });
});

describe('a sign-in that ends', () => {
    const context = withService({ JWT_TTL_SECONDS: '4', SESSION_MAX_AGE_SECONDS: '60' });

    it('is refreshed before a request, where the token has expired', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        network.meddle('/auth/refresh', ...Array(3).fill(answer(503, { error: 'database_unavailable' })));
        await sleep(4500);
        await client.credits();
        assert.equal(client.isSignedIn, true);
    });

    it('ends the stay, which leaves with the old token', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        const stay = await client.join((await client.create()).room_id);
        network.meddle('/auth/refresh', answer(401, { error: 'unauthorized' }));
        const out = next(client, 'signed_out');
        assert.deepEqual(await next(stay, 'ended'), { reason: 'signed_out' });
        assert.deepEqual(await out, { wallet: stay.seat.host_wallet, reason: 'expired' });
        assert.equal((await stay.leave()).ok, true);
        await assert.rejects(client.credits(), refusedBy({ status: 401, code: 'signed_out' }));
    });
});

describe('a booked session', () => {
    const guest = newAccount();
    const context = withService({ MOCK_GUEST: guest.address, MOCK_HOST: newAccount().address });

    it('is joined, joined again and left', async () => {
        const client = await context.signedIn({}, { account: guest });
        const booking_id = String(Math.floor(Date.now() / 1000));
        const stay = await client.joinSession(booking_id);
        assert.equal(stay.state, 'in');
        assert.equal(stay.remainingSeconds, undefined);
        assert.ok(stay.seat.channel.endsWith(`-${booking_id}`));
        const token = next(stay, 'token');
        stay.check();
        assert.match((await token).agora_token, /^007/);
        assert.equal(typeof (await stay.leave()).duration_ms, 'number');
        const stranger = await context.signedIn();
        await assert.rejects(stranger.joinSession(booking_id), refusedBy({ status: 403, code: 'not a participant' }));
    });
});
