// People who use machines that share a database, each by whichever machine comes next, and send again what was not
// answered; and whether the database has all that they were told.
import assert from 'node:assert/strict';
import { sleep } from './service.mjs';

// Does not keep a test alive that has failed.
export const pause = (ms) => sleep(ms, undefined, { ref: false });

const finalStatuses = [200, 400, 403, 404, 409];
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// What the settings must be under such a load.
export const underLoad = {
    BASE_GRANT_SECONDS: '1000000',
    EARLY_LEAVE_BUDGET_SECONDS: '0', // who comes and goes all the time would be charged for it
    RENEW_AFTER_SECONDS: '10',
    HEARTBEAT_INTERVAL_SECONDS: '2',
};

const isInProgress = (reply) => reply.status === 409 && reply.json?.error === 'request_in_progress';

// An exchange without an answer, as it is when a process was killed, or with the web server's own page in place of it.
// Anything else that is thrown is a bug.
const isBroken = (error) => / answered 500: </.test(error.message) || (error.code !== undefined && error.code !== 'ERR_ASSERTION');

class Caller {
    constructor(load, client) {
        this.load = load;
        this.client = client;
        this.answers = []; // { kind, room_id, connection_id, ... }
        this.unknown = { create: 0, join: 0, close: 0 }; // whose answer was not waited for
        this.asked = 0;
    }

    // The answer to it, or undefined if the load ended before. With a key it has one effect, however often it is sent.
    async ask(kind, rawPath, body, isKeyed) {
        this.asked += 1;
        const { load } = this;
        const headers = isKeyed ? { 'Idempotency-Key': `${kind}-${this.asked}` } : {};
        for (let attempt = 0; ; attempt += 1) {
            const machine = load.machines[(this.asked + attempt) % load.machines.length];
            try {
                const reply = await machine.post(rawPath, body, { token: this.client.token, headers });
                if (finalStatuses.includes(reply.status) && !isInProgress(reply)) {
                    load.told(this, kind, body, reply);
                    return reply;
                }
                if (isInProgress(reply)) load.tally.inProgress += 1;
                else if (reply.json === undefined) load.tally.unanswered += 1; // the web server's own
                else {
                    assert.deepEqual([reply.status, reply.json.error], [503, 'database_unavailable']);
                    load.tally.refused += 1;
                }
            } catch (error) {
                if (!isBroken(error)) {
                    load.bugs.push(error);
                    return undefined;
                }
                load.tally.unanswered += 1;
            }
            // A key whose attempt was killed is free again after 30 s.
            if (load.isOver && performance.now() > load.patientUntil) {
                if (kind in this.unknown) this.unknown[kind] += 1;
                return undefined;
            }
            await pause(50);
        }
    }

    async call() {
        const { load } = this;
        const created = await this.ask('create', '/rooms/create', { visibility: 'open' }, true);
        const room_id = created?.json.room_id; // of 409 too: whose answer was not waited for
        if (!room_id) return;
        load.open.add(room_id);
        // Every other call is in somebody else's room, while there is one.
        const others = [...load.open].filter((id) => id !== room_id);
        const chosen = this.asked % 2 === 0 || others.length === 0 ? room_id : others[this.asked % others.length];
        let joined = await this.ask('join', '/rooms/join', { room_id: chosen }, true);
        if (joined?.status === 409 && joined.json.connection_id) {
            const { room_id: other, connection_id } = joined.json;
            await this.ask('leave', '/rooms/leave', { room_id: other, connection_id }, true);
            joined = await this.ask('join', '/rooms/join', { room_id: chosen }, true);
        }
        if (joined?.status === 200) {
            const seat = { room_id: chosen, connection_id: joined.json.connection_id };
            for (let beat = 0; beat < 3 + (this.asked % 5) && !load.isOver; beat += 1) {
                await pause(load.pauseMs);
                const kind = beat % 2 === 0 ? 'renew' : 'heartbeat';
                const path = kind === 'renew' ? '/rooms/token/renew' : '/rooms/heartbeat';
                if ((await this.ask(kind, path, seat))?.status !== 200) break; // its host closed the room
            }
            await this.ask('leave', '/rooms/leave', seat, true);
        }
        load.open.delete(room_id);
        await this.ask('close', '/rooms/join', { room_id }, true); // its host comes,
        const seat = this.answers.at(-1);
        if (seat?.kind === 'close') await this.ask('leave', '/rooms/leave', { room_id, connection_id: seat.connection_id }, true); // and leaves
    }
}

export class Load {
    // `machines` may change at any time.
    constructor(machines, clients, { pauseMs = 100 } = {}) {
        this.machines = machines;
        this.pauseMs = pauseMs;
        this.callers = clients.map((client) => new Caller(this, client));
        this.open = new Set();
        this.bugs = [];
        this.tally = { answers: 0, repeated: 0, refused: 0, unanswered: 0, inProgress: 0 };
        this.isOver = false;
        this.lastAt = performance.now();
        this.longestGapMs = 0;
        this.runs = this.callers.map(async (caller) => {
            while (!this.isOver) await caller.call();
        });
    }

    told(caller, kind, body, reply) {
        const now = performance.now();
        if (reply.status === 200) {
            this.longestGapMs = Math.max(this.longestGapMs, now - this.lastAt);
            this.lastAt = now;
            this.tally.answers += 1;
            if (reply.headers['idempotency-replayed'] !== undefined) this.tally.repeated += 1;
            caller.answers.push({ kind, ...body, ...reply.json });
        }
    }

    // Lets everybody finish what is under way.
    async stop({ patienceMs = 2000 } = {}) {
        this.isOver = true;
        this.patientUntil = performance.now() + patienceMs;
        const alive = setInterval(() => {}, 1000);
        await Promise.all(this.runs);
        clearInterval(alive);
        assert.deepEqual(this.bugs, []);
    }

    get figures() {
        const { answers, repeated, refused, unanswered, inProgress } = this.tally;
        return (
            `${answers} answers, ${repeated} of them repeated, ${refused} times 503, ${unanswered} without an answer, ` +
            `${inProgress} times 409 for a key that was taken, the longest time without an answer ${Math.round(this.longestGapMs)} ms`
        );
    }
}

// Everything that was answered is in the database, whatever was sent again has one effect, and each second is charged once.
export async function checkNothingLost(postgres, load, machine) {
    await machine.audit();
    const rooms = new Map((await postgres.rows('SELECT * FROM rooms')).map((row) => [row.room_id, row]));
    const stays = new Map((await postgres.rows('SELECT * FROM connections')).map((row) => [row.connection_id, row]));
    const events = await postgres.rows('SELECT * FROM credit_events ORDER BY event_id');
    const balances = new Set(events.map(({ wallet, balance_after_seconds }) => `${wallet} ${balance_after_seconds}`));
    const charged = new Map(); // of each stay
    for (const { connection_id, delta_seconds } of events)
        if (connection_id !== null) charged.set(connection_id, (charged.get(connection_id) ?? 0) - delta_seconds);

    for (const { client, answers, unknown } of load.callers) {
        const { wallet } = client;
        for (const { kind, room_id, connection_id, ...answer } of answers) {
            const said = `${kind} of ${wallet}: ${JSON.stringify({ room_id, connection_id, ...answer, agora_token: undefined })}`;
            assert.ok(rooms.has(room_id), said);
            if (kind === 'create') {
                assert.equal(rooms.get(room_id).host_wallet, wallet, said);
                continue;
            }
            const stay = stays.get(connection_id);
            assert.deepEqual([stay?.wallet, stay?.room_id], [wallet, room_id], said);
            if (kind === 'join' || kind === 'close') assert.equal(stay.agora_uid, answer.agora_uid, said);
            if (kind === 'leave') {
                assert.notEqual(stay.left_at, null, said);
                assert.equal(charged.get(connection_id) ?? 0, answer.debited_seconds, said);
            }
            // What a heartbeat says is not booked.
            if (kind !== 'heartbeat' && answer.remaining_seconds !== undefined)
                assert.ok(balances.has(`${wallet} ${answer.remaining_seconds}`), said);
        }
        const count = (...kinds) => answers.filter(({ kind }) => kinds.includes(kind)).length;
        const hosted = [...rooms.values()].filter(({ host_wallet }) => host_wallet === wallet).length;
        const joined = [...stays.values()].filter((stay) => stay.wallet === wallet).length;
        const atMost = (number, least, more, what) =>
            assert.ok(number >= least && number <= least + more, `${wallet}: ${number} ${what} for ${least} answers and ${more} unknown`);
        atMost(hosted, count('create'), unknown.create, 'rooms');
        atMost(joined, count('join', 'close'), unknown.join + unknown.close, 'stays');
        const grants = events.filter((event) => event.wallet === wallet && event.kind === 'grant_base').length;
        assert.ok(grants <= 1, `${grants} grants for ${wallet}`);
    }
    for (const stay of stays.values()) {
        const said = `each second once: ${JSON.stringify(stay)}`;
        assert.equal(stay.joined_at + (charged.get(stay.connection_id) ?? 0), stay.last_metered_at, said);
        assert.equal(stay.debited_seconds, charged.get(stay.connection_id) ?? 0, said);
        if (stay.left_at !== null) assert.equal(stay.left_at, stay.last_metered_at, said);
    }
    const debits = events.filter(({ kind }) => kind === 'debit_usage');
    return { rooms: rooms.size, stays: stays.size, debited: -sum(debits.map(({ delta_seconds }) => delta_seconds)) };
}
