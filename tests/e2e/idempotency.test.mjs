// Requests with an Idempotency-Key, sent again and again: through the real web server, at once, out of order, and while
// workers are killed under them.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { expect, ok, run, sleep, startService, until } from './service.mjs';

const wallets = 25;
const sendsPerKey = 10;
const atOnce = 50;
const killingMs = Number(process.env.KILLING_SECONDS ?? 8) * 1000;

// Seeded, so that a failure can be seen again.
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
let state = seed;
function random(below) {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
}

function shuffle(list) {
    for (let i = list.length - 1; i > 0; i -= 1) {
        const j = random(i + 1);
        [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
}

// Runs the tasks, so many at a time.
async function runAll(tasks) {
    const waiting = [...tasks];
    const row = async () => {
        for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
    };
    await Promise.all(Array.from({ length: atOnce }, row));
}

async function query(service, sql) {
    const { code, stdout, stderr } = await run('sqlite3', [
        '-readonly',
        path.join(service.folder, 'session-voice.db'),
        sql,
    ]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
}

const withKey = (key) => ({ headers: { 'Idempotency-Key': key } });
const isInProgress = (reply) => reply.status === 409 && reply.json.error === 'request_in_progress';

describe('a request that is sent again', { concurrency: 2 }, () => {
    it(`has one effect: ${wallets * 4 * sendsPerKey} requests under ${wallets * 4} keys`, async () => {
        console.log(`SEED=${seed}`);
        const service = await startService();
        const clients = await service.signedInMany(wallets);
        // What each wallet asks for, in the order that makes sense. `first` is the phase of its first sending; the others
        // come in that phase or in any later one, among everybody else's.
        const requests = clients.flatMap((client, i) => [
            { client, key: `celo-${i}`, first: 0, route: '/credits/verify-celo' },
            { client, key: `create-${i}`, first: 0, route: '/rooms/create', body: () => ({ visibility: 'open' }) },
            { client, key: 'join', first: 1, route: '/rooms/join', body: () => ({ room_id: client.room_id }) },
            { client, key: 'leave', first: 2, route: '/rooms/leave', body: () => client.seat },
        ]);
        let sent = 0;
        let askedAgain = 0;
        const send = async (request) => {
            sent += 1;
            for (;;) {
                const reply = await request.client.post(request.route, request.body?.(), withKey(request.key));
                if (!isInProgress(reply)) {
                    (request.replies ??= []).push(reply);
                    return;
                }
                assert.equal(reply.headers['retry-after'], '1');
                askedAgain += 1;
                await sleep(20);
            }
        };
        const phases = [[], [], [], []];
        for (const request of requests) {
            for (let i = 0; i < sendsPerKey; i += 1) {
                const phase = i < 2 ? request.first : request.first + random(phases.length - request.first);
                phases[phase].push(request);
            }
        }
        for (const [number, phase] of phases.entries()) {
            // Half of the wallets send what is the same in one burst, the others out of order.
            const bursts = requests
                .filter(({ client }) => clients.indexOf(client) % 2 === 0)
                .map((request) => phase.filter((sending) => sending === request));
            const singles = phase.filter(({ client }) => clients.indexOf(client) % 2 === 1).map((sending) => [sending]);
            await runAll(
                shuffle([...bursts, ...singles])
                    .flat()
                    .map((request) => () => send(request)),
            );
            for (const { client, route, replies } of requests) {
                if (number === 0 && route === '/rooms/create') client.room_id = ok(replies[0]).room_id;
                if (number === 1 && route === '/rooms/join') {
                    const { room_id, connection_id } = ok(replies[0]);
                    client.seat = { room_id, connection_id };
                }
            }
            if (number === 1) await sleep(1500); // so that there is something to charge
        }

        assert.equal(sent, wallets * 4 * sendsPerKey);
        let different = 0;
        for (const { key, replies } of requests) {
            assert.equal(replies.length, sendsPerKey, key);
            ok(replies[0]);
            const first = replies.filter((reply) => reply.headers['idempotency-replayed'] === undefined);
            assert.equal(first.length, 1, `${key} was carried out ${first.length} times`);
            assert.ok(replies.every((reply) => (reply.headers['idempotency-replayed'] ?? 'true') === 'true'));
            different += replies.filter(
                (reply) => reply.status !== replies[0].status || reply.text !== replies[0].text,
            ).length;
        }
        assert.equal(different, 0);
        const leaves = requests.filter((request) => request.route === '/rooms/leave');
        const debits = leaves.map(({ replies }) => replies[0].json.debited_seconds);
        const counts = await query(
            service,
            `SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM rooms WHERE closed_at IS NULL),
                    (SELECT count(*) FROM connections), (SELECT count(*) FROM connections WHERE left_at IS NULL),
                    sum(kind = 'grant_base'), sum(kind = 'grant_celo_bonus'), sum(kind = 'debit_usage'), count(*),
                    -sum(delta_seconds) FILTER (WHERE kind = 'debit_usage'),
                    (SELECT count(*) FROM idempotent_requests WHERE status = 200) FROM credit_events`,
        );
        const charged = debits.filter((seconds) => seconds > 0).length;
        const total = debits.reduce((sum, seconds) => sum + seconds, 0);
        assert.ok(charged > 0);
        const expected = [wallets, 0, wallets, 0, wallets, wallets, charged, 2 * wallets + charged, total, 4 * wallets];
        assert.equal(counts, expected.join('|'));
        for (const [i, client] of clients.entries()) {
            const { base_granted_seconds, bonus_granted_seconds, consumed_seconds } = await client.credits();
            assert.deepEqual([base_granted_seconds, bonus_granted_seconds, consumed_seconds], [1800, 1800, debits[i]]);
        }
        await service.audit();
        console.log(
            `${sent} requests under ${requests.length} keys, ${askedAgain} asked again after 409: ${wallets} rooms, ` +
                `${wallets} connections, ${2 * wallets} grants, ${charged} debits of ${total} s; ` +
                `${different} answers different from their key's first`,
        );

        // And a day later all of it is forgotten.
        await service.stop({ keepFolder: true });
        const age = 'UPDATE idempotent_requests SET started_at = started_at - 86400';
        const aged = await run('sqlite3', [path.join(service.folder, 'session-voice.db'), age]);
        assert.equal(aged.code, 0, aged.stderr);
        assert.equal((await service.sweep())[0].idempotency_keys_purged, 4 * wallets);
        assert.equal((await service.sweep())[0].idempotency_keys_purged, 0);
        assert.equal(await query(service, 'SELECT count(*) FROM idempotent_requests'), '0');
        rmSync(service.folder, { recursive: true });
    });

    it('is told from another one, and from a malformed one', async () => {
        const service = await startService();
        const [client, other] = await service.signedInMany(2);
        const first = await client.create({ visibility: 'open' }, withKey('k'));
        ok(first);
        const again = await client.create({ visibility: 'open' }, withKey('k'));
        assert.deepEqual([again.status, again.text], [first.status, first.text]);
        assert.equal(again.headers['idempotency-replayed'], 'true');
        assert.equal(again.headers['content-type'], first.headers['content-type']);
        expect(await client.create({ visibility: 'private' }, withKey('k')), 422, 'idempotency_key_reused');
        expect(await client.post('/credits/verify-celo', undefined, withKey('k')), 422, 'idempotency_key_reused');
        ok(await other.create({ visibility: 'private' }, withKey('k')));
        for (const malformed of ['a b', 'k'.repeat(256), ['one', 'two']])
            expect(await client.create(undefined, withKey(malformed)), 400, 'invalid idempotency_key');
        ok(await client.post('/credits/verify-celo', undefined, withKey('k'.repeat(255))));
        ok(await client.get('/credits', withKey('a b')));
        await service.audit();
        await service.stop();
    });

    it('has one effect although workers are killed under it', { timeout: 180_000 + killingMs }, async () => {
        console.log(`SEED=${seed}`);
        // Who comes and goes more often than that would be charged for time after he left.
        const service = await startService({ settings: { EARLY_LEAVE_BUDGET_SECONDS: '0' } });
        const clients = await service.signedInMany(24);
        const tally = { asked: 0, lost: 0, inProgress: 0, replayed: 0, kills: 0, longestMs: 0 };
        // As a phone does it that wants its answer.
        const insist = async (client, route, body, key) => {
            const begun = performance.now();
            for (;;) {
                tally.asked += 1;
                const reply = await client.post(route, body, withKey(key)).catch(() => undefined);
                if (reply === undefined || reply.status > 500) tally.lost += 1;
                else if (isInProgress(reply)) tally.inProgress += 1;
                else {
                    tally.longestMs = Math.max(tally.longestMs, performance.now() - begun);
                    if (reply.headers['idempotency-replayed'] !== undefined) tally.replayed += 1;
                    return ok(reply);
                }
                await sleep(100);
            }
        };
        let isOver = false;
        const lives = clients.map(async (client) => {
            client.stays = 0;
            client.debited = 0;
            for (;;) {
                client.stays += 1;
                const { room_id } = await insist(client, '/rooms/create', {}, `create-${client.stays}`);
                const seat = await insist(client, '/rooms/join', { room_id }, `join-${client.stays}`);
                client.seat = { room_id, connection_id: seat.connection_id };
                if (isOver) return;
                const left = await insist(client, '/rooms/leave', client.seat, `leave-${client.stays}`);
                client.debited += left.debited_seconds;
            }
        });
        for (const end = performance.now() + killingMs; performance.now() < end; ) {
            const workers = service.workers();
            const victim = workers[random(workers.length)];
            if (victim !== undefined) {
                try {
                    process.kill(victim, 'SIGKILL');
                    tally.kills += 1;
                } catch {} // it has ended meanwhile
            }
            await sleep(random(40));
        }
        isOver = true;
        await Promise.all(lives);
        console.log(
            `${tally.kills} workers killed in ${killingMs / 1000} s: ${tally.asked} requests, ${tally.lost} without an answer, ` +
                `${tally.inProgress} times 409, ${tally.replayed} answers repeated, the longest wait ${Math.round(tally.longestMs)} ms`,
        );
        assert.ok(tally.kills > 10 && tally.lost > 0, 'nobody was hit');
        assert.ok(tally.longestMs < 60_000, 'a key stayed blocked');
        // A worker that was not there is asked again only a second later; until then lighttpd answers 503 by itself, in
        // HTML.
        const isLighttpds = ({ status, json }) => status === 503 && json === undefined;
        const answered = async (ask) =>
            ok(await until(async () => [await ask()].find((reply) => !isLighttpds(reply)), 'a worker is there again'));
        for (const client of clients) {
            const { connection_id, room_id } = client.seat;
            await answered(() => client.heartbeat());
            const [rooms, open, connections, seats, grants] = (
                await query(
                    service,
                    `SELECT (SELECT count(*) FROM rooms WHERE host_wallet = w),
                            (SELECT group_concat(room_id) FROM rooms WHERE host_wallet = w AND closed_at IS NULL),
                            (SELECT count(*) FROM connections WHERE wallet = w),
                            (SELECT group_concat(connection_id) FROM connections WHERE wallet = w AND left_at IS NULL),
                            (SELECT count(*) FROM credit_events WHERE wallet = w AND kind = 'grant_base')
                     FROM (SELECT '${client.wallet}' AS w)`,
                )
            ).split('|');
            assert.deepEqual([open, seats, grants], [room_id, connection_id, '1']);
            assert.deepEqual([Number(rooms), Number(connections)], [client.stays, client.stays]);
            client.debited += (await answered(() => client.leave())).debited_seconds;
            assert.equal((await answered(() => client.get('/credits'))).consumed_seconds, client.debited);
        }
        await service.audit();
        await service.stop();
    });
});
