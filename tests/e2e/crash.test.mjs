// Any process may be killed at any moment: workers, sweeps, the web server. What was
// answered is kept, no second is charged twice, and nobody is held up for longer than a token lives.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { run, sleep, startService, temporaryFolder, until, workerCount } from './service.mjs';

const calmMs = Number(process.env.CRASH_CALM_SECONDS ?? 4) * 1000;
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 32));
const clientCount = 8;
const tokenTtlSeconds = 45; // a key whose attempt was killed is free after 30
const metricsToken = 'metrics-token-of-the-tests';
const finalStatuses = [200, 400, 403, 404, 409];

// mulberry32
function seeded(state) {
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

// One user's app. It sends a request again until it is answered, as an app does whose user waits.
class Caller {
    constructor(client, random) {
        this.client = client;
        this.random = random;
        this.answers = []; // { kind, json, room_id, connection_id }
        this.unanswered = []; // { from, to } in seconds
        this.longestMs = 0;
        this.keys = 0;
    }

    // The answer, if it is one of the service's own; a request of kind 'create', 'join' or 'leave' has a key.
    async ask(kind, rawPath, body, isKeyed) {
        this.keys += 1;
        const headers = isKeyed ? { 'Idempotency-Key': `${kind}-${this.keys}` } : {};
        const begun = performance.now();
        for (;;) {
            const from = Date.now() / 1000;
            try {
                const reply = await this.client.post(rawPath, body, { headers });
                if (finalStatuses.includes(reply.status) && reply.json.error !== 'request_in_progress') {
                    this.longestMs = Math.max(this.longestMs, performance.now() - begun);
                    if (reply.status === 200) this.answers.push({ kind, ...body, ...reply.json });
                    return reply;
                }
            } catch {
                this.unanswered.push({ from, to: Date.now() / 1000 });
            }
            await sleep(20);
        }
    }

    async call(isOver, listing) {
        const host = this.random() < 0.5 ? await this.ask('create', '/rooms/create', { visibility: 'open' }, true) : null;
        let room_id = host?.status === 200 ? host.json.room_id : host?.json.room_id;
        if (!room_id) {
            const rooms = await listing();
            if (rooms.length === 0) return;
            room_id = rooms[Math.floor(this.random() * rooms.length)].room_id;
        }
        let joined = await this.ask('join', '/rooms/join', { room_id }, true);
        if (joined.status === 409 && joined.json.connection_id) {
            // The seat of a call whose end was never told.
            const { room_id: other, connection_id } = joined.json;
            await this.ask('leave', '/rooms/leave', { room_id: other, connection_id }, true);
            joined = await this.ask('join', '/rooms/join', { room_id }, true);
        }
        if (joined.status !== 200) return;
        const seat = { room_id, connection_id: joined.json.connection_id };
        for (let beats = Math.floor(this.random() * 20); beats > 0 && !isOver(); beats -= 1) {
            const beat = await this.ask('heartbeat', '/rooms/heartbeat', seat);
            if (beat.status !== 200) return; // its host closed the room
            if (this.random() < 0.3) await this.ask('renew', '/rooms/token/renew', seat);
            await sleep(this.random() * 300);
        }
        if (this.random() < 0.8) await this.ask('leave', '/rooms/leave', seat, true);
    }
}

async function rows(service, sql) {
    const { code, stdout, stderr } = await run('sqlite3', ['-readonly', '-json', path.join(service.folder, 'session-voice.db'), sql]);
    assert.equal(code, 0, stderr);
    return stdout.trim() === '' ? [] : JSON.parse(stdout);
}

const lines = (service, name) =>
    readFileSync(path.join(service.folder, name), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line));
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// Without any kill the logs must say all that the ledger says.
const scenes = new Set([0, Number(process.env.CRASH_KILLS ?? 25)]);

describe('kill -9', () => {
    for (const kills of scenes) it(`of anything, ${kills} times`, { timeout: 120_000 + calmMs + kills * 4000 }, async () => {
        const random = seeded(seed);
        const service = await startService({
            folder: temporaryFolder(),
            settings: {
                METRICS_TOKEN: metricsToken,
                FREE_TOKEN_TTL_SECONDS: String(tokenTtlSeconds),
                RENEW_AFTER_SECONDS: '10',
                HEARTBEAT_INTERVAL_SECONDS: '2',
                BASE_GRANT_SECONDS: '1000000',
                RATE_LIMIT_CREATE_PER_MINUTE: '0',
                RATE_LIMIT_CHAIN_PER_MINUTE: '0',
            },
        });
        const sweeps = []; // what those said that this test started
        const killedSweeps = []; // { from, to }
        let isOver = false;
        let sweepToKill = null;
        const callers = (await service.signedInMany(clientCount)).map((client) => new Caller(client, random));
        const listing = async () => {
            try {
                return (await service.get('/rooms/active')).json?.rooms ?? [];
            } catch {
                return [];
            }
        };
        const loads = callers.map(async (caller) => {
            while (!isOver) {
                await caller.call(() => isOver, listing);
                await sleep(10);
            }
        });
        const sweeping = (async () => {
            while (!isOver) {
                const from = Date.now() / 1000;
                const meter = await service.meter(['--json'], { onStart: (child) => (sweepToKill = child) });
                sweepToKill = null;
                if (meter.code === 0) sweeps.push(JSON.parse(meter.stdout));
                else killedSweeps.push({ from, to: Date.now() / 1000, signal: meter.signal, stderr: meter.stderr });
                await sleep(random() * 100);
            }
        })();

        // What the metrics, the log of requests and the summaries of sweeps say, beside the ledger.
        const compare = async () => {
            const reply = await service.get('/metrics', { token: metricsToken });
            const metered = Number(reply.text.match(/^session_voice_metered_seconds_total (\d+)$/m)[1]);
            const requests = lines(service, 'session-voice.log');
            const summaries = [...sweeps, ...lines(service, 'meter.log')];
            return {
                metered,
                logged: sum(requests.map(({ debited_seconds }) => debited_seconds ?? 0)) + sum(summaries.map(({ debited_seconds }) => debited_seconds)),
                requests,
            };
        };
        // Nobody is charged between the two readings.
        const pause = async () => {
            isOver = true;
            await Promise.all([...loads, sweeping]);
        };

        await sleep(calmMs);
        await until(() => sum(callers.map(({ answers }) => answers.length)) > 10 * clientCount, 'answers', 60_000); // of a slow machine, too
        const count = { worker: 0, sweep: 0, 'web server': 0 };
        for (let killed = 0; killed < kills; ) {
            await sleep(random() * 400);
            const victims = { worker: service.workers(), sweep: sweepToKill?.pid ? [sweepToKill.pid] : [] };
            const dice = random();
            let kind = 'worker';
            if (dice < 0.25) kind = 'sweep';
            else if (dice < 0.3) kind = 'web server';
            if (kind === 'web server') {
                const [pid] = service.processes().filter((each) => service.nameOf(each) === 'lighttpd');
                process.kill(pid, 'SIGKILL');
                await service.ended(); // what keeps the web server ends with it, and is started again
                await service.start();
            } else {
                const [pid] = victims[kind].sort(() => random() - 0.5);
                if (pid === undefined) continue;
                try {
                    process.kill(pid, 'SIGKILL');
                } catch {
                    continue; // it has ended by itself
                }
            }
            count[kind] += 1;
            killed += 1;
        }
        await until(() => service.workers().length === workerCount, 'all workers are back', 20_000);
        await sleep(500);
        await pause();

        await service.audit();
        const answers = callers.flatMap(({ client, answers: own }) => own.map((answer) => ({ wallet: client.wallet, ...answer })));
        const rooms = new Map((await rows(service, 'SELECT * FROM rooms')).map((row) => [row.room_id, row]));
        const connections = new Map((await rows(service, 'SELECT * FROM connections')).map((row) => [row.connection_id, row]));
        const events = await rows(service, 'SELECT * FROM credit_events ORDER BY event_id');
        const balances = new Set(events.map((event) => `${event.wallet} ${event.balance_after_seconds}`));
        for (const { kind, wallet, room_id, connection_id, ...answer } of answers) {
            const said = `${kind} of ${wallet}: ${JSON.stringify({ room_id, connection_id, ...answer })}`;
            assert.equal(rooms.has(room_id), true, said);
            if (kind === 'create') assert.equal(rooms.get(room_id).host_wallet, wallet, said);
            else assert.equal(connections.get(connection_id)?.wallet, wallet, said);
            if (kind === 'join') assert.equal(connections.get(connection_id).agora_uid, answer.agora_uid, said);
            if (kind === 'leave') assert.notEqual(connections.get(connection_id).left_at, null, said);
            // What a heartbeat says is not booked.
            if (kind !== 'heartbeat' && answer.remaining_seconds !== undefined)
                assert.ok(balances.has(`${wallet} ${answer.remaining_seconds}`), said);
        }
        const stays = [...connections.values()];
        for (const stay of stays) {
            const own = events.filter(({ connection_id }) => connection_id === stay.connection_id);
            const said = `each second once: ${JSON.stringify(stay)}`;
            assert.equal(stay.joined_at - sum(own.map(({ delta_seconds }) => delta_seconds)), stay.last_metered_at, said);
            if (stay.left_at !== null) assert.equal(stay.left_at, stay.last_metered_at, said);
        }

        const debits = events.filter(({ kind }) => kind === 'debit_usage');
        const ledger = sum(debits.map(({ delta_seconds }) => -delta_seconds));
        const { metered, logged, requests } = await compare();
        assert.equal(metered, ledger, 'metrics and ledger');
        // A process that was killed after its commit could not say what it had debited.
        const silent = [...killedSweeps, ...callers.flatMap(({ unanswered }) => unanswered)];
        const unsaid = ledger - logged;
        const explained = sum(
            debits
                .filter(({ created_at }) => silent.some(({ from, to }) => created_at >= Math.floor(from) && created_at <= to))
                .map(({ delta_seconds }) => -delta_seconds),
        );
        assert.ok(unsaid >= 0 && unsaid <= explained, `${ledger} s in the ledger, ${logged} s in the logs, ${explained} s amid kills`);
        if (kills === 0) assert.equal(unsaid, 0);
        for (const { signal, stderr } of killedSweeps) assert.equal(signal, 'SIGKILL', stderr);
        assert.deepEqual(requests.filter(({ status }) => status === 500), []);
        const longestMs = Math.max(...callers.map((caller) => caller.longestMs));
        assert.ok(longestMs < tokenTtlSeconds * 1000, `a client waited ${longestMs} ms`);
        assert.ok(answers.length > 10 * clientCount, `${answers.length} answers`);
        console.log(
            `seed ${seed}: killed ${Object.entries(count).map(([what, times]) => `${what} ${times}`).join(', ')}; ` +
                `${answers.length} answers kept, ${sum(callers.map(({ unanswered }) => unanswered.length))} requests sent again, ` +
                `the longest wait ${Math.round(longestMs)} ms; ledger and metrics ${ledger} s, logs ${logged} s, ` +
                `${unsaid} s debited by processes that were killed before they could say so`,
        );
        await service.stop();
    });
});
