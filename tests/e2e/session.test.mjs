// Booked sessions against the escrow contract on a real node.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { keccak256, toBytes, zeroAddress, zeroHash } from 'viem';
import { expect, ok, sleep, startService } from './service.mjs';
import { Anvil, chainId } from './node.mjs';

const status = { booked: 1, cancelled: 2, attested: 3, disputed: 4, resolved: 5, finalized: 6 };
const largestId = 2n ** 256n - 1n;
const unixNow = () => Math.floor(Date.now() / 1000);
const uidOf = (client) => (parseInt(client.wallet.slice(-8), 16) & 0x7fffffff) % 0x7fffffff || 1;

const enter = (client, booking_id) => client.post('/session/join', { booking_id });
const leave = (client, booking_id) => client.post(`/session/${booking_id}/leave`);

describe('booked sessions', () => {
    let anvil;
    let escrow;
    let service;
    let host;
    let guest;
    let stranger;
    before(async () => {
        anvil = await Anvil.start();
        escrow = await anvil.deploy('MockEscrow', [zeroAddress]);
        service = await startService({
            settings: {
                CHAIN_MODE: 'rpc',
                CHAIN_ID: String(chainId),
                RPC_URL: anvil.url,
                RPC_TIMEOUT_MS: '1000',
                RPC_MAX_CONCURRENT: '6', // or of many at once some would be told to come again
                REGISTRY_ADDRESS: escrow.address,
                VERIFICATION_MIRROR_ADDRESS: escrow.address,
                ESCROW_ADDRESS: escrow.address,
            },
        });
        [host, guest, stranger] = await service.signedInMany(3);
    });
    after(async () => {
        await service?.audit();
        await service?.stop();
        await anvil?.stop();
    });

    // A slot that begins `startsIn` seconds from now, and its id.
    let slots = 1000n;
    async function setSlot(startsIn = 0, durationMins = 20) {
        slots += 1n;
        const slot = {
            host: host.account.address,
            startTime: unixNow() + startsIn,
            durationMins,
            price: 10n ** 18n,
            graceMins: 5,
            minOverlapMins: 10,
            cancelCutoffMins: 60,
            status: 1,
        };
        await anvil.send(escrow, 'setSlot', [slots, slot]);
        return slots;
    }
    function setBooking(id, slotId, bookingStatus = status.booked) {
        const booking = {
            slotId,
            guest: guest.account.address,
            amount: 10n ** 18n,
            status: bookingStatus,
            oracleOutcome: 0,
            metricsHash: zeroHash,
            attestedAt: 0,
            finalizableAt: 0,
            challenger: zeroAddress,
            bondAmount: 0n,
            disputedAt: 0,
        };
        return anvil.send(escrow, 'setBooking', [id, booking]);
    }

    it('seats the host and the guest, and nobody else', async () => {
        await setBooking(7n, await setSlot());
        for (const client of [host, guest]) {
            const seat = ok(await enter(client, '7'));
            assert.deepEqual(Object.keys(seat).sort(), ['agora_token', 'channel', 'user_uid']);
            assert.equal(seat.channel, `heaven-${chainId}-7`);
            assert.equal(seat.user_uid, uidOf(client));
            assert.match(seat.agora_token, /^007[A-Za-z0-9+/]+=*$/);
        }
        expect(await enter(stranger, '7'), 403, 'not a participant');
        expect(await service.post('/session/join', { booking_id: '7' }), 401, 'unauthorized');

        // The host's connection broke and comes back, in another spelling: the guest keeps the seat.
        assert.equal(ok(await enter(host, ' 007 ')).channel, `heaven-${chainId}-7`);
        assert.equal(ok(await enter(guest, 7)).channel, `heaven-${chainId}-7`);

        await sleep(2100);
        const { ok: isOk, duration_ms } = ok(await leave(host, '7'));
        assert.equal(isOk, true);
        assert.ok(duration_ms >= 2000 && duration_ms <= 8000 && duration_ms % 1000 === 0, `${duration_ms} ms`);
        assert.deepEqual(ok(await leave(host, '7')), { ok: true, duration_ms: 0 });
        assert.deepEqual(ok(await leave(stranger, '7')), { ok: true, duration_ms: 0 });
        const left = ok(await leave(guest, '007'));
        assert.ok(left.duration_ms >= 2000, `${left.duration_ms} ms`);
        assert.deepEqual(ok(await service.get('/rooms/active')), { rooms: [] });
    });

    it('knows the window', async () => {
        const slack = 30; // for a slow test
        await setBooking(20n, await setSlot(300 + slack));
        await setBooking(21n, await setSlot(300 - slack));
        await setBooking(22n, await setSlot(slack - 20 * 60));
        await setBooking(23n, await setSlot(-slack - 20 * 60));
        for (const client of [host, guest]) {
            expect(await enter(client, '20'), 400, 'too early to join');
            ok(await enter(client, '21'));
            ok(await enter(client, '22'));
            expect(await enter(client, '23'), 400, 'session has ended');
        }
        expect(await enter(stranger, '20'), 403, 'not a participant');
        expect(await enter(stranger, '23'), 403, 'not a participant');
    });

    it('knows what the escrow knows', async () => {
        expect(await enter(host, '30'), 404, 'booking not found');
        await setBooking(30n, 999n);
        expect(await enter(host, '30'), 404, 'slot not found');
        const slotId = await setSlot();
        await setBooking(30n, slotId);
        ok(await enter(host, '30'));
        for (const name of ['cancelled', 'attested', 'disputed', 'resolved', 'finalized']) {
            await setBooking(30n, slotId, status[name]);
            for (const client of [host, guest, stranger]) expect(await enter(client, '30'), 400, 'booking not active');
        }
        await setBooking(30n, slotId, 7); // no status that there is
        expect(await enter(guest, '30'), 503, 'chain_unavailable');
        ok(await leave(host, '30')); // nobody is asked for that
    });

    it('takes every uint256 and nothing else', async () => {
        const slotId = await setSlot();
        for (const id of [largestId, 2n ** 53n + 1n, 0n]) {
            await setBooking(id, slotId);
            // The name of a channel has less than 64 bytes.
            const hash = keccak256(toBytes(`${id}`)).slice(0, 34);
            const name = `${id}`.length > 50 ? hash : `${id}`;
            assert.equal(ok(await enter(guest, `${id}`)).channel, `heaven-${chainId}-${name}`);
            assert.equal(ok(await leave(guest, `000${id}`)).ok, true);
        }
        // A JSON integer that a double cannot hold.
        const exact = await guest.post('/session/join', '{"booking_id":9007199254740993}');
        assert.equal(ok(exact).channel, `heaven-${chainId}-9007199254740993`);
        expect(await enter(guest, '9007199254740992'), 404, 'booking not found');
        expect(await enter(guest, `${largestId + 1n}`), 400, 'invalid booking_id');
        expect(await enter(guest, -1), 400, 'invalid booking_id');
        expect(await guest.post('/session/join', {}), 400, 'missing booking_id');
        for (const id of ['abc', `${largestId + 1n}`])
            assert.deepEqual(ok(await leave(guest, id)), { ok: true, duration_ms: 0 });
    });

    it('is routed by the raw path', async () => {
        for (const path of ['/session/7%2fleave', '/session//leave', '/session/1/2/leave', '/session/7/leave/x'])
            expect(await guest.post(path), 404, 'not_found');
        ok(await guest.post('/session/7/leave/'));
        for (const path of ['/session/join', '/session/7/leave']) {
            const refused = await guest.get(path);
            expect(refused, 405, 'method_not_allowed');
            assert.equal(refused.headers.allow, 'POST, OPTIONS');
        }
    });

    it('seats everybody who comes at once, each in one seat', async () => {
        await setBooking(40n, await setSlot());
        const everybody = Array.from({ length: 24 }, (_, i) => [host, guest, stranger][i % 3]);
        const replies = await Promise.all(everybody.map((client) => enter(client, '40')));
        for (const [i, reply] of replies.entries()) {
            if (everybody[i] === stranger) expect(reply, 403, 'not a participant');
            else assert.equal(ok(reply).user_uid, uidOf(everybody[i]));
        }
        await service.audit();
        await sleep(1100);
        const departures = await Promise.all(Array.from({ length: 8 }, () => leave(host, '40')));
        const durations = departures.map((reply) => ok(reply).duration_ms);
        assert.equal(durations.filter((duration) => duration > 0).length, 1, `${durations}`);
    });

    it('needs the node to join what it has not heard of for a minute, and for nothing else', async () => {
        await setBooking(50n, await setSlot());
        await setBooking(51n, await setSlot());
        const { user_uid } = ok(await enter(host, '50'));
        await anvil.stop();
        for (const client of [host, guest]) assert.equal(ok(await enter(client, '50')).channel, `heaven-${chainId}-50`);
        assert.equal(ok(await enter(host, '50')).user_uid, user_uid);
        expect(await enter(stranger, '50'), 403, 'not a participant');
        for (const client of [host, guest, stranger]) {
            const refused = await enter(client, '51');
            expect(refused, 503, 'chain_unavailable');
            assert.match(refused.headers['retry-after'], /^\d+$/);
        }
        await sleep(1100);
        for (const client of [host, guest]) assert.ok(ok(await leave(client, '50')).duration_ms >= 1000);
        assert.deepEqual(ok(await leave(guest, '51')), { ok: true, duration_ms: 0 });
    });
});
