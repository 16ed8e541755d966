// Many requests at once, through the real web server and its workers: each rule still holds once.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { count, expect, ok, sleep, startService } from './service.mjs';

const rounds = 3;

const atOnce = (times, request) => Promise.all(Array.from({ length: times }, (_, i) => request(i)));

describe('races', () => {
    let service;
    before(async () => {
        service = await startService();
    });
    after(() => service.stop());

    for (let round = 1; round <= rounds; round += 1) {
        describe(`round ${round}`, () => {
            afterEach(() => service.audit());

            it('a nonce signs in once', async () => {
                const client = service.newClient();
                const nonce = await client.nonce();
                const body = { wallet: client.wallet, nonce, signature: await client.sign(nonce) };
                const replies = await atOnce(100, () => service.post('/auth/verify', body));
                assert.deepEqual(count(replies), { 200: 1, '401 invalid or expired nonce': 99 });
            });

            it('a wallet creates one room and gets one grant', async () => {
                const client = await service.signedIn();
                const replies = await atOnce(8, () => client.create());
                assert.deepEqual(count(replies), { 200: 1, '409 already_hosting_free_room': 7 });
                assert.equal(new Set(replies.map((reply) => reply.json.room_id)).size, 1);
                const { stdout } = await service.admin('credits', 'show', client.wallet);
                assert.equal(stdout.match(/grant_base/g).length, 1, stdout);
                assert.match(stdout, /^ +base +1800 s$/m);
            });

            it('a wallet gets one Celo bonus', async () => {
                const client = await service.signedIn();
                const replies = await atOnce(8, () => client.post('/credits/verify-celo'));
                replies.forEach(ok);
                assert.equal(replies.filter((reply) => reply.json.granted).length, 1);
                assert.equal((await client.credits()).bonus_granted_seconds, 1800);
            });

            it('a room seats six, with a uid each', async () => {
                const [host, ...guests] = await service.signedInMany(13);
                const { room_id } = ok(await host.create());
                const replies = await atOnce(12, (i) => guests[i].join(room_id));
                assert.deepEqual(count(replies), { 200: 6, '409 room_full': 6 });
                const uids = replies.filter((reply) => reply.status === 200).map((reply) => reply.json.agora_uid);
                assert.equal(new Set(uids).size, 6);
                assert.ok(uids.every((uid) => uid > 0));
            });

            it('a wallet takes one seat', async () => {
                const [host, guest] = await service.signedInMany(2);
                const { room_id } = ok(await host.create());
                const replies = await atOnce(5, () => guest.join(room_id));
                assert.deepEqual(count(replies), { 200: 1, '409 already_in_free_room': 4 });
                assert.equal(new Set(replies.map((reply) => reply.json.connection_id)).size, 1);
                ok(await guest.leave());
            });

            it('heartbeats at once charge each second once', async () => {
                const client = await service.signedIn();
                const begun = Date.now();
                await client.host();
                const joined = Date.now();
                await sleep(2000);
                const first = Date.now();
                const replies = await atOnce(10, () => client.heartbeat());
                const { consumed_seconds, remaining_seconds } = await client.credits();
                const longest = (Date.now() - begun) / 1000;
                const shortest = (first - joined) / 1000;
                assert.ok(consumed_seconds > shortest - 1 && consumed_seconds < longest + 1, `${consumed_seconds} s`);
                assert.equal(remaining_seconds + consumed_seconds, 1800);
                for (const reply of replies) assert.ok(ok(reply).remaining_seconds >= remaining_seconds);
                // A second may have passed since.
                const last = Math.min(...replies.map((reply) => reply.json.remaining_seconds));
                assert.ok(last === remaining_seconds || last === remaining_seconds + 1, `${last}, then ${remaining_seconds}`);
                const left = ok(await client.leave());
                assert.equal(left.debited_seconds, (await client.credits()).consumed_seconds);
            });

            it('the host leaves once', async () => {
                const [host, guest] = await service.signedInMany(2);
                const room_id = await host.host();
                ok(await guest.join(room_id));
                await sleep(1000);
                const replies = await atOnce(4, () => host.leave());
                assert.deepEqual(count(replies), { 200: 1, '403 not_your_connection': 3 });
                const { debited_seconds } = replies.find((reply) => reply.status === 200).json;
                assert.equal((await host.credits()).consumed_seconds, debited_seconds);
                assert.ok((await guest.credits()).consumed_seconds <= debited_seconds + 1);
            });

            it("a join that races the host's leaving leaves no ghost", async () => {
                const [host, guest] = await service.signedInMany(2);
                for (let i = 0; i < 20; i += 1) {
                    const room_id = await host.host();
                    const requests = [() => host.leave(), () => guest.join(room_id)];
                    if (i % 2 === 1) requests.reverse();
                    const replies = await Promise.all(requests.map((request) => request()));
                    const [left, joined] = i % 2 === 1 ? replies.reverse() : replies;
                    assert.equal(ok(left).closed, true);
                    if (joined.status === 200) expect(await guest.heartbeat(), 403, 'not_your_connection');
                    else expect(joined, 404, 'room_not_found');
                }
                await guest.host(); // and is locked out of nothing
                ok(await guest.leave());
            });

            it('a removal that races heartbeats charges each second once and happens once', async () => {
                const [host, guest] = await service.signedInMany(2);
                const room_id = await host.host();
                ok(await guest.join(room_id));
                const path = `/rooms/${room_id}/participants/${guest.seat.connection_id}`;
                await sleep(1000);
                const [removals, beats] = await Promise.all([
                    atOnce(3, () => service.delete(path, { token: host.token })),
                    atOnce(6, () => guest.heartbeat()),
                ]);
                assert.deepEqual(count(removals), { 200: 1, '404 participant_not_found': 2 });
                for (const beat of beats) if (beat.status !== 200) expect(beat, 403, 'not_your_connection');
                expect(await guest.heartbeat(), 403, 'not_your_connection');
                const { debited_seconds } = removals.find((reply) => reply.status === 200).json;
                assert.equal((await guest.credits()).consumed_seconds, debited_seconds);
                ok(await host.leave());
            });

            it("a join that races the host's closing leaves no ghost", async () => {
                const [host, guest] = await service.signedInMany(2);
                for (let i = 0; i < 20; i += 1) {
                    const { room_id } = ok(await host.create());
                    const requests = [
                        () => service.delete(`/rooms/${room_id}`, { token: host.token }),
                        () => guest.join(room_id),
                    ];
                    if (i % 2 === 1) requests.reverse();
                    const replies = await Promise.all(requests.map((request) => request()));
                    const [closed, joined] = i % 2 === 1 ? replies.reverse() : replies;
                    assert.equal(ok(closed).closed, true);
                    if (joined.status === 200) expect(await guest.heartbeat(), 403, 'not_your_connection');
                    else expect(joined, 404, 'room_not_found');
                }
                await guest.host();
                ok(await guest.leave());
            });
        });
    }
});
