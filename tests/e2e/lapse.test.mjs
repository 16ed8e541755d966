// Presence and credit in real time, with tokens of three seconds and, after the first one at the start, no sweep.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expect, ok, sleep, startService, until } from './service.mjs';

const life = 3;
const rules = {
    FREE_TOKEN_TTL_SECONDS: String(life),
    RENEW_AFTER_SECONDS: '1',
    HEARTBEAT_INTERVAL_SECONDS: '1',
    MINIMUM_CREDIT_SECONDS: String(life),
    UNJOINED_ROOM_TTL_SECONDS: String(life),
};
const pastLifeMs = life * 1000 + 1100; // whole seconds are counted

describe('real time', { concurrency: 2 }, () => {
    describe('a vanished client', { concurrency: 8 }, () => {
        let service;
        before(async () => {
            service = await startService({ settings: rules });
        });
        after(async () => {
            assert.equal(
                service.logs().match(/"connections_metered"/g).length,
                1,
                'a second sweep ran: the machine is too slow for this',
            );
            await service.sweep();
            await service.audit();
            await service.stop();
        });

        it("lapses and is charged exactly its token's life", async () => {
            const client = await service.signedIn();
            const room_id = await client.host();
            await sleep(pastLifeMs);
            assert.deepEqual(await client.credits(), {
                remaining_seconds: 1800 - life,
                base_granted_seconds: 1800,
                bonus_granted_seconds: 0,
                consumed_seconds: life,
            });
            for (const refused of [await client.heartbeat(), await client.renew(), await client.leave()])
                expect(refused, 403, 'not_your_connection');
            await sleep(life * 1000); // its room has been empty for long enough
            expect(await client.join(room_id), 404, 'room_not_found');
            await client.host(); // nothing is in its way
            await client.leave();
        });

        it('finds its room again', async () => {
            const [host, guest] = await service.signedInMany(2);
            const room_id = await host.host();
            const listed = async () =>
                ok(await service.get('/rooms/active')).rooms.find((room) => room.room_id === room_id);
            await until(async () => (await listed()).participant_count === 0, 'the host lapses');
            const refused = await host.create();
            expect(refused, 409, 'already_hosting_free_room');
            assert.equal(refused.json.room_id, room_id);
            ok(await guest.join(room_id));
            assert.equal(ok(await host.join(room_id)).is_host, true);
            assert.equal((await listed()).participant_count, 2);
            assert.equal(ok(await host.leave()).closed, true);
        });

        it('is refused by its own next heartbeat, renewal or leaving, and charged no more', async () => {
            const clients = await service.signedInMany(3);
            for (const client of clients) await client.host();
            await sleep(pastLifeMs + 1000);
            const [beats, renews, leaves] = clients;
            expect(await beats.heartbeat(), 403, 'not_your_connection');
            expect(await renews.renew(), 403, 'not_your_connection');
            expect(await leaves.leave(), 403, 'not_your_connection');
            for (const client of clients) assert.equal((await client.credits()).consumed_seconds, life);
        });

        it('is counted no more at once, and its room leaves the listing later', async () => {
            const client = await service.signedIn();
            const room_id = await client.host();
            const listed = async () =>
                ok(await service.get('/rooms/active')).rooms.find((room) => room.room_id === room_id);
            assert.equal((await listed()).participant_count, 1);
            await sleep(pastLifeMs);
            assert.equal((await listed()).participant_count, 0);
            await sleep(life * 1000);
            assert.equal(await listed(), undefined);
        });

        it('makes way for another in a full room', async () => {
            const clients = await service.signedInMany(6);
            const late = await service.signedIn();
            const [host] = clients;
            const room_id = await host.host();
            for (const client of clients.slice(1)) ok(await client.join(room_id));
            expect(await late.join(room_id), 409, 'room_full');
            for (const begun = Date.now(); Date.now() - begun < pastLifeMs; ) {
                await sleep(500);
                ok(await host.renew());
            }
            ok(await late.join(room_id));
            for (const client of clients.slice(1)) assert.equal((await client.credits()).consumed_seconds, life);
            ok(await host.leave());
        });

        it('stays as long as it renews, and a heartbeat is no renewal', async () => {
            const [renews, beats] = await service.signedInMany(2);
            const room_id = await renews.host();
            ok(await beats.join(room_id));
            const begun = Date.now();
            const elapsed = () => (Date.now() - begun) / 1000;
            for (let round = 0; round < 20 && elapsed() < life + 2; round += 1) {
                await sleep(500);
                ok(await renews.renew());
                const beat = await beats.heartbeat();
                if (beat.status !== 200) assert.ok(elapsed() > life - 1, `lapsed after ${elapsed()} s`);
            }
            expect(await beats.heartbeat(), 403, 'not_your_connection');
            const { debited_seconds } = ok(await renews.leave());
            assert.ok(
                debited_seconds > life && debited_seconds <= elapsed() + 2,
                `${debited_seconds} in ${elapsed()} s`,
            );
            assert.equal((await beats.credits()).consumed_seconds, life);
        });

        it('does not keep a room that nobody joined', async () => {
            const client = await service.signedIn();
            const { room_id } = ok(await client.create());
            expect(await client.create(), 409, 'already_hosting_free_room');
            await sleep(pastLifeMs);
            const { rooms } = ok(await service.get('/rooms/active'));
            assert.equal(
                rooms.some((room) => room.room_id === room_id),
                false,
            );
            expect(await client.join(room_id), 404, 'room_not_found');
            ok(await client.create());
        });
    });

    describe('running out of credit', { concurrency: 2 }, () => {
        let service;
        before(async () => {
            const settings = { ...rules, BASE_GRANT_SECONDS: '8', LOW_CREDIT_SECONDS: '6' };
            service = await startService({ settings });
        });
        after(async () => {
            await service.audit();
            await service.stop();
        });

        it('is announced once, then refuses renewal, then ends the stay', async () => {
            const client = await service.signedIn();
            await client.host();
            const events = [];
            const denied = await until(
                async () => {
                    await sleep(450);
                    const renewal = ok(await client.renew());
                    events.push(...renewal.events);
                    return renewal.denied && renewal;
                },
                'renewal is denied',
                20_000,
            );
            assert.equal(denied.reason, 'credits_exhausted');
            assert.equal(denied.agora_token, undefined);
            assert.ok(denied.remaining_seconds < life);
            assert.deepEqual(
                events.map((event) => event.type),
                ['credits_low'],
            );
            const [low] = events;
            assert.equal(low.wallet, client.wallet);
            assert.ok(low.remaining_seconds <= 6 && low.remaining_seconds >= 4, `low at ${low.remaining_seconds}`);
            assert.ok(Math.abs(low.at_epoch - Date.now() / 1000) < 30);

            const refused = await until(async () => {
                const beat = await client.heartbeat();
                return beat.status !== 200 && beat;
            }, 'the stay ends');
            expect(refused, 403, 'not_your_connection');
            const { remaining_seconds, consumed_seconds } = await client.credits();
            assert.ok(consumed_seconds <= 8 && remaining_seconds === 8 - consumed_seconds);
            const again = await client.create();
            expect(again, 403, 'insufficient_credits');
            assert.equal(again.json.remaining_seconds, remaining_seconds);
        });

        it('an event that the sweep raised reaches the client', async () => {
            const client = await service.signedIn();
            await client.host();
            await until(
                async () => {
                    await service.sweep();
                    return (await client.credits()).remaining_seconds <= 6;
                },
                'the sweep meters',
                20_000,
            );
            assert.deepEqual(
                ok(await client.heartbeat()).events.map((event) => event.type),
                ['credits_low'],
            );
            assert.deepEqual(ok(await client.renew()).events, []);
            ok(await client.leave());
        });
    });
});
