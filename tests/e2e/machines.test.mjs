// Three machines on one PostgreSQL: each rule holds once over all of them, whatever is killed, stands still or is full,
// and nothing is lost that was answered.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { killMachine, makeMachine, Postgres, startMachine } from './cluster.mjs';
import { checkNothingLost, Load, underLoad } from './load.mjs';
import { Anvil } from './node.mjs';
import { attestingSweep, Escrow, runProgram, SessionAt, sweepUntilSettled, unixNow } from './oracle.mjs';
import { count, expect, ok, sleep, until, workerCountOnPostgres } from './service.mjs';

const raceRounds = Number(process.env.RACE_ROUNDS ?? 1);
const killRounds = Number(process.env.PG_KILL_ROUNDS ?? 2);
const killingMs = Number(process.env.KILLING_SECONDS ?? 4) * 1000;
const busyMs = 2000;

const percentile = (numbers, part) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * part)];
const withKey = (key) => ({ headers: { 'Idempotency-Key': key } });
const isFree = (reply) => reply.status !== 409 || reply.json.error !== 'request_in_progress';

// Asks until a worker that has lost its connection, or its web server, is no longer in the way.
const insist = (ask, withinMs = 15_000) =>
    until(async () => {
        const reply = await ask().catch(() => undefined);
        return reply !== undefined && reply.status < 500 && isFree(reply) && reply;
    }, 'an answer', withinMs);

describe('machines on one database', () => {
    let postgres;
    let machines;
    before(async () => {
        postgres = await Postgres.make();
        const settings = { ...underLoad, DATABASE_BUSY_TIMEOUT_MS: String(busyMs) };
        machines = await Promise.all([1, 2, 3].map(() => startMachine(postgres.url(), settings)));
    });
    after(async () => {
        for (const machine of machines ?? []) await machine.stop();
        await postgres?.stop();
    });

    let turn = 0;
    const next = () => machines[(turn += 1) % machines.length];
    // The request goes out so many times at once, to each machine in its turn.
    const atOnce = (times, request) => Promise.all(Array.from({ length: times }, (_, i) => request(next(), i)));
    const signedInMany = (number) => Promise.all(Array.from({ length: number }, () => next().signedIn()));

    for (let round = 1; round <= raceRounds; round += 1) {
        describe(`races, round ${round}`, () => {
            afterEach(() => next().audit());

            it('a nonce of one machine signs in once, at any', async () => {
                const client = next().newClient();
                const nonce = await client.nonce();
                const body = { wallet: client.wallet, nonce, signature: await client.sign(nonce) };
                const replies = await atOnce(30, (machine) => machine.post('/auth/verify', body));
                assert.deepEqual(count(replies), { 200: 1, '401 invalid or expired nonce': 29 });
            });

            it('a wallet creates one room and gets one grant', async () => {
                const client = await next().signedIn();
                const replies = await atOnce(9, (machine) => client.at(machine).create());
                assert.deepEqual(count(replies), { 200: 1, '409 already_hosting_free_room': 8 });
                assert.equal(new Set(replies.map((reply) => reply.json.room_id)).size, 1);
                const of = `wallet = '${client.wallet}'`;
                assert.equal(await postgres.psql(`SELECT count(*) FROM credit_events WHERE ${of}`), '1');
                assert.equal(await postgres.psql(`SELECT count(*) FROM rooms WHERE host_${of}`), '1');
            });

            it('a wallet gets one Celo bonus', async () => {
                const client = await next().signedIn();
                const replies = await atOnce(9, (machine) => client.at(machine).post('/credits/verify-celo'));
                replies.forEach(ok);
                assert.equal(replies.filter((reply) => reply.json.granted).length, 1);
                assert.equal((await client.credits()).bonus_granted_seconds, 1800);
            });

            it('the last place of a room is taken once', async () => {
                const [host, ...guests] = await signedInMany(14);
                const { room_id } = ok(await host.create());
                for (const guest of guests.slice(0, 5)) ok(await guest.at(next()).join(room_id));
                const replies = await atOnce(8, (machine, i) => guests[5 + i].at(machine).join(room_id));
                assert.deepEqual(count(replies), { 200: 1, '409 room_full': 7 });
                const uids = await postgres.psql(
                    `SELECT count(DISTINCT agora_uid) FROM connections WHERE room_id = '${room_id}' AND left_at IS NULL`,
                );
                assert.equal(uids, '6');
            });

            it('an empty room seats six of many', async () => {
                const [host, ...guests] = await signedInMany(13);
                const { room_id } = ok(await host.create());
                const replies = await atOnce(12, (machine, i) => guests[i].at(machine).join(room_id));
                assert.deepEqual(count(replies), { 200: 6, '409 room_full': 6 });
                const seated = replies.filter((reply) => reply.status === 200);
                assert.equal(new Set(seated.map((reply) => reply.json.agora_uid)).size, 6);
            });

            it('a wallet takes one seat', async () => {
                const [host, guest] = await signedInMany(2);
                const { room_id } = ok(await host.create());
                const replies = await atOnce(6, (machine) => guest.at(machine).join(room_id));
                assert.deepEqual(count(replies), { 200: 1, '409 already_in_free_room': 5 });
                assert.equal(new Set(replies.map((reply) => reply.json.connection_id)).size, 1);
            });

            it('renewals, heartbeats and sweeps at once charge each second once', async () => {
                const client = await next().signedIn();
                const begun = Date.now();
                await client.host();
                const joined = Date.now();
                await sleep(2000);
                const first = Date.now();
                const [renewals, beats] = await Promise.all([
                    atOnce(6, (machine) => client.at(machine).renew()),
                    atOnce(6, (machine) => client.at(machine).heartbeat()),
                    ...machines.map((machine) => machine.sweep()),
                ]);
                [...renewals, ...beats].forEach(ok);
                const { consumed_seconds } = await client.credits();
                assert.ok(consumed_seconds > (first - joined) / 1000 - 1, `${consumed_seconds} s`);
                assert.ok(consumed_seconds < (Date.now() - begun) / 1000 + 1, `${consumed_seconds} s`);
                const replies = await atOnce(6, (machine) => client.at(machine).leave());
                assert.deepEqual(count(replies), { 200: 1, '403 not_your_connection': 5 });
                const { debited_seconds } = replies.find((reply) => reply.status === 200).json;
                assert.equal((await client.credits()).consumed_seconds, debited_seconds);
            });

            it("a join that races the host's leaving leaves no ghost", async () => {
                const [host, guest] = await signedInMany(2);
                for (let i = 0; i < 8; i += 1) {
                    const room_id = await host.host();
                    const [left, joined] = await Promise.all([
                        host.at(machines[i % 3]).leave(),
                        guest.at(machines[(i + 1) % 3]).join(room_id),
                    ]);
                    assert.equal(ok(left).closed, true);
                    if (joined.status !== 200) expect(joined, 404, 'room_not_found');
                }
                await guest.host();
                ok(await guest.leave());
            });

            it('a key that is sent to all machines at once has one effect', async () => {
                const clients = await signedInMany(4);
                const sends = clients.flatMap((client, i) =>
                    [0, 1, 2].flatMap((which) => [
                        { key: `create-${i}`, ask: () => client.at(machines[which]).create({}, withKey(`create-${i}`)) },
                        {
                            key: `celo-${i}`,
                            ask: () =>
                                client.at(machines[which]).post('/credits/verify-celo', undefined, withKey(`celo-${i}`)),
                        },
                    ]),
                );
                const answers = new Map();
                await Promise.all(
                    sends.map(async ({ key, ask }) => {
                        const reply = await insist(ask);
                        answers.set(key, [...(answers.get(key) ?? []), reply]);
                    }),
                );
                for (const [key, replies] of answers) {
                    replies.forEach(ok);
                    assert.equal(new Set(replies.map((reply) => reply.text)).size, 1, key);
                    const first = replies.filter((reply) => reply.headers['idempotency-replayed'] === undefined);
                    assert.equal(first.length, 1, `${key} was carried out ${first.length} times`);
                }
                for (const { wallet } of clients) {
                    const counts = `SELECT (SELECT count(*) FROM rooms WHERE host_wallet = '${wallet}'),
                        (SELECT count(*) FROM credit_events WHERE wallet = '${wallet}')`;
                    assert.equal(await postgres.psql(counts), '1|2');
                }
            });
        });
    }

    it('a session that two machines sweep at once is attested once', async (t) => {
        const anvil = await Anvil.start();
        t.after(() => anvil.stop());
        const escrow = await Escrow.deploy(anvil);
        await postgres.makeDatabase('oracles');
        const oracles = [1, 2].map(() => makeMachine(postgres.url('oracles'), escrow.settings()));
        oracles[0].at = new SessionAt(oracles[0]);
        const start = unixNow() - 25 * 60;
        const ids = Array.from({ length: 12 }, (_, i) => 9000 + i);
        const { end } = await escrow.book(ids, start);
        const stays = [
            [escrow.host, 0],
            [escrow.guest, 100, 1100],
        ];
        for (const id of ids) await oracles[0].at.place(id, start, stays);
        const sweeps = await Promise.all([...oracles, ...oracles].map((oracle) => attestingSweep(oracle)));
        for (const { code, stderr, stdout } of sweeps) assert.equal(code, 0, stdout + stderr);
        await sweepUntilSettled([oracles[0]]);
        for (const id of ids) {
            const { tx_hash } = await oracles[0].at.stored(id, 'confirmed');
            await escrow.checkAttested(id, 'completed', [start, end, start + 100, start + 1100, 1000], tx_hash);
        }
        assert.equal(await escrow.transactionCount(), ids.length);
        await escrow.checkNothingWaits();
        await oracles[0].at.stop();
        const { code, stdout } = await runProgram(oracles[1], 'session-voice-admin', ['audit']);
        assert.equal(code, 0, stdout);
        for (const { folder } of oracles) rmSync(folder, { recursive: true });
    });

    it('who needs a row that is held waits, or gets 503; the others go on', async () => {
        const talkers = await signedInMany(6);
        for (const talker of talkers) await talker.host();
        const [held, ...others] = talkers;
        const newcomer = await next().signedIn();
        // What the others' requests take until `until` comes.
        const goOn = async (until) => {
            const waits = [];
            let isOver = false;
            const end = until.then(() => (isOver = true));
            await Promise.all(
                others.map(async (talker) => {
                    while (!isOver) {
                        for (const reply of [await talker.at(next()).renew(), await talker.at(next()).heartbeat()]) {
                            ok(reply);
                            waits.push(reply.ms);
                        }
                        await sleep(20);
                    }
                }),
            );
            await end;
            return waits;
        };
        const waits = [];
        const whileHeld = async (sql, ask, holdMs) => {
            const lock = await postgres.hold(sql);
            const begun = performance.now();
            const asked = ask();
            waits.push(...(await goOn(holdMs === undefined ? asked : sleep(holdMs))));
            await lock.release();
            return { reply: await asked, ms: performance.now() - begun };
        };
        const usual = percentile(await goOn(sleep(1000)), 0.99);
        await sleep(1100); // so that a renewal has something to charge
        const ofWallet = `SELECT FROM credit_accounts WHERE wallet = '${held.wallet}' FOR UPDATE`;
        const short = await whileHeld(ofWallet, () => held.renew(), 1000);
        ok(short.reply);
        assert.ok(short.ms >= 1000, `${short.ms} ms`);
        await sleep(1100);
        const long = await whileHeld(ofWallet, () => held.renew());
        expect(long.reply, 503, 'database_unavailable');
        assert.ok(long.ms >= busyMs * 0.9 && long.ms < busyMs * 2 + 5000, `${long.ms} ms`);
        const ofRoom = `SELECT FROM rooms WHERE room_id = '${held.seat.room_id}' FOR UPDATE`;
        const room = await whileHeld(ofRoom, () => newcomer.join(held.seat.room_id), 1000);
        ok(room.reply);
        assert.ok(room.ms >= 1000, `${room.ms} ms`);
        const p99 = percentile(waits, 0.99);
        console.log(
            `${waits.length} requests of others while a row was held: median ${percentile(waits, 0.5).toFixed(1)} ms, ` +
                `p99 ${p99.toFixed(1)} ms, without it ${usual.toFixed(1)} ms; 503 after ${Math.round(long.ms)} ms`,
        );
        assert.ok(p99 < Math.max(500, 3 * usual), `p99 ${p99} ms, without it ${usual} ms`);
        ok(await held.renew());
        for (const talker of talkers) ok(await talker.leave());
        await next().audit();
    });

    it('is well again after all connections of the server were used up', async () => {
        const [talker] = await signedInMany(1);
        await talker.host();
        await postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'voice'");
        const others = await postgres.occupy();
        assert.ok(others.count > 20, `${others.count} connections`);
        for (const machine of machines) {
            const there = talker.at(machine);
            for (const reply of [await there.heartbeat(), await there.renew(), await there.create()])
                expect(reply, 503, 'database_unavailable');
        }
        const health = await next().get('/health');
        assert.deepEqual([health.status, health.json.ok], [503, false]);
        others.release();
        for (const machine of machines) {
            const there = talker.at(machine);
            // The server takes a moment to notice who has gone.
            ok(await insist(() => there.heartbeat(), 5000));
            ok(await insist(() => there.renew(), 5000));
            assert.equal(ok(await insist(() => machine.get('/health'), 5000)).ok, true);
        }
        ok(await insist(() => talker.leave()));
        await next().audit();
    });

    it('a worker that stood idle while PostgreSQL was started again answers as ever', async () => {
        const talker = await next().signedIn();
        await talker.host();
        const askAll = async () => {
            for (const machine of machines) {
                const there = talker.at(machine);
                // As many as there are workers, of each pool.
                const replies = await Promise.all([1, 2, 3, 4].flatMap(() => [there.heartbeat(), there.renew(), there.get('/credits')]));
                for (const reply of replies) ok(reply);
                expect(await there.create(), 409, 'already_in_free_room');
            }
        };
        await askAll();
        await postgres.shutDown();
        await postgres.start();
        await askAll();
        ok(await talker.leave());
    });

    it('loses nothing while workers, sweeps and whole machines are killed', { timeout: 120_000 + killingMs }, async () => {
        const load = new Load(machines, await signedInMany(8));
        const killed = { workers: 0, machines: 0 };
        let sweeps = true;
        const sweeping = (async () => {
            for (let i = 0; sweeps; i += 1) await next().meter(['--json'], { killAfterMs: i % 3 === 0 ? 30 : undefined });
        })();
        for (const end = performance.now() + killingMs; performance.now() < end || killed.machines === 0; ) {
            const workers = next().workers();
            const victim = workers[Math.floor(Math.random() * workers.length)];
            if (victim !== undefined) {
                try {
                    process.kill(victim, 'SIGKILL');
                    killed.workers += 1;
                } catch {} // it has ended meanwhile
            }
            await sleep(Math.random() * 200);
            if (killed.workers % 15 === 6 && killed.machines < killed.workers / 15) {
                const machine = machines[1 + (killed.machines % 2)];
                load.machines = machines.filter((each) => each !== machine); // as a load balancer does it, a moment late
                await killMachine(machine);
                await sleep(300);
                await machine.start();
                load.machines = machines;
                killed.machines += 1;
            }
        }
        sweeps = false;
        await sweeping;
        await Promise.all(
            machines.map((machine) => until(() => machine.workers().length === workerCountOnPostgres, 'all workers are back', 20_000)),
        );
        await load.stop();
        const stored = await checkNothingLost(postgres, load, machines[0]);
        console.log(
            `killed ${killed.workers} workers, ${killed.machines} machines in ${killingMs / 1000} s: ${load.figures}; ` +
                `${stored.stays} stays, ${stored.debited} s debited`,
        );
        assert.ok(load.tally.answers > 20, load.figures);
    });

    it(`loses nothing while PostgreSQL is killed, ${killRounds} times`, { timeout: 60_000 + killRounds * 30_000 }, async () => {
        const load = new Load(machines, await signedInMany(8));
        const outages = [];
        for (let round = 0; round < killRounds; round += 1) {
            const { answers } = load.tally;
            await until(() => load.tally.answers >= answers + 40, 'the load goes on');
            await sleep(Math.random() * 300);
            await postgres.kill();
            const begun = performance.now();
            const at = load.tally.answers;
            await postgres.start();
            const ready = performance.now();
            await until(() => load.tally.answers > at + 5, 'the service answers by itself', 15_000);
            outages.push([ready - begun, performance.now() - ready]);
            for (const machine of machines) await insist(() => machine.get('/health'), 15_000);
        }
        await load.stop();
        const stored = await checkNothingLost(postgres, load, machines[0]);
        const longest = (which) => Math.round(Math.max(...outages.map((each) => each[which])));
        console.log(
            `${killRounds} kills of PostgreSQL: ${load.figures}; it was back after ${longest(0)} ms at the most, and the ` +
                `service ${longest(1)} ms later; ${stored.stays} stays, ${stored.debited} s debited`,
        );
    });

    it('refuses to write to a database that has moved, and says where it is', async () => {
        const talker = await next().signedIn();
        await talker.host();
        await postgres.psql("UPDATE schema_version SET moved_to = 'db-2.example.org'");
        const before = await postgres.psql('SELECT count(*) FROM credit_events'); // a sweep may have come by until then
        for (const machine of machines)
            for (const reply of [
                await talker.at(machine).renew(),
                await talker.at(machine).create(),
                await talker.at(machine).leave(),
            ])
                expect(reply, 503, 'database_unavailable');
        await sleep(50);
        for (const machine of machines) assert.match(machine.logs(), /this database has moved to db-2\.example\.org/);
        const meter = await next().meter(['--json']);
        assert.equal(meter.code, 1, meter.stdout);
        assert.match(meter.stderr, /this database has moved to db-2\.example\.org/);
        assert.equal(await postgres.psql('SELECT count(*) FROM credit_events'), before);
        // A copy that is started with the old settings comes too late as well.
        const late = makeMachine(postgres.url());
        const grant = ['credits', 'adjust', talker.wallet, '60', '--reason', 'late'];
        const admin = await runProgram(late, 'session-voice-admin', grant);
        assert.notEqual(admin.code, 0);
        assert.match(admin.stdout + admin.stderr, /this database has moved to db-2\.example\.org/);
        rmSync(late.folder, { recursive: true });
        await postgres.psql('UPDATE schema_version SET moved_to = NULL');
        ok(await insist(() => talker.leave()));
        await next().audit();
    });
});
