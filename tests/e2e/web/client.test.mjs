// The client library against the real service: rooms and credits, lost answers, refusals.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../service.mjs';
import { answer, answerLost, meddlingFetch, next, newAccount, refusedBy, withService } from './pages.mjs';

describe('rooms and credits', () => {
    const context = withService();

    it('lists, and takes the list that it has when nothing has changed', async () => {
        const statuses = [];
        const client = context.newClient({
            fetch: async (...request) => {
                const response = await fetch(...request);
                statuses.push(response.status);
                return response;
            },
        });
        const { room_id } = await context.room();
        const rooms = await client.rooms();
        assert.equal(rooms.find((room) => room.room_id === room_id).title, 'Tea');
        assert.deepEqual(await client.rooms(), rooms);
        assert.deepEqual(statuses, [200, 304]);
    });

    it('creates, joins, tells the credit as of now, and leaves', async () => {
        const client = await context.signedIn();
        const { room_id, capacity } = await client.create({ visibility: 'private', capacity: 3 });
        assert.equal(capacity, 3);
        const stay = await client.join(room_id);
        assert.equal(stay.state, 'in');
        assert.deepEqual([stay.seat.room_id, stay.seat.is_host], [room_id, true]);
        assert.match(stay.seat.agora_token, /^007/);
        const before = stay.remainingSeconds;
        await sleep(1500);
        assert.ok(stay.remainingSeconds < before && stay.remainingSeconds >= before - 3);
        assert.equal((await client.room(room_id)).participants.length, 1);
        const ended = next(stay, 'ended');
        const left = await stay.leave();
        assert.equal(left.closed, true);
        assert.ok(left.debited_seconds >= 1 && left.debited_seconds <= 3);
        assert.deepEqual(await ended, { reason: 'left' });
        const { events } = await client.history({ limit: 1 });
        assert.equal(events[0].delta_seconds, -left.debited_seconds);
        assert.equal((await client.credits()).remaining_seconds, left.remaining_seconds);
        await assert.rejects(client.history({ cursor: '!' }), refusedBy({ status: 400, code: 'invalid cursor' }));
    });

    it('tells what is in the way', async () => {
        const { room_id, host, hosting } = await context.room();
        const in_way = { status: 409, code: 'already_in_free_room', room_id };
        await assert.rejects(host.create(), refusedBy({ ...in_way, connection_id: hosting.seat.connection_id }));
        await assert.rejects(host.join('no room'), refusedBy({ status: 409, room_id }));
        const other = await context.signedIn();
        await assert.rejects(other.join('no room'), refusedBy({ status: 404, code: 'room_not_found' }));
        await hosting.leave();
    });

    it('verifies with Celo', async () => {
        const client = await context.signedIn();
        assert.equal((await client.verifyCelo()).granted, true);
        assert.equal((await client.verifyCelo()).granted, false);
    });

    it('as a host removes a guest, and closes the room', async () => {
        const { host, room_id, hosting } = await context.room();
        const guest = await context.signedIn();
        const stay = await guest.join(room_id);
        const ended = next(stay, 'ended');
        assert.equal((await host.removeParticipant(room_id, stay.seat.connection_id)).ok, true);
        stay.check();
        assert.deepEqual(await ended, { reason: 'removed' });
        const closed = next(hosting, 'ended');
        assert.deepEqual(await host.closeRoom(room_id), { ok: true, closed: true });
        assert.deepEqual(await closed, { reason: 'room_gone' });
        await assert.rejects(guest.closeRoom(room_id), refusedBy({ status: 404, code: 'room_not_found' }));
    });

    it('leaves a seat that a page has forgotten', async () => {
        const { room_id } = await context.room();
        const account = newAccount();
        const forgotten = await (await context.signedIn({}, { account })).join(room_id);
        const client = await context.signedIn({}, { account });
        assert.equal((await client.leave(room_id, forgotten.seat.connection_id)).ok, true);
        const ended = next(forgotten, 'lost');
        forgotten.check();
        assert.deepEqual(await ended, { reason: 'seat_gone' });
        await forgotten.leave();
    });
});

describe('a request whose answer is lost', () => {
    const context = withService();

    for (const [name, path, act] of [
        ['create', '/rooms/create', (client) => client.create()],
        ['verify-celo', '/credits/verify-celo', (client) => client.verifyCelo()],
    ])
        it(`${name} is repeated under its key, and acts once`, async () => {
            const network = meddlingFetch();
            const client = await context.signedIn(network);
            network.meddle(path, answerLost, answerLost);
            const done = await act(client);
            const sent = network.sent.filter((each) => each.path === path);
            const keys = sent.map(({ headers }) => headers['Idempotency-Key']);
            assert.equal(keys.length, 3);
            assert.equal(new Set(keys).size, 1);
            if (name === 'create') assert.ok(done.room_id);
            else assert.equal(done.granted, true);
        });

    it('join and leave act once', async () => {
        const { room_id } = await context.room();
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        network.meddle('/rooms/join', answerLost);
        const stay = await client.join(room_id);
        assert.equal(stay.state, 'in');
        assert.equal((await client.room(room_id)).participants.length, 2);
        network.meddle('/rooms/leave', answerLost);
        const left = await stay.leave();
        assert.equal(left.ok, true);
        assert.equal((await client.room(room_id)).participants.length, 1);
    });

    it('removing and closing are done although the second answer is 404', async () => {
        const network = meddlingFetch();
        const { host, room_id } = await context.room(network);
        const stay = await (await context.signedIn()).join(room_id);
        network.meddle(stay.seat.connection_id, answerLost);
        assert.deepEqual(await host.removeParticipant(room_id, stay.seat.connection_id), { ok: true });
        network.meddle(room_id, answerLost);
        assert.deepEqual(await host.closeRoom(room_id), { ok: true, closed: true });
    });

    it('two leaves at once are one request', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        const stay = await client.join((await client.create()).room_id);
        const [one, other] = [stay.leave(), stay.leave()];
        assert.equal(one, other);
        assert.equal((await one).ok, true);
        assert.equal(stay.leave(), one);
        assert.equal(network.countOf('/rooms/leave'), 1);
    });
});

describe('a service in trouble', () => {
    const context = withService();

    it('is asked again after Retry-After, and not before', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        const busy = answer(503, { error: 'database_unavailable' }, { 'Retry-After': '1' });
        const limited = answer(429, { error: 'rate_limited' }, { 'Retry-After': '1' });
        network.meddle('/credits', busy, limited);
        const begun = performance.now();
        await client.credits();
        assert.ok(performance.now() - begun >= 2000);
        assert.equal(network.countOf('/credits'), 3);
    });

    it('that asks for too much patience is an error that says so', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network, { retrySeconds: 5 });
        network.meddle('/rooms/create', answer(429, { error: 'rate_limited' }, { 'Retry-After': '900' }));
        const refused = refusedBy({ status: 429, code: 'rate_limited', retryAfterSeconds: 900 });
        await assert.rejects(client.create(), refused);
        assert.equal(network.countOf('/rooms/create'), 1);
    });

    it('is not taken for what a gateway or a hotel says in its place', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        const html = (status) => async () => new Response('<html></html>', { status });
        network.meddle('/credits', html(200), html(404), html(502));
        assert.equal((await client.credits()).consumed_seconds, 0);
    });

    it('that takes the token no more gives another, and answers with that', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network);
        network.meddle('/credits', answer(401, { error: 'unauthorized' }));
        assert.equal((await client.credits()).consumed_seconds, 0);
        assert.equal(network.countOf('/auth/refresh'), 1);
        assert.equal(network.countOf('/credits'), 2);
    });

    it('that hangs is given up, and asked again', async () => {
        const network = meddlingFetch();
        const client = await context.signedIn(network, { timeoutSeconds: 3 });
        const hang = () => new Promise(() => {});
        network.meddle('/credits', hang);
        await client.credits();
        const gone = await context.signedIn(network, { timeoutSeconds: 3, retrySeconds: 5 });
        network.meddle('/credits', ...Array(20).fill(hang));
        await assert.rejects(gone.credits(), refusedBy({ status: 0, code: 'timeout' }));
    });
});
